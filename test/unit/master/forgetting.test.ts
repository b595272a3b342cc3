import assert from "node:assert/strict";
import type { AgentRecord } from "#services/master/registry.js";
import { lastAnswer, only, Stage, use } from "./stage.js";

const hour = 3_600_000;
const day = 24 * hour;

/** Lets so much time pass at once, as far as the machine sees in the end: with an unbroken beat in its last minute. */
function later(
  stage: Stage,
  ms: number,
  sessions: Parameters<Stage["wait"]>[1] = {},
): ReturnType<Stage["do"]> {
  stage.now += ms;
  return stage.wait(30_000, sessions);
}

const settings = { forgetAfterMs: 7 * day };
const known = (stage: Stage): string[] =>
  stage.call("agents", {}).value.items.map(({ info }: { info: { id: string } }) => info.id);

/** A leader who has led for more than an hour, with agent a lost and agent b removed at its beginning. */
function twoAway(): Stage {
  const stage = new Stage({ settings });
  stage.do({ type: "termBegan" });
  stage.register("a", { cpus: 4 }, { use: [use("f", "r", { cpus: 1 })] });
  stage.register("b", { cpus: 4 });
  stage.wait(90_000);
  assert.deepEqual(stage.call("removeAgent", { agent: "b" }).ok, true);
  stage.wait(hour);
  return stage;
}

describe("agents that are away for long", () => {
  it("are forgotten after their time, in the registry too: those removed, and those lost, for whose frameworks they are gone", () => {
    const stage = twoAway();
    const { session } = stage.subscribe("f");
    later(stage, 6 * day, { sessions: [["f", session]] });
    assert.deepEqual(known(stage), ["a", "b"]);
    assert.equal(stage.say({ type: "sessionRenewed" }, "f", { session }).reply.ok, true);
    const effects = later(stage, day, { sessions: [["f", session]] });
    assert.deepEqual(known(stage), []);
    assert.deepEqual(
      [...stage.stored.keys()].filter((key) => key.startsWith("agent.")),
      [],
    );
    assert.deepEqual(
      only(effects, "tellFramework").map(({ event }) => event),
      [{ type: "agent-changed", epoch: 3, agent: { agent: "a", state: "gone" }, change: 1 }],
    );
    assert.deepEqual(
      only(effects, "publishEvent").map(({ event }) => `${event.about} ${event.type}`),
      ["a forgotten", "b forgotten"],
    );
  });

  it("are new when they come back, and whoever has something there is told", () => {
    const stage = twoAway();
    const { session } = stage.subscribe("f");
    later(stage, 7 * day, { sessions: [["f", session]] });
    assert.deepEqual(known(stage), []);
    stage.effects.length = 0;
    stage.register("a", { cpus: 4 }, { use: [use("f", "r", { cpus: 1 })], generation: 9 });
    const told = only(stage.effects, "tellFramework").map(({ framework, event }) => ({ framework, event }));
    assert.deepEqual(told, [
      {
        framework: "f",
        event: { type: "agent-changed", epoch: 3, agent: { agent: "a", state: "registered" }, change: 2 },
      },
    ]);
  });

  it("are gone for whoever asks later: the registry is older than what it has forgotten", () => {
    const stage = twoAway();
    later(stage, 8 * day);
    const { session } = stage.subscribe("f");
    const { reply } = stage.say({ type: "agentsAsked" }, "f", { session, agents: ["a", "z"] });
    assert.deepEqual(reply.agents, [
      { agent: "a", state: "gone" },
      { agent: "z", state: "gone" },
    ]);
  });

  it("are not called gone by a registry that is young: it may have been lost", () => {
    const stage = new Stage({ settings });
    const { session } = stage.subscribe("f");
    const { reply } = stage.say({ type: "agentsAsked" }, "f", { session, agents: ["z"] });
    assert.deepEqual(reply, { ok: true, agents: [], changes: 0 });
  });

  it("are new when they come back, with what they say that they run; the removed one's id is free again", () => {
    const stage = twoAway();
    assert.equal(lastAnswer(stage.register("b", { cpus: 4 })).error.code, "forbidden");
    later(stage, 8 * day);
    stage.register("a", { cpus: 4 }, { use: [use("f", "r", { cpus: 3 })] });
    assert.equal(lastAnswer(stage.register("b", { cpus: 4 })).ok, true);
    const { value } = stage.call("agent", { agent: "a" });
    assert.deepEqual([value.state, value.used.scalars.cpus], ["registered", 3000]);
  });

  it("bring back tasks of a framework that was removed meanwhile: it can be removed once more", () => {
    const stage = twoAway();
    stage.subscribe("f");
    assert.equal(stage.call("removeFramework", { framework: "f", force: true }).ok, true);
    later(stage, 8 * day);
    assert.deepEqual(stage.call("frameworks", {}).value.items, []);
    assert.equal(stage.call("removeFramework", { framework: "f" }).error.code, "not-found");
    stage.register("a", { cpus: 4 }, { use: [use("f", "r", { cpus: 1 })] });
    assert.equal(stage.call("removeFramework", { framework: "f" }).ok, true);
    assert.deepEqual(only(stage.effects, "removeFromAgent").at(-1), {
      type: "removeFromAgent",
      agent: "a",
      removal: { epoch: 3, framework: "f" },
    });
    stage.report("a", { use: [] });
    stage.wait(2000, { agents: ["a"] });
    assert.deepEqual(stage.call("frameworks", {}).value.items, []);
    assert.equal([...stage.stored.keys()].includes("framework.f"), false);
  });

  it("are asked to register when all that comes of them is a report", () => {
    const stage = twoAway();
    later(stage, 8 * day);
    const asked = only(stage.report("a"), "rescind");
    assert.deepEqual(asked, [
      {
        type: "rescind",
        agent: "a",
        rescind: { epoch: 3, generation: 1, offers: [], floor: 1, register: true },
      },
    ]);
    assert.deepEqual(only(stage.report("a"), "rescind"), []);
    stage.wait(1000);
    assert.equal(only(stage.report("a"), "rescind").length, 1);
    assert.deepEqual(known(stage), []);
  });

  it("count on through failovers, by the wall clock, but a new leader forgets nobody in its first hour", () => {
    const before = twoAway();
    const agents = ["a", "b"].map((id) => before.stored.get(`agent.${id}`) as AgentRecord);
    const registry = { agents, madeAt: before.madeAt };
    const stage = new Stage({ settings, epoch: 4, registry, now: before.now + 8 * day });
    assert.deepEqual(only(stage.do({ type: "termBegan" }), "store"), []);
    stage.wait(hour - 60_000);
    assert.deepEqual(known(stage), ["a", "b"]);
    stage.wait(120_000);
    assert.deepEqual(known(stage), []);
  });

  it("are forgotten by nobody who was cut off himself (R7)", () => {
    const stage = twoAway();
    stage.do({ type: "connectionChanged", connected: false });
    later(stage, 8 * day);
    assert.deepEqual(known(stage), ["a", "b"]);
    stage.do({ type: "connectionChanged", connected: true });
    stage.wait(10_000);
    assert.deepEqual(known(stage), ["a", "b"]);
    stage.wait(10_000);
    assert.deepEqual(known(stage), []);
  });

  it("thousands at once are forgotten a hundred a second", () => {
    const stage = new Stage({ settings: { ...settings, removalShare: 1 } });
    for (let index = 0; index < 1000; index++) stage.register(`a${index}`, { cpus: 1 });
    stage.wait(90 * 60_000);
    const first = later(stage, 7 * day).filter(({ type }) => type === "forget");
    assert.equal(first.length, 1000);
    assert.deepEqual(known(stage), []);
  });
});
