import assert from "node:assert/strict";
import fc from "fast-check";
import { DueTimes } from "#libs/core/due-times.js";
import { never } from "#libs/core/time.js";

describe("due times", () => {
  it("takes what is due, earliest first, once", () => {
    const due = new DueTimes<string>();
    due.set("c", 30);
    due.set("a", 10);
    due.set("b", 20);
    assert.equal(due.earliest(), 10);
    assert.deepEqual(due.take(20), ["a", "b"]);
    assert.deepEqual(due.take(20), []);
    assert.equal(due.earliest(), 30);
  });

  it("a key that was moved or deleted is due when it was set last", () => {
    const due = new DueTimes<string>();
    due.set("a", 10);
    due.set("a", 50);
    due.set("b", 20);
    due.delete("b");
    due.set("c", 5);
    due.set("c", never);
    assert.equal(due.earliest(), 50);
    assert.deepEqual(due.take(49), []);
    assert.deepEqual(due.take(50), ["a"]);
    assert.equal(due.earliest(), never);
  });

  it("whatever is set and deleted, it takes what a sorted map would", () => {
    const step = fc.record({ key: fc.integer({ min: 0, max: 9 }), at: fc.integer({ min: 0, max: 20 }) });
    fc.assert(
      fc.property(fc.array(step), fc.integer({ min: 0, max: 20 }), (steps, now) => {
        const due = new DueTimes<number>();
        const expected = new Map<number, number>();
        for (const { key, at } of steps)
          if (at === 0) {
            due.delete(key);
            expected.delete(key);
          } else {
            due.set(key, at);
            expected.set(key, at);
          }
        const taken = due.take(now).map((key) => expected.get(key));
        const sorted = [...expected.values()].filter((at) => at <= now).toSorted((a, b) => a - b);
        assert.deepEqual(taken, sorted);
        assert.equal(due.earliest(), Math.min(never, ...[...expected.values()].filter((at) => at > now)));
      }),
    );
  });
});
