import assert from "node:assert/strict";
import fc from "fast-check";
import { Schedule } from "#libs/sim/schedule.js";

const runAll = (schedule: Schedule): void => {
  while (schedule.next() !== undefined) schedule.step();
};

describe("virtual time", () => {
  it("lets things happen in the order of time, and of asking when they are due together", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 })), (times) => {
        const schedule = new Schedule();
        const happened: [number, number][] = [];
        for (const [index, time] of times.entries())
          schedule.after(time, () => happened.push([schedule.now, index]));
        runAll(schedule);
        const expected = times
          .map((time, index): [number, number] => [time, index])
          .toSorted(([a, i], [b, j]) => a - b || i - j);
        assert.deepEqual(happened, expected);
      }),
    );
  });

  it("does not let happen what was cancelled", () => {
    const schedule = new Schedule();
    const happened: string[] = [];
    const cancel = schedule.after(1, () => happened.push("cancelled"));
    schedule.after(2, () => happened.push("kept"));
    cancel();
    assert.equal(schedule.next(), 2);
    runAll(schedule);
    assert.deepEqual(happened, ["kept"]);
  });

  it("never lets anything happen before its time, whatever the fractions", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1e7, noNaN: true }),
        fc.double({ min: 0, max: 1e5, noNaN: true }),
        (start, ms) => {
          const schedule = new Schedule();
          schedule.advanceTo(start);
          const due = schedule.now + ms;
          schedule.after(ms, () => assert.ok(schedule.now >= due - 1e-9));
          runAll(schedule);
        },
      ),
    );
  });

  it("moves on even for a wait that is smaller than its grain", () => {
    const schedule = new Schedule();
    schedule.advanceTo(1e9);
    schedule.after(1e-12, () => undefined);
    schedule.step();
    assert.ok(schedule.now >= 1e9);
  });
});
