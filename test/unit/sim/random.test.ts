import assert from "node:assert/strict";
import { SeededRandom } from "#libs/sim/random.js";

const draws = (random: SeededRandom, count = 5): number[] =>
  Array.from({ length: count }, () => random.fraction());

describe("chance from a seed", () => {
  it("is the same for the same seed, and another for another", () => {
    assert.deepEqual(draws(new SeededRandom("a")), draws(new SeededRandom("a")));
    assert.notDeepEqual(draws(new SeededRandom("a")), draws(new SeededRandom("b")));
    assert.equal(new SeededRandom("a").token(8), new SeededRandom("a").token(8));
  });

  it("of a part does not depend on what others have drawn", () => {
    const untouched = new SeededRandom("a");
    const used = new SeededRandom("a");
    draws(used, 100);
    assert.deepEqual(draws(untouched.fork("link")), draws(used.fork("link")));
    assert.notDeepEqual(draws(untouched.fork("link")), draws(untouched.fork("node")));
  });

  it("is spread evenly from 0 to 1", () => {
    const counts = Array.from({ length: 10 }, () => 0);
    for (const draw of draws(new SeededRandom("even"), 10_000)) counts[Math.floor(draw * 10)]!++;
    // 1000 expected in each; the standard deviation is 30.
    assert.ok(
      counts.every((count) => Math.abs(count - 1000) < 150),
      counts.join(" "),
    );
  });

  it("makes events as likely as asked", () => {
    const random = new SeededRandom("likely");
    const often = Array.from({ length: 10_000 }, () => random.happens(0.2)).filter(Boolean).length;
    assert.ok(Math.abs(often - 2000) < 200, `${often} of 10000`);
    assert.ok(!random.happens(0));
    assert.ok(random.happens(1));
  });
});
