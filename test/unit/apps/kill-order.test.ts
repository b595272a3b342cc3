import assert from "node:assert/strict";
import { firstToEnd } from "#services/apps/kill-order.js";
import { instance } from "./made.js";

describe("which instances end first", () => {
  it("what serves least: unreachable, not yet running, unhealthy, health unknown, the others", () => {
    const serves = instance({ isChecked: true, healthy: true });
    const unknown = instance({ isChecked: true });
    const unhealthy = instance({ isChecked: true, healthy: false });
    const staging = instance({ phase: "staging" });
    const unreachable = instance({ unreachableSince: 1 });
    const all = [serves, unknown, unhealthy, staging, unreachable];
    assert.deepEqual(firstToEnd(all, 4), [unreachable, staging, unhealthy, unknown]);
  });

  it("from the fullest agent, so that the rest stays spread", () => {
    const all = ["a", "a", "a", "b", "b", "c"].map((agent) => instance({ agent }));
    const left = all.filter((each) => !firstToEnd(all, 3).includes(each));
    assert.deepEqual(left.map(({ agent }) => agent).toSorted(), ["a", "b", "c"]);
  });

  it("from the fullest group first, where GROUP_BY spreads", () => {
    const racks = [
      ["a", "x"],
      ["b", "x"],
      ["c", "x"],
      ["d", "y"],
      ["d", "y"],
    ].map(([agent, rack]) => instance({ agent: agent!, rack: rack! }));
    const [first] = firstToEnd(racks, 1, ["rack"]); // 3 on x, 2 on y, though d has most
    assert.equal(first?.attributes["rack"], "x");
    assert.equal(firstToEnd(racks, 1)[0]?.agent, "d");
  });

  it("the youngest of equals, then by id", () => {
    const elder = instance({ stagedAt: 1 });
    const younger = instance({ stagedAt: 2 });
    const twin = instance({ id: "z", stagedAt: 2 });
    assert.deepEqual(firstToEnd([elder, younger, twin], 2), [twin, younger]);
  });
});
