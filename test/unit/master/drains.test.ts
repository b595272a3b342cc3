import assert from "node:assert/strict";
import type { MasterEffect } from "#services/master/events.js";
import type { AgentRecord } from "#services/master/registry.js";
import { brief, lastAnswer, need, offersIn, only, Stage, type StageOptions, use } from "./stage.js";

const stateOf = (stage: Stage, agent: string): string | undefined =>
  stage.call("agent", { agent }).value.drain?.state;

const orders = (effects: readonly MasterEffect[]) => only(effects, "orderDrain").map(({ drain }) => drain);

/** The agent has recorded what it was told last. */
function recorded(stage: Stage, agent: string): MasterEffect[] {
  const [drain] = orders(stage.effects).slice(-1);
  return stage.do({ type: "drainAnswered", agent, drain: drain! });
}

/** Another master takes over with what is stored. */
function successorOf(stage: Stage, options: StageOptions = {}): Stage {
  const record = stage.stored.get("agent.a") as AgentRecord;
  const next = new Stage({ registry: { agents: [record] }, epoch: 4, ...options });
  next.now = stage.now;
  return next;
}

describe("an agent that is drained", () => {
  it("is offered to nobody, its offers are rescinded, and it and those concerned are told once that is stored", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 }, { use: [use("f", "r", { cpus: 1 })] });
    const f = stage.subscribe("f");
    stage.subscribe("idle", { suppressed: true });
    assert.equal(offersIn(stage.effects, "f").length, 1);
    const from = stage.effects.length;
    const answer = stage.call("drainAgent", { agent: "a", deadlineMs: 60_000 });
    const effects = stage.effects.slice(from);
    const since = 1_700_000_000_000 + stage.now;
    assert.deepEqual(answer.value.drain, { state: "draining", since, deadlineAt: since + 60_000 });
    assert.deepEqual(
      effects.map(({ type }) => type).filter((type) => type !== "publishEvent"),
      ["store", "rescind", "tellFramework", "orderDrain", "tellFramework", "answer"],
    );
    assert.deepEqual(orders(effects), [
      { epoch: 3, order: { number: 1, draining: true, deadlineInMs: 60_000 } },
    ]);
    const told = only(effects, "tellFramework").map(({ framework, event }) => `${framework} ${event.type}`);
    assert.deepEqual(told, ["f rescinded", "f agent-changed"]);
    const changed = only(effects, "tellFramework").find(({ event }) => event.type === "agent-changed");
    assert.deepEqual(changed?.event, {
      type: "agent-changed",
      epoch: 3,
      change: 1,
      agent: { agent: "a", state: "registered", draining: { deadlineAt: since + 60_000 } },
    });

    const [rescind] = only(effects, "rescind");
    assert.deepEqual(offersIn(stage.answerRescind(rescind!)), []);
    assert.deepEqual(offersIn(stage.revive("f", f.session)), []);
  });

  it("is told of its time in whole milliseconds, whatever the clocks show", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 });
    stage.call("drainAgent", { agent: "a", deadlineMs: 60_000 });
    stage.now += 1000.25;
    // 60 000 − 1000.25
    assert.equal(orders(stage.do({ type: "tick" }))[0]?.order.deadlineInMs, 59_000);
    assert.equal(lastAnswer(stage.register("a", { cpus: 4 })).drain.deadlineInMs, 59_000);
  });

  it("is told of nothing that is not stored", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 });
    const [store] = only(
      stage.machine.handle(
        { mono: stage.now, wall: 0 },
        { type: "callAsked", ask: 99, call: { name: "drainAgent", request: { agent: "a" } } },
      ),
      "store",
    );
    assert.equal(orders(stage.wait(3000, { agents: ["a"] })).length, 0);
    assert.equal(orders(stage.do(store!.done!)).length, 1);
  });

  it("is not told of a later order when an earlier one is stored, neither by itself nor when it registers", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 });
    const asked = (ask: number, name: "drainAgent" | "activateAgent") =>
      only(
        stage.machine.handle(
          { mono: stage.now, wall: 0 },
          { type: "callAsked", ask, call: { name, request: { agent: "a" } } },
        ),
        "store",
      )[0]!.done!;
    const [first, second] = [asked(98, "drainAgent"), asked(99, "activateAgent")];
    assert.deepEqual(orders(stage.do(first)), []);
    assert.deepEqual(orders(stage.wait(3000, { agents: ["a"] })), []);
    assert.equal(lastAnswer(stage.register("a", { cpus: 4 })).drain, undefined);

    assert.deepEqual(
      orders(stage.do(second)).map(({ order }) => order),
      [{ number: 2, draining: false }],
    );
  });

  it("is told again until it has recorded the order", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 });
    stage.call("drainAgent", { agent: "a" });
    const [drain] = orders(stage.effects);
    stage.do({ type: "drainFailed", agent: "a", drain: drain!, why: "timeout" });
    assert.equal(orders(stage.wait(2000, { agents: ["a"] })).length, 2);
    recorded(stage, "a");
    assert.equal(orders(stage.wait(5000, { agents: ["a"] })).length, 0);
  });

  it("is drained when it has recorded the order, settled all offers and reports no task; and stays so for the next leader", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 }, { use: [use("f", "r", { cpus: 1 })] });
    stage.subscribe("f");
    stage.call("drainAgent", { agent: "a" });
    stage.report("a", { use: [] });
    stage.wait(2000, { agents: ["a"] });
    assert.equal(stateOf(stage, "a"), "draining", "not yet recorded, and an offer is out");
    stage.answerRescind(only(stage.effects, "rescind")[0]!, { use: [use("f", "r", { cpus: 2 })] });
    recorded(stage, "a");
    stage.wait(2000, { agents: ["a"] });
    assert.equal(stateOf(stage, "a"), "draining", "what was launched with the offer runs");
    stage.report("a", { use: [] });
    const effects = stage.wait(1000, { agents: ["a"] });
    assert.equal(stateOf(stage, "a"), "drained");
    assert.deepEqual(
      only(effects, "publishEvent").map(({ event }) => event.type),
      ["drained"],
    );
    assert.equal(stateOf(successorOf(stage), "a"), "drained");
  });

  it("is drained under the next leader too, which tells it with its registration how much time is left", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 }, { use: [use("f", "r", { cpus: 1 })] });
    stage.call("drainAgent", { agent: "a", deadlineMs: 60_000 });
    stage.wait(20_000, { agents: ["a"] });
    const next = successorOf(stage);
    const { session } = next.subscribe("f");
    assert.deepEqual(
      next.say({ type: "agentsAsked" }, "f", { session, agents: ["a"] }).reply.agents?.map(drainingOf),
      [true],
    );
    const effects = next.register("a", { cpus: 4 }, { use: [use("f", "r", { cpus: 1 })] });
    // 60 s − 20 s
    assert.deepEqual(only(effects, "answer").at(-1)?.body, {
      ok: true,
      epoch: 4,
      master: "m1",
      reportIntervalMs: 5000,
      drain: { number: 1, draining: true, deadlineInMs: 40_000 },
    });
    assert.deepEqual(offersIn(next.effects), []);
  });

  it("has no more time than it was given when the wall clock was set back", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 });
    stage.call("drainAgent", { agent: "a", deadlineMs: 60_000 });
    const next = successorOf(stage);
    next.now -= 3_600_000;
    const effects = next.register("a", { cpus: 4 });
    assert.equal(lastAnswer(effects).drain.deadlineInMs, 60_000);
  });

  it("is known to a leader who has lost the registry: the agent says so", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 }, { drain: { number: 4, draining: true, deadlineInMs: 9000 } });
    stage.subscribe("f");
    assert.deepEqual(offersIn(stage.effects), []);
    assert.equal(stateOf(stage, "a"), "draining");
    assert.equal((stage.stored.get("agent.a") as AgentRecord).drain?.number, 4);
    stage.call("activateAgent", { agent: "a" });
    assert.equal(orders(stage.effects).at(-1)?.order.number, 5);
  });

  it("is offered again once it is activated, and all sessions are told", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 });
    stage.call("drainAgent", { agent: "a" });
    stage.subscribe("f", { needs: [need({ cpus: 1 }, 1)] });
    assert.deepEqual(offersIn(stage.effects), []);
    const from = stage.effects.length;
    assert.equal(stage.call("activateAgent", { agent: "a" }).value.drain, undefined);
    const effects = stage.effects.slice(from);
    // Before it has recorded that, it would refuse what is launched.
    assert.deepEqual(offersIn(effects), []);
    const demand = {
      about: "/web",
      framework: "f",
      need: need({ cpus: 1 }),
      waiting: [],
      wanted: 1,
      running: 0,
    };
    assert.match(
      stage.call("explain", demand).value.perAgent[0].reason,
      /has not recorded yet that it is over/,
    );
    assert.deepEqual(brief(offersIn(recorded(stage, "a"), "f")), ["a cpus 1"]);
    assert.deepEqual(orders(effects), [{ epoch: 3, order: { number: 2, draining: false } }]);
    assert.deepEqual(
      only(effects, "tellFramework").map(({ event }) => event.type === "agent-changed" && event.agent),
      [{ agent: "a", state: "registered" }],
    );
    // Nothing is to be done a second time.
    const again = stage.effects.length;
    stage.call("activateAgent", { agent: "a" });
    assert.deepEqual(
      stage.effects.slice(again).map(({ type }) => type),
      ["answer"],
    );
  });

  it("is told again of its activation by the next leader, and offered by him when it has recorded that", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 });
    stage.call("drainAgent", { agent: "a" });
    stage.call("activateAgent", { agent: "a" });
    const next = successorOf(stage);
    next.subscribe("f", { needs: [need({ cpus: 1 }, 1)] });
    next.register("a", { cpus: 4 }, { drain: { number: 1, draining: true } });
    assert.deepEqual(offersIn(next.effects), []);
    assert.deepEqual(orders(next.wait(2000, { agents: ["a"] }))[0]?.order, { number: 2, draining: false });
    assert.deepEqual(brief(offersIn(recorded(next, "a"), "f")), ["a cpus 1"]);
    // One that remembers it needs not be told.
    const third = successorOf(stage);
    third.subscribe("f", { needs: [need({ cpus: 1 }, 1)] });
    third.register("a", { cpus: 4 }, { drain: { number: 2, draining: false } });
    assert.deepEqual(brief(offersIn(third.effects, "f")), ["a cpus 1"]);
  });

  it("is drained anew, from now, when that is asked for again", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 });
    stage.call("drainAgent", { agent: "a", deadlineMs: 60_000 });
    stage.wait(10_000, { agents: ["a"] });
    stage.call("drainAgent", { agent: "a", deadlineMs: 5000 });
    assert.deepEqual(orders(stage.effects).at(-1)?.order, { number: 2, draining: true, deadlineInMs: 5000 });
    // The first order's answer comes late: it is not the one that is waited for.
    const [first] = orders(stage.effects);
    stage.do({ type: "drainAnswered", agent: "a", drain: first! });
    assert.equal(orders(stage.wait(2000, { agents: ["a"] })).at(-1)?.order.number, 2);
  });

  it("that is unreachable is told when it is back", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 });
    stage.wait(20_000);
    assert.deepEqual(orders(stage.effects), []);
    assert.equal(stage.call("drainAgent", { agent: "a" }).value.drain.state, "draining");
    assert.deepEqual(orders(stage.effects), []);
    const effects = stage.register("a", { cpus: 4 });
    assert.deepEqual(lastAnswer(effects).drain, { number: 1, draining: true });
  });

  it("that is not known, or is gone, is refused", () => {
    const stage = new Stage();
    assert.equal(stage.call("drainAgent", { agent: "b" }).error.code, "not-found");
    assert.equal(stage.call("activateAgent", { agent: "b" }).error.code, "not-found");
    stage.register("a", { cpus: 4 });
    stage.wait(20_000);
    stage.call("removeAgent", { agent: "a" });
    assert.equal(stage.call("drainAgent", { agent: "a" }).error.code, "conflict");
  });

  it("is a reason of its own in explanations", () => {
    const stage = new Stage();
    for (const id of ["a", "b", "c"]) stage.register(id, { cpus: 4 });
    stage.subscribe("f");
    stage.call("drainAgent", { agent: "a", deadlineMs: 60_000 });
    stage.call("drainAgent", { agent: "b" });
    const { value } = stage.call("explain", {
      about: "/web",
      framework: "f",
      need: need({ cpus: 1 }),
      waiting: [],
      wanted: 6,
      running: 6,
      leaving: 4,
    });
    assert.deepEqual(value.reasons[0], { reason: "draining", agents: 2 });
    assert.match(value.summary, /6 of 6 run \(4 on draining agents\).*2 of 3 agents: draining \(draining: a/);
    assert.equal(
      value.perAgent[0].reason,
      "draining: a takes no new tasks; what still runs there in 60 s is ended",
    );
  });
});

const drainingOf = (standing: object): boolean => "draining" in standing;
