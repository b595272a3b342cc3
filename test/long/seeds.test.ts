import assert from "node:assert/strict";
import { run } from "#test/sim/run.js";
import { seeds } from "#test/sim/scenario.js";
import { commandOf } from "#test/sim/shrink.js";

/** Reported together: a line a seed would hide all others. */
const together = 25;

async function passes(seed: number | string): Promise<string> {
  const { failure, ending, mixture } = await run({ seed });
  assert.equal(failure, undefined, `seed ${seed} (${commandOf({ seed })}): ${failure}\n  ${mixture}`);
  return ending;
}

describe("simulation: seeds", function () {
  this.timeout(120_000);

  const all = seeds(300);
  for (let from = 0; from < all.length; from += together) {
    const some = all.slice(from, from + together);
    it(`whatever goes wrong ends well, ${some[0]} to ${some.at(-1)}`, async () => {
      for (const seed of some) await passes(seed);
    });
  }

  it("go the same way the second time, to the last draw, and each another way", async () => {
    const endings = new Set<string>();
    for (const seed of all.slice(0, 10)) {
      const [first, second] = [await passes(seed), await passes(seed)];
      assert.equal(first, second, `seed ${seed}`);
      endings.add(first);
    }
    assert.equal(endings.size, Math.min(10, all.length));
  });
});
