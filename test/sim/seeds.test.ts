import assert from "node:assert/strict";
import { Worker } from "node:worker_threads";
import { runSeeds, type SeedsOptions } from "./seeds.js";
import type { Told } from "./told.js";

/** A thread that answers for each seed, but for those with which it does something else. */
const threadThat = (does: Readonly<Record<number, string>> = {}) => {
  const source = `
    const { parentPort } = require("node:worker_threads");
    const does = ${JSON.stringify(does)};
    parentPort.on("message", ({ seed, twice }) => {
      if (does[seed] !== undefined) return void eval(does[seed]);
      parentPort.postMessage({ seed, virtualMs: twice ? 2 : 1, events: 1 });
    });`;
  return () => new Worker(source, { eval: true, execArgv: [] });
};

async function told(options: Partial<SeedsOptions> = {}): Promise<Told[]> {
  const all: Told[] = [];
  await runSeeds({
    from: 1,
    count: 5,
    jobs: 1,
    twice: false,
    mostMs: Number.POSITIVE_INFINITY,
    seedMostMs: 30_000,
    now: () => 0,
    told: (each) => void all.push(each),
    isEnough: () => false,
    thread: threadThat(),
    ...options,
  });
  return all.toSorted((a, b) => a.seed - b.seed);
}

const seedsOf = (all: readonly Told[]) => all.map(({ seed }) => seed);

describe("simulation: many seeds", function () {
  this.timeout(60_000);

  it("run each once, in as many threads as are asked for, from the first on", async () => {
    const all = await told({ from: 11, jobs: 3, twice: true });
    assert.deepEqual(seedsOf(all), [11, 12, 13, 14, 15]);
    assert.ok(all.every(({ failure, virtualMs }) => failure === undefined && virtualMs === 2));
  });

  it("begin no seed when time is over, or enough is known", async () => {
    let time = 0;
    assert.equal((await told({ now: () => time++, mostMs: 3 })).length, 2);
    let seen = 0;
    assert.equal((await told({ isEnough: () => seen++ === 3 })).length, 3);
  });

  for (const [how, does, words] of [
    [
      "throws",
      "setImmediate(() => { throw new Error('out of reach') })",
      /its thread died: Error: out of reach/,
    ],
    ["ends its thread", "process.exit(3)", /its thread ended with exit code 3/],
    ["hangs", "for (;;);", /it hangs: no end after 0.5 s/],
  ] as const)
    it(`name one that ${how}, count it as failed, and go on with the next`, async () => {
      const seedMostMs = how === "hangs" ? 500 : 30_000;
      const all = await told({ thread: threadThat({ 2: does }), seedMostMs });
      assert.deepEqual(seedsOf(all), [1, 2, 3, 4, 5]);
      assert.match(all[1]!.failure!, words);
      assert.equal(all[1]!.isLost, true);
      assert.equal(all.filter(({ failure }) => failure !== undefined).length, 1);
    });
});
