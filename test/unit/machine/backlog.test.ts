import assert from "node:assert/strict";
import { Backlog } from "#libs/machine/backlog.js";

describe("a backlog", () => {
  it("keeps what nobody hears for the first who listens, in order, and goes on with what comes", () => {
    const backlog = new Backlog<number>();
    const heard: number[] = [];
    backlog.tell(1);
    backlog.tell(2);
    const first = backlog.values.subscribe((value) => heard.push(value));
    backlog.tell(3);
    assert.deepEqual(heard, [1, 2, 3]);
    first.unsubscribe();
    backlog.tell(4);
    backlog.values.subscribe((value) => heard.push(value));
    assert.deepEqual(heard, [1, 2, 3, 4], "each once");
  });

  it("ends when it is closed", () => {
    const backlog = new Backlog<number>();
    let isOver = false;
    backlog.values.subscribe({ complete: () => (isOver = true) });
    backlog.close();
    assert.ok(isOver);
  });
});
