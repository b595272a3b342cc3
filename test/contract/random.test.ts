import assert from "node:assert/strict";
import { SystemRandom } from "#libs/adapters/random.js";
import type { Random } from "#libs/ports/random.js";
import { SeededRandom } from "#libs/sim/random.js";

const drawn = 10_000;

function randomContract(open: () => Random): void {
  let random: Random;
  beforeEach(() => (random = open()));
  const many = <T>(draw: () => T): T[] => Array.from({ length: drawn }, draw);

  it("fractions are from 0 up to, but never, 1", () => {
    const outside = many(() => random.fraction()).filter((each) => !(each >= 0 && each < 1));
    assert.deepEqual(outside, []);
  });

  it("fractions are spread evenly", () => {
    const counts = Array.from({ length: 10 }, () => 0);
    for (const each of many(() => random.fraction())) counts[Math.floor(each * 10)]!++;
    // 1000 expected in each tenth, the standard deviation is 30: seven of them is once in 10^11 runs.
    assert.ok(
      counts.every((count) => Math.abs(count - 1000) < 210),
      counts.join(" "),
    );
  });

  it("a token has the length that is asked for, none too", () => {
    for (const length of [0, 1, 12, 64]) assert.equal(random.token(length).length, length);
  });

  it("tokens are of lower-case letters and digits, each as likely as the others", () => {
    const counts = new Map<string, number>();
    for (const letter of random.token(36 * 1000)) counts.set(letter, (counts.get(letter) ?? 0) + 1);
    assert.equal([...counts.keys()].toSorted().join(""), "0123456789abcdefghijklmnopqrstuvwxyz");
    // 1000 expected of each, the standard deviation is 31.
    assert.ok(
      [...counts.values()].every((count) => Math.abs(count - 1000) < 220),
      JSON.stringify([...counts]),
    );
  });

  it("no token comes again, as far as chance has it", () => {
    // 10,000 of 36^12 = 4.7 × 10^18: two alike are once in 10^11 runs.
    assert.equal(new Set(many(() => random.token(12))).size, drawn);
  });

  it("one beside another draws other tokens and fractions", () => {
    const other = open();
    assert.notEqual(random.token(12), other.token(12));
    assert.notEqual(random.fraction(), other.fraction());
  });
}

describe("chance of this host", () => {
  randomContract(() => new SystemRandom());
});

describe("chance from a seed, as the port has it", () => {
  // Each process of a simulated world draws from a fork of its own.
  const world = new SeededRandom("contract");
  let processes = 0;
  randomContract(() => world.fork(`node/${++processes}`));
});
