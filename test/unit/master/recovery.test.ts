import assert from "node:assert/strict";
import { type Registry, registryOf } from "#services/master/registry.js";
import { brief, offersIn, only, Stage, use } from "./stage.js";

const totals = { cpus: 4 };
const inUse = { use: [use("f", "r", { cpus: 1 })] };
const settings = { sessionTimeoutMs: 100_000 };
const recordOf = ({ stored }: Stage): Partial<Registry> =>
  registryOf(new Map([["registry", stored.get("registry")]]));

/** A term that made the registry, and a framework that wants anything. */
function stageWithFramework(registry: Partial<Registry> = { madeAt: undefined }): Stage {
  const stage = new Stage({ registry, settings });
  stage.do({ type: "termBegan" });
  stage.subscribe("f");
  return stage;
}

describe("a registry that was lost", () => {
  it("is told from a new one by agents that are older: nothing is offered for one agent time-out", () => {
    const stage = stageWithFramework();
    const said = stage.register("a", totals, { generation: 7 });
    assert.match(only(said, "log")[0]!.message, /the registry was lost/);
    const early = stage.wait(14_000, { agents: ["a"] });
    stage.register("b", totals);
    assert.deepEqual(offersIn(early), []);
    const late = stage.wait(2000, { agents: ["a", "b"] });
    assert.deepEqual(brief(offersIn(late)), ["a cpus 4", "b cpus 4"]);
  });

  it("is also told by what runs on an agent", () => {
    const stage = stageWithFramework();
    assert.deepEqual(offersIn(stage.register("a", totals, inUse)), []);
  });

  it("is said once", () => {
    const stage = stageWithFramework();
    stage.register("a", totals, inUse);
    assert.deepEqual(only(stage.register("b", totals, inUse), "log"), []);
  });

  it("is known to the next leader too", () => {
    const first = stageWithFramework();
    first.register("a", totals, { generation: 7 });
    const next = stageWithFramework(recordOf(first));
    assert.deepEqual(offersIn(next.register("b", totals)), []);
    assert.equal(offersIn(next.wait(16_000, { agents: ["b"] })).length, 1);
  });

  it("is no matter any more for a leader who begins later", () => {
    const first = stageWithFramework();
    first.register("a", totals, { generation: 7 });
    const next = new Stage({ registry: recordOf(first), now: first.now + 20_000 });
    next.subscribe("f");
    assert.equal(offersIn(next.register("b", totals)).length, 1);
  });

  it("is not thought of when an agent comes late to a registry that is older than the time-out", () => {
    const stage = stageWithFramework();
    stage.wait(16_000);
    assert.equal(offersIn(stage.register("a", totals, inUse)).length, 1);
  });

  it("is not thought of with the first agents of a cluster", () => {
    const stage = stageWithFramework();
    assert.equal(offersIn(stage.register("a", totals)).length, 1);
  });

  it("begins to count anew when the leader was cut off himself", () => {
    const stage = stageWithFramework();
    stage.register("a", totals, { generation: 7 });
    stage.wait(10_000, { agents: ["a"] });
    stage.do({ type: "connectionChanged", connected: false });
    stage.do({ type: "connectionChanged", connected: true });
    assert.deepEqual(offersIn(stage.wait(14_000, { agents: ["a"] })), []);
    assert.equal(offersIn(stage.wait(2000, { agents: ["a"] })).length, 1);
  });
});
