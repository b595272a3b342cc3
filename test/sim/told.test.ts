import assert from "node:assert/strict";
import { SimWorld } from "#libs/sim/world.js";
import { run } from "./run.js";
import { tellOf } from "./told.js";

const another = /went another way the second time/;

/** A run in which a node takes so many draws and says so many words. */
function ending(draws: number, words: number): string {
  const { trace, random } = new SimWorld({ seed: 1 });
  const fork = random.fork("node");
  for (let draw = 0; draw < draws; draw++) fork.fraction();
  for (let word = 0; word < words; word++) trace.add(`word ${word}`);
  return `${trace.hash} ${random.ending}`;
}

/** Runs that end one after the other like this. */
const endings =
  (...all: string[]) =>
  () =>
    Promise.resolve({ ending: all.shift()!, virtualMs: 1, events: 1 });

describe("simulation: a seed that is run twice", function () {
  this.timeout(60_000);

  it("goes the same way", async () => {
    const only = new Set<string>();
    const told = await tellOf({ seed: 1, twice: true }, (options) => run({ ...options, only }));
    assert.equal(told.failure, undefined);
  });

  it("is seen to go another way by a single draw that nobody tells of", async () => {
    assert.match(
      (await tellOf({ seed: 1, twice: true }, endings(ending(5, 3), ending(6, 3)))).failure!,
      another,
    );
  });

  it("is seen to go another way by a single event", async () => {
    assert.match(
      (await tellOf({ seed: 1, twice: true }, endings(ending(5, 3), ending(5, 4)))).failure!,
      another,
    );
  });

  it("is run once unless asked for", async () => {
    assert.equal(
      (await tellOf({ seed: 1, twice: false }, endings(ending(5, 3), ending(6, 3)))).failure,
      undefined,
    );
  });
});
