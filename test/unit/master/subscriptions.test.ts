import assert from "node:assert/strict";
import { amounts } from "#libs/core/resources.js";
import { brief, lastAnswer, need, offersIn, only, Stage, use } from "./stage.js";

const subscribeOf = (framework: string, more: object = {}) => ({
  framework,
  role: "r",
  needs: [],
  suppressed: false,
  ...more,
});

describe("subscriptions at the master", () => {
  it("are answered when the record is stored and the consumer exists", () => {
    const stage = new Stage();
    const effects = stage.machine.handle(
      { mono: stage.now, wall: 1 },
      { type: "frameworkSubscribing", ask: 7, framework: "f", subscribe: subscribeOf("f") },
    );
    assert.deepEqual(
      effects.filter(({ type }) => type !== "announce"),
      [
        {
          type: "prepareFramework",
          framework: "f",
          record: { key: "framework.f", value: { id: "f", role: "r", name: "f", removed: false } },
          done: { type: "frameworkPrepared", ask: 7, framework: "f", subscribe: subscribeOf("f") },
        },
      ],
    );
  });

  it("say why when they cannot be prepared", () => {
    const stage = new Stage();
    const effects = stage.do({
      type: "frameworkSubscribing",
      ask: 7,
      framework: "f",
      subscribe: subscribeOf("f"),
    });
    assert.equal(lastAnswer(effects).ok, true);
    stage.machine.handle(
      { mono: stage.now, wall: 1 },
      { type: "frameworkSubscribing", ask: 8, framework: "f", subscribe: subscribeOf("f") },
    );
    const failed = stage.do({
      type: "frameworkPrepared",
      ask: 8,
      framework: "f",
      subscribe: subscribeOf("f"),
      failure: "no JetStream",
    });
    assert.deepEqual(lastAnswer(failed), {
      ok: false,
      error: { code: "unavailable", message: "no JetStream" },
    });
  });

  it("open a session of this epoch; a new one fences the old: told, offers rescinded, messages refused", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 });
    const old = stage.subscribe("f");
    assert.deepEqual(old.session, { epoch: 3, counter: 1 });
    stage.wait(10);
    const { session, effects } = stage.subscribe("f");
    assert.deepEqual(session, { epoch: 3, counter: 2 });
    assert.deepEqual(only(effects, "tellFramework"), [
      {
        type: "tellFramework",
        framework: "f",
        session: old.session,
        event: { type: "superseded", epoch: 3, by: session },
      },
    ]);
    assert.deepEqual(only(effects, "rescind")[0]!.rescind.offers, [1]);
    const { reply } = stage.say({ type: "sessionRenewed" }, "f", { session: old.session });
    assert.equal(reply.error!.code, "stale");
    assert.match(reply.error!.message, /session 3-1 of f was superseded by 3-2/);
  });

  it("name the agents to reconcile with: where it has tasks, or offers of an earlier session", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 }, { use: [use("f", "r", { cpus: 4 })] });
    stage.register("b", { cpus: 4 });
    stage.register("c", { cpus: 4 }, { use: [use("g", "r", { cpus: 4 })] });
    stage.subscribe("f");
    stage.wait(10);
    const { effects, session } = stage.subscribe("f");
    const agents = [
      { agent: "a", state: "registered" },
      { agent: "b", state: "registered" },
    ];
    assert.deepEqual(lastAnswer(effects).agents, agents);
    const asked = stage.say({ type: "agentsAsked" }, "f", { session, agents: ["c", "z"] });
    assert.deepEqual(asked.reply.agents, [{ agent: "c", state: "registered" }]);
  });

  it("name them in pages when they are many, each small enough for the bus", () => {
    const stage = new Stage();
    const name = (index: number) => `agent-${String(index).padStart(5, "0")}.zone-1.example.net`;
    for (let index = 0; index < 10_000; index++)
      stage.register(name(index), { cpus: 4 }, { use: [use("f", "r", { cpus: 4 })] });
    const { effects, session } = stage.subscribe("f");
    const replies = [lastAnswer(effects)];
    while (replies.at(-1).more) {
      const after = replies.at(-1).agents.at(-1).agent;
      replies.push(stage.say({ type: "agentsAsked" }, "f", { session, agents: [], after }).reply);
    }
    assert.ok(replies.every((reply) => JSON.stringify(reply).length < 256 * 1024));
    assert.ok(replies.length > 1 && replies.length < 10, `${replies.length} pages`);
    assert.deepEqual(
      replies.flatMap(({ agents }) => agents.map(({ agent }: { agent: string }) => agent)),
      Array.from({ length: 10_000 }, (_, index) => name(index)),
    );
  });

  it("do not name agents again for the offers of the session itself", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 }, { use: [use("f", "r", { cpus: 1 })] });
    stage.register("b", { cpus: 4 });
    const { session } = stage.subscribe("f");
    stage.wait(10);
    assert.deepEqual(brief(offersIn(stage.effects)), ["a cpus 3", "b cpus 4"]);
    const { reply } = stage.say({ type: "agentsAsked" }, "f", { session, agents: [] });
    assert.deepEqual(reply.agents, [{ agent: "a", state: "registered" }]);
  });

  it("are told at each renewal of how many changes of agents they were to hear, also those that nobody heard", () => {
    const stage = new Stage();
    const renewed = () => stage.say({ type: "sessionRenewed" }, "f", { session }).reply;
    stage.register("a", { cpus: 4 }, { use: [use("f", "r", { cpus: 1 })] });
    stage.register("b", { cpus: 4 });
    const { session } = stage.subscribe("f");
    assert.deepEqual(renewed(), { ok: true, changes: 0 });
    // f falls silent, its offer of a is rescinded and not answered; then the agents do, at most one of them in a minute.
    stage.wait(16_000, { agents: ["a", "b"] });
    const lost = only(stage.wait(17_000), "tellFramework").filter(
      ({ event }) => event.type === "agent-changed",
    );
    assert.deepEqual(lost, []);
    assert.deepEqual(renewed(), { ok: true, changes: 1 });
    stage.wait(60_000, { sessions: [["f", session]] });
    assert.deepEqual(renewed(), { ok: true, changes: 2 });
    const { session: next } = stage.subscribe("f");
    assert.deepEqual(stage.say({ type: "sessionRenewed" }, "f", { session: next }).reply, {
      ok: true,
      changes: 0,
    });
  });

  it("hear that an agent is back also when nothing of theirs came back with it", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 }, { use: [use("f", "r", { cpus: 1 })] });
    const { session } = stage.subscribe("f");
    stage.wait(16_000, { sessions: [["f", session]] });
    const told = only(stage.register("a", { cpus: 4 }), "tellFramework").map(({ event }) => event);
    assert.deepEqual(told, [
      { type: "agent-changed", epoch: 3, agent: { agent: "a", state: "registered" }, change: 2 },
    ]);
  });

  it("two at once: the later one counts", () => {
    const stage = new Stage();
    const at = { mono: stage.now, wall: 1 };
    const subscribe = subscribeOf("f");
    for (const ask of [1, 2])
      stage.machine.handle(at, { type: "frameworkSubscribing", ask, framework: "f", subscribe });
    const first = stage.do({ type: "frameworkPrepared", ask: 1, framework: "f", subscribe });
    assert.equal(lastAnswer(first).error.code, "stale");
    assert.equal(
      lastAnswer(stage.do({ type: "frameworkPrepared", ask: 2, framework: "f", subscribe })).ok,
      true,
    );
  });

  it("with a broken constraint or JDK are refused with every fault", () => {
    const constraints = [{ attribute: "rack", operator: "like" as const, value: "(" }];
    const needs = [need({}, 1), need({}, 1, { constraints, jdk: "new" })];
    const stage = new Stage();
    const event = {
      type: "frameworkSubscribing",
      ask: 1,
      framework: "f",
      subscribe: subscribeOf("f", { needs }),
    };
    const { error } = lastAnswer(stage.do(event as never));
    assert.equal(error.code, "invalid");
    assert.deepEqual(
      error.faults.map(({ path }: { path: string }) => path),
      ["/needs/1/constraints/0/value", "/needs/1/jdk"],
    );
  });

  it("suppressed get nothing until revive, then what the new needs ask", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 });
    const { session, effects } = stage.subscribe("f", { suppressed: true });
    assert.deepEqual(offersIn(effects), []);
    assert.deepEqual(brief(offersIn(stage.revive("f", session, [need({ cpus: 1 }, 1)]))), ["a cpus 1"]);
    stage.say({ type: "offersSuppressed" }, "f", { session });
    assert.deepEqual(offersIn(stage.register("b", { cpus: 4 })), []);
    assert.deepEqual(offersIn(stage.wait(1000)), []);
  });

  it("that are counted get more when an offer is settled and more is wanted", () => {
    const stage = new Stage();
    for (const id of ["a", "b", "c", "d", "e"]) stage.register(id, { cpus: 1 });
    const { session, effects } = stage.subscribe("f", { needs: [need({ cpus: 1 }, 2)] });
    assert.equal(offersIn(effects).length, 4, "two, and two more to choose from");
    stage.wait(10);
    const used = { settled: [1], use: [use("f", "r", { cpus: 1 })] };
    assert.deepEqual(offersIn(stage.report("a", used)), [], "three units are still out");
    assert.deepEqual(brief(offersIn(stage.revive("f", session, [need({ cpus: 1 }, 4)]))), ["e cpus 1"]);
  });

  it("that are counted and decline look elsewhere at once", () => {
    const stage = new Stage();
    for (const id of ["a", "b", "c", "d", "e"]) stage.register(id, { cpus: 1 });
    const { session, effects } = stage.subscribe("f", { needs: [need({ cpus: 1 }, 1)] });
    const offers = offersIn(effects);
    assert.equal(offers.length, 3, "one, and two more to choose from");
    stage.wait(10);
    const rescinds = only(stage.decline("f", session, offers), "rescind");
    const after = [...rescinds.flatMap((rescind) => stage.answerRescind(rescind)), ...stage.wait(10)];
    assert.deepEqual(brief(offersIn(after)).toSorted(), ["d cpus 1", "e cpus 1"]);
  });

  it("silent for 15 s are disconnected: offers rescinded, tasks kept; the same session may come back", () => {
    const stage = new Stage({ settings: { agentTimeoutMs: 1e9 } });
    stage.register("a", { cpus: 4 }, { use: [use("f", "r", { cpus: 1 })] });
    const { session } = stage.subscribe("f");
    const effects = stage.wait(17_000, { agents: ["a"] });
    assert.equal(stage.call("frameworks", {}).value.items[0].state, "disconnected");
    const [rescind] = only(effects, "rescind");
    assert.deepEqual(offersIn(stage.answerRescind(rescind!, { use: [use("f", "r", { cpus: 1 })] })), []);
    const { reply, effects: after } = stage.say({ type: "sessionRenewed" }, "f", { session });
    assert.equal(reply.ok, true);
    assert.deepEqual(brief(offersIn(after)), ["a cpus 3"]);
  });

  describe("with a failover time-out", () => {
    const away = (more: object = {}) => {
      const stage = new Stage();
      stage.register("a", { cpus: 4 }, { use: [use("f", "r", { cpus: 1 })] });
      stage.subscribe("f", { failoverTimeoutMs: 30_000, ...more });
      return stage;
    };

    it("away for longer have their tasks ended on every agent, and are forgotten after", () => {
      const stage = away();
      assert.deepEqual(only(stage.wait(40_000, { agents: ["a"] }), "removeFromAgent"), []);
      const effects = stage.wait(8_000, { agents: ["a"] });
      assert.deepEqual(only(effects, "removeFromAgent"), [
        { type: "removeFromAgent", agent: "a", removal: { epoch: 3, framework: "f" } },
      ]);
      assert.equal((stage.stored.get("framework.f") as { removed: boolean }).removed, true);
      const again = stage.do({
        type: "frameworkSubscribing",
        ask: 1,
        framework: "f",
        subscribe: subscribeOf("f"),
      });
      assert.equal(lastAnswer(again).error.code, "conflict");
      const [rescind] = only(stage.effects, "rescind");
      stage.answerRescind(rescind!, { use: [] });
      const last = stage.wait(1100, { agents: ["a"] });
      assert.deepEqual(only(last, "forget"), [{ type: "forget", key: "framework.f" }]);
      assert.equal(only(last, "dropConsumer").length, 1);
      assert.equal(stage.subscribe("f").session.counter, 2);
    });

    it("are told again to agents that still have tasks", () => {
      const stage = away();
      const effects = stage.wait(70_000, { agents: ["a"] });
      assert.equal(only(effects, "removeFromAgent").length, 3);
    });

    it("count only the time in which we were connected", () => {
      const stage = away();
      stage.wait(16_000, { agents: ["a"] });
      stage.do({ type: "connectionChanged", connected: false });
      stage.wait(60_000);
      stage.do({ type: "connectionChanged", connected: true });
      assert.deepEqual(only(stage.wait(28_000, { agents: ["a"] }), "removeFromAgent"), []);
      assert.equal(only(stage.wait(4_000, { agents: ["a"] }), "removeFromAgent").length, 1);
    });

    it("off unless asked for", () => {
      const stage = away({ failoverTimeoutMs: undefined });
      assert.deepEqual(only(stage.wait(200_000, { agents: ["a"] }), "removeFromAgent"), []);
    });

    it("go on counting under the next leader, from the beginning of its term", () => {
      const record = away().stored.get("framework.f");
      const next = new Stage({ epoch: 4, registry: { frameworks: [record as never] } });
      next.register("a", { cpus: 4 }, { use: [use("f", "r", { cpus: 1 })] });
      assert.equal(only(next.wait(31_500, { agents: ["a"] }), "removeFromAgent").length, 1);
    });
  });

  it("removed by an operator: its tasks are ended, also on an agent that comes back later", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 }, { use: [use("f", "r", { cpus: 1 })] });
    stage.subscribe("f");
    assert.equal(
      stage.call("removeFramework", { framework: "f" }).error.message,
      "framework f is connected and has 1 task, which would end: stop it first (it counts as away after 15 s of silence), or remove it by force",
    );
    stage.wait(16_500);
    assert.deepEqual(stage.call("removeFramework", { framework: "f" }), { ok: true, value: {} });
    assert.deepEqual(only(stage.effects, "removeFromAgent"), [], "it is unreachable");
    stage.register("a", { cpus: 4 }, { use: [use("f", "r", { cpus: 1 })] });
    assert.equal(only(stage.wait(1100), "removeFromAgent").length, 1);
  });

  it("removed by force though it is connected: told of its tasks, then they end", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 }, { use: [use("f", "r", { cpus: 1 }), use("g", "r", { cpus: 1 })] });
    stage.subscribe("f");
    assert.equal(stage.call("removeFramework", { framework: "f" }).error.code, "conflict");
    assert.equal(stage.call("removeFramework", { framework: "f", force: true }).ok, true);
    assert.equal(only(stage.effects, "removeFromAgent").length, 1);
  });

  it("removed by an operator: answered when it is in the registry, also whoever asks again before", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 }, { use: [use("f", "r", { cpus: 1 })] });
    stage.subscribe("f");
    const asked = [1, 2].flatMap((ask) => {
      const call = { name: "removeFramework", request: { framework: "f", force: true } } as const;
      return stage.machine.handle({ mono: stage.now, wall: stage.now }, { type: "callAsked", ask, call });
    });
    assert.deepEqual(only(asked, "answer"), []);
    const done = only(asked, "store").map((store) => lastAnswer(stage.do(store.done!)));
    assert.deepEqual(done, [
      { ok: true, value: {} },
      { ok: true, value: {} },
    ]);
  });

  describe("after a failover", () => {
    const taken = () => {
      const before = new Stage();
      before.subscribe("f");
      return new Stage({ epoch: 4, registry: { frameworks: [before.stored.get("framework.f") as never] } });
    };
    const shown = (stage: Stage) => {
      const [{ state, awayMs, session }] = stage.call("frameworks", {}).value.items;
      return { state, awayMs, hasSession: session !== undefined };
    };

    it("it is awaited since the leader began, until it subscribes; silent later, disconnected since its last word", () => {
      const stage = taken();
      stage.wait(3000);
      assert.deepEqual(shown(stage), { state: "awaited", awayMs: 3000, hasSession: false });
      stage.subscribe("f");
      assert.deepEqual(shown(stage), { state: "connected", awayMs: undefined, hasSession: true });
      stage.wait(20_000);
      assert.deepEqual(shown(stage), { state: "disconnected", awayMs: 20_000, hasSession: true });
    });

    it("whether it is connected is not known at once: it is not removed before, unless by force", () => {
      const stage = taken();
      stage.wait(3000);
      const { error } = stage.call("removeFramework", { framework: "f" });
      assert.equal(error.code, "unavailable");
      assert.equal(
        error.message,
        "this leader has not heard framework f yet, nor listened for 15 s, after which it counts as away: ask again then, or remove it by force",
      );
      stage.wait(11_900);
      assert.equal(stage.call("removeFramework", { framework: "f" }).error.code, "unavailable");
      stage.wait(200);
      assert.equal(stage.call("removeFramework", { framework: "f" }).ok, true);
      assert.equal(taken().call("removeFramework", { framework: "f", force: true }).ok, true);
    });

    it("one that has subscribed meanwhile is not removed; nor by a leader who was cut off meanwhile (R7)", () => {
      const stage = taken();
      stage.subscribe("f");
      assert.equal(stage.call("removeFramework", { framework: "f" }).error.code, "conflict");
      const cutOff = taken();
      cutOff.wait(10_000);
      cutOff.do({ type: "connectionChanged", connected: false });
      cutOff.do({ type: "connectionChanged", connected: true });
      cutOff.wait(10_000);
      assert.equal(cutOff.call("removeFramework", { framework: "f" }).error.code, "unavailable");
    });
  });

  it("roles: weight and limit are stored before the answer, and a raised limit leads to offers", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 });
    stage.call("setRole", { name: "r", limit: amounts({ cpus: 1 }) });
    const { effects } = stage.subscribe("f", { needs: [need({ cpus: 1 })] });
    assert.deepEqual(brief(offersIn(effects)), ["a cpus 1"]);
    stage.wait(10);
    const ask = 77;
    const request = { name: "r", weight: 3, limit: amounts({ cpus: 3 }) };
    const raised = stage.do({ type: "callAsked", ask, call: { name: "setRole", request } });
    assert.deepEqual(brief(offersIn(raised)), ["a cpus 2"]);
    assert.deepEqual(lastAnswer(raised).value.weight, 3);
    assert.deepEqual(stage.stored.get("role.r"), request);
  });

  it("roles: what was set is taken back, in the registry before the answer, and leads to offers", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 });
    stage.call("setRole", { name: "r", weight: 3, limit: amounts({ cpus: 1 }) });
    const { effects } = stage.subscribe("f", { needs: [need({ cpus: 1 })] });
    assert.deepEqual(brief(offersIn(effects)), ["a cpus 1"]);
    stage.wait(10);
    const call = { name: "removeRole", request: { name: "r" } } as const;
    const at = { mono: stage.now, wall: stage.now };
    const asked = stage.machine.handle(at, { type: "callAsked", ask: 77, call });
    assert.deepEqual(brief(offersIn(asked)), ["a cpus 3"]);
    assert.deepEqual(only(asked, "answer"), []);
    const [{ key, done } = {}] = only(asked, "forget");
    assert.equal(key, "role.r");
    const { value } = lastAnswer(stage.do(done!));
    assert.deepEqual([value.name, value.weight, value.limit, value.frameworks], ["r", 1, undefined, ["f"]]);
  });

  it("roles: who asks again before it is taken back in the registry is not told that it is", () => {
    const stage = new Stage();
    stage.call("setRole", { name: "r", weight: 3 });
    const ask = (number: number) => {
      const call = { name: "removeRole", request: { name: "r" } } as const;
      const at = { mono: stage.now, wall: stage.now };
      return stage.machine.handle(at, { type: "callAsked", ask: number, call });
    };
    const asked = [ask(77), ask(78)];
    assert.deepEqual(only(asked.flat(), "answer"), []);
    const done = only(asked.flat(), "forget").map((forget) => lastAnswer(stage.do(forget.done!)));
    assert.deepEqual(
      done.map(({ ok, value }) => [ok, value.weight]),
      [
        [true, 1],
        [true, 1],
      ],
    );
    assert.equal(stage.call("removeRole", { name: "r" }).error.code, "not-found");
  });

  it("roles: of which nothing was set are refused, in words, also the second time", () => {
    const stage = new Stage();
    stage.subscribe("f");
    stage.call("setRole", { name: "once", weight: 2 });
    assert.equal(stage.call("removeRole", { name: "once" }).ok, true);
    assert.equal(stage.stored.has("role.once"), false);
    for (const name of ["once", "r"]) {
      const { error } = stage.call("removeRole", { name });
      assert.equal(error.code, "not-found");
      assert.match(error.message, new RegExp(`^nothing is set of role ${name}: `));
    }
  });

  it("roles: who subscribes anew under another is counted there", () => {
    const stage = new Stage();
    stage.call("setRole", { name: "small", limit: amounts({ cpus: 1 }) });
    stage.subscribe("f", { role: "small" });
    stage.subscribe("f", { role: "large" });
    stage.wait(10);
    assert.deepEqual(brief(offersIn(stage.register("a", { cpus: 4 }))), ["a cpus 4"]);
  });
});
