import assert from "node:assert/strict";
import type { MasterEffect } from "#services/master/events.js";
import type { AgentRecord } from "#services/master/registry.js";
import { brief, lastAnswer, offersIn, only, Stage, use } from "./stage.js";

const states = (stage: Stage): Record<string, string> =>
  Object.fromEntries(
    stage
      .call("agents", {})
      .value.items.map((agent: { info: { id: string }; state: string }) => [agent.info.id, agent.state]),
  );

describe("silent agents (R7)", () => {
  it("are unreachable after the agent time-out: offers void, the share gone, frameworks with tasks there told", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 }, { use: [use("f", "r", { cpus: 1 })] });
    const { session } = stage.subscribe("f");
    const hear = { sessions: [["f", session]] as [string, typeof session][] };
    stage.wait(14_900, hear);
    assert.deepEqual(states(stage), { a: "registered" });
    const effects = stage.wait(1200, hear);
    assert.deepEqual(states(stage), { a: "unreachable" });
    assert.deepEqual(
      only(effects, "tellFramework").map(({ event }) => event.type),
      ["rescinded", "agent-changed"],
    );
    assert.equal((stage.stored.get("agent.a") as { standing: string }).standing, "unreachable");
    assert.equal(stage.call("frameworks", {}).value.items[0].share, 0);
  });

  it("are told of to frameworks with offers there too: what they launched may have been in no report", () => {
    const stage = new Stage();
    const { session } = stage.subscribe("f");
    stage.register("a", { cpus: 4 });
    const hear = { sessions: [["f", session]] as [string, typeof session][] };
    const effects = stage.wait(16_500, hear);
    assert.deepEqual(
      only(effects, "tellFramework").map(({ event }) => event.type),
      ["rescinded", "agent-changed"],
    );
  });

  it("are told of when that is stored, and not before: the next leader shall count them", () => {
    const stage = new Stage({ settings: { sessionTimeoutMs: 100_000 } });
    stage.register("a", { cpus: 4 }, { use: [use("f", "r", { cpus: 1 })] });
    stage.subscribe("f");
    stage.now += 1000;
    const direct: MasterEffect[] = [];
    while (!direct.some(({ type }) => type === "store")) {
      stage.now += 1000;
      direct.length = 0;
      direct.push(...stage.machine.handle({ mono: stage.now, wall: stage.now }, { type: "tick" }));
    }
    assert.ok(
      !direct.some((effect) => effect.type === "tellFramework" && effect.event.type === "agent-changed"),
    );
    const { done } = only(direct, "store")[0]!;
    const told = only(stage.do(done!), "tellFramework").map(({ event }) => event.type);
    assert.deepEqual(told, ["agent-changed"]);
  });

  it("that report stay", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 });
    stage.wait(60_000, { agents: ["a"] });
    assert.deepEqual(states(stage), { a: "registered" });
  });

  it("do not count while we were not connected for one whole agent time-out", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 });
    stage.wait(10_000);
    stage.do({ type: "connectionChanged", connected: false });
    stage.wait(60_000);
    stage.do({ type: "connectionChanged", connected: true });
    stage.wait(14_900);
    assert.deepEqual(states(stage), { a: "registered" });
    stage.wait(1200);
    assert.deepEqual(states(stage), { a: "unreachable" });
  });

  it("do not count when we stood still for more than two beats", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 });
    stage.wait(14_000);
    stage.now += 5_000;
    stage.do({ type: "tick" });
    stage.wait(14_000);
    assert.deepEqual(states(stage), { a: "registered" });
    stage.wait(2000);
    assert.deepEqual(states(stage), { a: "unreachable" });
  });

  it("are never more than a tenth of all in a minute, and one at least; we say who is held back and why", () => {
    const stage = new Stage();
    for (let n = 0; n < 20; n++) stage.register(`a${n}`, { cpus: 1 });
    const lost = () => Object.values(states(stage)).filter((state) => state === "unreachable").length;
    const effects = stage.wait(17_000);
    assert.equal(lost(), 2); // 10 % of 20
    const said = only(effects, "log").map(({ message }) => message);
    assert.deepEqual(said, [
      "18 more of 20 agents are silent but not declared unreachable yet: at most 2 a minute, because so many at once are rather a fault of the network or of ours",
    ]);
    stage.wait(57_000);
    assert.equal(lost(), 2);
    stage.wait(4_000);
    assert.equal(lost(), 4);
  });

  it("that report again are asked to void what we have voided, and only then are back", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 }, { use: [use("f", "r", { cpus: 1 })] });
    const { session } = stage.subscribe("f");
    const hear = { sessions: [["f", session]] as [string, typeof session][] };
    stage.wait(16_500, hear);
    const reported = stage.report("a", { use: [use("f", "r", { cpus: 1 })] });
    assert.deepEqual(states(stage), { a: "unreachable" });
    const [rescind] = only(reported, "rescind");
    assert.deepEqual(rescind!.rescind, { epoch: 3, generation: 1, offers: [], floor: 2 });
    const effects = stage.answerRescind(rescind!, { use: [use("f", "r", { cpus: 2 })] });
    assert.deepEqual(states(stage), { a: "registered" });
    assert.deepEqual(brief(offersIn(effects)), ["a cpus 2"]);
    assert.deepEqual(only(effects, "tellFramework")[0]!.event, {
      type: "agent-changed",
      epoch: 3,
      agent: { agent: "a", state: "registered" },
      change: 2,
    });
  });

  it("are not back by the late answer to an earlier rescind: what was voided since may still be honoured", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 });
    const { session, effects } = stage.subscribe("f");
    const [rescind] = only(stage.decline("f", session, offersIn(effects)), "rescind");
    stage.wait(16_500);
    const [sweep] = only(stage.answerRescind(rescind!), "rescind");
    assert.deepEqual(states(stage), { a: "unreachable" });
    assert.deepEqual(sweep!.rescind, { epoch: 3, generation: 1, offers: [], floor: 2 });
    stage.answerRescind(sweep!);
    assert.deepEqual(states(stage), { a: "registered" });
  });

  it("that register again are back at once", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 });
    stage.wait(16_500);
    assert.equal(lastAnswer(stage.register("a", { cpus: 4 })).ok, true);
    assert.deepEqual(states(stage), { a: "registered" });
    assert.equal((stage.stored.get("agent.a") as { standing: string }).standing, "known");
    assert.equal(only(stage.effects, "publishEvent").at(-1)!.event.type, "back");
  });

  it("removed by an operator are gone for good, and refused when they come back", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 });
    assert.equal(stage.call("removeAgent", { agent: "a" }).error.code, "conflict");
    assert.equal(stage.call("removeAgent", { agent: "z" }).error.code, "not-found");
    stage.wait(16_500);
    assert.deepEqual(stage.call("removeAgent", { agent: "a" }), { ok: true, value: {} });
    assert.deepEqual(states(stage), { a: "gone" });
    const { error } = lastAnswer(stage.register("a", { cpus: 4 }));
    assert.equal(error.code, "forbidden");
    assert.match(error.message, /removed by an operator/);
  });

  it("removed once more are forgotten, which is answered when the registry has none of it", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 });
    stage.wait(16_500);
    stage.call("removeAgent", { agent: "a" });
    const call = { name: "removeAgent", request: { agent: "a" } } as const;
    const asked = stage.machine.handle(
      { mono: stage.now, wall: stage.now },
      { type: "callAsked", ask: 1, call },
    );
    assert.deepEqual(only(asked, "answer"), []);
    const [{ key, done } = {}] = only(asked, "forget");
    assert.equal(key, "agent.a");
    assert.deepEqual(lastAnswer(stage.do(done!)), { ok: true, value: {} });
  });

  it("removed by an operator, when they come back with tasks, are told of once, and what to do", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 }, { use: [use("f", "r", { cpus: 1 })] });
    stage.wait(16_500);
    stage.call("removeAgent", { agent: "a" });
    const from = stage.effects.length;
    for (let times = 0; times < 3; times++)
      stage.register("a", { cpus: 4 }, { use: [use("f", "r", { cpus: 1 })] });
    const events = only(stage.effects.slice(from), "publishEvent").map(({ event }) => event);
    assert.deepEqual(
      events.map(({ type, about }) => `${about} ${type}`),
      ["a refused"],
    );
    assert.match(events[0]!.message, /1 task of it run on.*emporion agents rm a/);
  });

  it("that are gone and removed once more are forgotten: the id may be used again", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 });
    stage.wait(16_500);
    stage.call("removeAgent", { agent: "a" });
    assert.deepEqual(stage.call("removeAgent", { agent: "a" }), { ok: true, value: {} });
    assert.deepEqual(states(stage), {});
    assert.equal(stage.stored.has("agent.a"), false);
    assert.equal(stage.call("removeAgent", { agent: "a" }).error.code, "not-found");
    assert.equal(lastAnswer(stage.register("a", { cpus: 4 })).ok, true);
    assert.deepEqual(states(stage), { a: "registered" });
  });

  it("that this leader has not heard yet are removed only by force, and hold nobody up then", () => {
    const before = new Stage();
    before.register("a", { cpus: 4 });
    before.register("b", { cpus: 4 });
    const known = ["a", "b"].map((id) => before.stored.get(`agent.${id}`) as AgentRecord);
    const stage = new Stage({ epoch: 4, registry: { agents: known } });
    stage.report("b");
    assert.deepEqual(states(stage), { a: "awaited", b: "awaited" });
    assert.equal(stage.call("removeAgent", { agent: "a" }).error.code, "conflict");
    assert.equal(stage.call("removeAgent", { agent: "b", force: true }).error.code, "conflict"); // it was heard
    assert.deepEqual(stage.call("removeAgent", { agent: "a", force: true }), { ok: true, value: {} });
    assert.deepEqual(states(stage), { a: "gone", b: "awaited" });
    const { reply } = stage.say({ type: "agentsAsked" }, "f", {
      session: stage.subscribe("f").session,
      agents: ["a"],
    });
    assert.deepEqual(reply.agents, [{ agent: "a", state: "gone" }]);
  });
});
