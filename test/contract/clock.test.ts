import assert from "node:assert/strict";
import { type Node, type World, worlds } from "./worlds.js";

for (const kind of worlds) {
  describe(`clock of ${kind.name}`, () => {
    let world: World;
    let node: Node;

    beforeEach(async () => {
      world = await kind.open();
      node = await world.node("here");
    });
    afterEach(() => world.end());

    it("never calls before its time, and once", async () => {
      const late: number[] = [];
      let calls = 0;
      for (const ms of [0, 0.3, 1, 2.7, 10, 33.3]) {
        const due = node.clock.now().mono + ms;
        node.clock.after(ms, () => {
          calls++;
          late.push(node.clock.now().mono - due);
        });
      }
      await world.until("all", () => late.length === 6);
      await world.pass(50);
      assert.equal(calls, 6);
      assert.ok(
        late.every((each) => each >= 0),
        `late by ${late.join(", ")} ms`,
      );
    });

    it("calls in the order of time", async () => {
      const order: number[] = [];
      for (const ms of [40, 5, 80, 20]) node.clock.after(ms, () => order.push(ms));
      await world.until("all", () => order.length === 4);
      assert.deepEqual(order, [5, 20, 40, 80]);
    });

    it("does not call what was cancelled, and a second cancel does nothing", async () => {
      let called = "";
      const cancel = node.clock.after(5, () => (called += "cancelled"));
      const other = node.clock.after(10, () => (called += "other"));
      cancel();
      cancel();
      await world.until("the other", () => called !== "");
      cancel();
      other();
      assert.equal(called, "other");
    });

    it("goes forward, the monotonic and the wall clock by the same", async () => {
      const before = node.clock.now();
      await world.pass(20);
      const after = node.clock.now();
      const [mono, wall] = [after.mono - before.mono, after.wall - before.wall];
      assert.ok(mono >= 20, `monotonic ${mono}`);
      assert.ok(Math.abs(mono - wall) < 10, `wall ${wall}, monotonic ${mono}`);
    });
  });
}
