import assert from "node:assert/strict";
import { amounts } from "#libs/core/resources.js";
import { brief, lastAnswer, need, offersIn, only, Stage, use } from "./stage.js";

describe("registration at the master", () => {
  it("is answered when the agent is stored, and not before", () => {
    const stage = new Stage();
    const effects = stage.register("a", { cpus: 4 });
    assert.deepEqual(
      effects.map(({ type }) => type),
      ["store", "announce", "publishEvent", "answer"],
    );
    assert.deepEqual(lastAnswer(effects), { ok: true, epoch: 3, master: "m1", reportIntervalMs: 5000 });
    assert.deepEqual([...stage.stored.keys()], ["agent.a"]);
  });

  it("of an agent that the registry has as it is, is not stored again", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 });
    assert.deepEqual(only(stage.register("a", { cpus: 4 }), "store"), []);
    assert.equal(only(stage.register("a", { cpus: 8 }), "store").length, 1);
  });

  it("is a cut: all earlier offers are void, and what is free is what the snapshot leaves", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 });
    stage.subscribe("f");
    stage.wait(10);
    const effects = stage.register("a", { cpus: 4 }, { use: [use("f", "r", { cpus: 3 })] });
    assert.deepEqual(brief(offersIn(effects)), ["a cpus 1"]);
    assert.equal(offersIn(effects)[0]!.floor, 2);
    assert.deepEqual(only(effects, "tellFramework")[0]!.event, {
      type: "rescinded",
      epoch: 3,
      offers: ["3.1@a"],
    });
  });

  it("repeated in the same generation is answered again and cuts nothing", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 });
    stage.subscribe("f");
    const effects = stage.register("a", { cpus: 4 }, { generation: 1 });
    assert.equal(lastAnswer(effects).ok, true);
    assert.deepEqual(only(effects, "tellFramework"), []);
  });

  it("of an older generation is refused", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 }, { generation: 5 });
    assert.equal(lastAnswer(stage.register("a", { cpus: 4 }, { generation: 4 })).error.code, "stale");
  });

  it("of a second process under one id is refused in words while the first is heard", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 }, { generation: 5 });
    stage.wait(2000);
    const { error } = lastAnswer(stage.register("a", { cpus: 4 }, { generation: 5, bootId: "copy" }));
    assert.equal(error.code, "conflict");
    assert.match(error.message, /another process runs as agent a \(generation 5, heard 2000 ms ago/);
    stage.wait(15_000);
    assert.equal(lastAnswer(stage.register("a", { cpus: 4 }, { generation: 5, bootId: "copy" })).ok, true);
  });

  it("of the same agent started anew is taken at once: it goes on from its books", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 }, { generation: 5 });
    assert.equal(lastAnswer(stage.register("a", { cpus: 4 }, { generation: 6, bootId: "anew" })).ok, true);
  });

  it("with two processes alternating is said once", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 }, { generation: 5 });
    stage.register("a", { cpus: 4 }, { generation: 6, bootId: "copy" });
    for (let n = 0; n < 6; n++) stage.report("a", { generation: 5 });
    const said = only(stage.effects, "publishEvent").filter(({ event }) => event.type === "doubled");
    assert.equal(said.length, 1);
  });

  it("under another's subject is refused with the fault", () => {
    const stage = new Stage();
    const [{ ask, register }] = [{ ask: 1, register: registerOf("b") }];
    const effects = stage.do({ type: "agentRegistering", ask, agent: "a", register });
    assert.deepEqual(lastAnswer(effects).error.faults, [
      { path: "/info/id", expected: '"a", as in the subject', found: '"b"' },
    ]);
  });

  it("with a higher epoch makes us step down (R6)", () => {
    const effects = new Stage({ epoch: 3 }).register("a", { cpus: 4 }, { epoch: 4 });
    assert.deepEqual(only(effects, "hearEpoch"), [{ type: "hearEpoch", epoch: 4 }]);
    assert.equal(lastAnswer(effects).error.code, "stale");
  });

  it("reports: of one generation the highest sequence holds", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 });
    stage.report("a", { sequence: 10, use: [use("f", "r", { cpus: 2 })] });
    stage.report("a", { sequence: 9, use: [use("f", "r", { cpus: 4 })] });
    stage.report("a", { sequence: 11, generation: 7, use: [use("f", "r", { cpus: 4 })] });
    const [agent] = stage.call("agents", {}).value.items;
    assert.deepEqual(agent.used, amounts({ cpus: 2 }));
  });

  it("reports with a higher epoch make us step down", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 });
    assert.deepEqual(only(stage.report("a", { epoch: 9 }), "hearEpoch"), [{ type: "hearEpoch", epoch: 9 }]);
  });

  describe("after a new leader took over", () => {
    /** What a former leader stored of agents a and b, with 3 of 4 cpus in use by f. */
    function takenOver() {
      const before = new Stage({ epoch: 2 });
      for (const id of ["a", "b"]) before.register(id, { cpus: 4 }, { use: [use("f", "r", { cpus: 3 })] });
      before.subscribe("f", { failoverTimeoutMs: 60_000 });
      const agents = ["agent.a", "agent.b"].map((key) => before.stored.get(key) as never);
      const frameworks = [before.stored.get("framework.f") as never];
      return { agents, frameworks };
    }

    /** So many agents like one of them. */
    function takenOverOf(count: number) {
      const { agents, frameworks } = takenOver();
      const [known] = agents as { readonly info: object }[];
      const many = Array.from({ length: count }, (_, n) => ({
        ...known,
        info: { ...known!.info, id: `a${n}` },
      }));
      return { agents: many as never[], frameworks };
    }

    it("the last known use of awaited agents counts, but nothing of them is offered", () => {
      const stage = new Stage({ registry: takenOver() });
      const { effects } = stage.subscribe("f");
      assert.deepEqual(offersIn(effects), []);
      assert.deepEqual(lastAnswer(effects).agents, [
        { agent: "a", state: "awaited" },
        { agent: "b", state: "awaited" },
      ]);
      // 6 of 8 cpus
      assert.equal(stage.call("frameworks", {}).value.items[0].share, 0.75);
    });

    it("what a standby heard since counts instead of what was stored", () => {
      const report = {
        agent: "a",
        generation: 1,
        sequence: 50,
        epoch: 2,
        use: [use("f", "r", { cpus: 1 })],
        settled: [],
        refused: [],
      };
      const stage = new Stage({ registry: takenOver(), lastReports: new Map([["a", report]]) });
      // 1 + 3 of 8 cpus
      assert.equal(stage.call("roles", {}).value.items[0].share, 0.5);
    });

    it("a role with a limit gets no offers until every known agent has registered or timed out", () => {
      const roles = [{ name: "r", weight: 1, limit: amounts({ cpus: 7 }) }];
      const stage = new Stage({ registry: { ...takenOver(), roles } });
      stage.subscribe("f", { needs: [need({ cpus: 0.5 })] });
      stage.wait(100);
      assert.deepEqual(offersIn(stage.register("a", { cpus: 4 }, { use: [use("f", "r", { cpus: 3 })] })), []);
      stage.wait(100);
      const effects = stage.register("b", { cpus: 4 }, { use: [use("f", "r", { cpus: 3 })] });
      // 6 of 7 in use: two halves more
      assert.equal(
        offersIn(effects).reduce((sum, { resources }) => sum + resources.scalars["cpus"]!, 0),
        1000,
      );
    });

    it("that is when the last awaited one times out, too", () => {
      const roles = [{ name: "r", weight: 1, limit: amounts({ cpus: 7 }) }];
      const stage = new Stage({ registry: { ...takenOver(), roles } });
      const { session } = stage.subscribe("f", { needs: [need({ cpus: 0.5 })] });
      const hear = { agents: ["a"], sessions: [["f", session]] as [string, typeof session][] };
      stage.register("a", { cpus: 4 }, { use: [use("f", "r", { cpus: 3 })] });
      assert.deepEqual(offersIn(stage.wait(14_000, hear)), []);
      assert.deepEqual(brief(offersIn(stage.wait(2_000, hear))), ["a cpus 1"]);
    });

    it("an agent that does not come is unreachable after the agent time-out", () => {
      const stage = new Stage({ registry: takenOver() });
      stage.wait(16_000);
      const states = stage.call("agents", {}).value.items.map(({ state }: { state: string }) => state);
      assert.deepEqual(states, ["unreachable", "awaited"], "one a minute");
    });

    it("asks thousands of agents to spread their registrations, as long as they are awaited", () => {
      // 0.2 ms for each of 5,000
      const stage = new Stage({ registry: takenOverOf(5000) });
      assert.deepEqual(only(stage.do({ type: "termBegan" }), "announce"), [
        { type: "announce", spreadMs: 1000 },
      ]);
      // No more than a third of the agent time-out, however many.
      const larger = new Stage({ registry: takenOverOf(50_000) });
      assert.deepEqual(only(larger.do({ type: "termBegan" }), "announce"), [
        { type: "announce", spreadMs: 5000 },
      ]);
      const small = new Stage({ registry: takenOverOf(1000) });
      assert.deepEqual(only(small.do({ type: "termBegan" }), "announce"), [{ type: "announce" }]);
    });

    it("announces itself at once and every five seconds", () => {
      const stage = new Stage();
      assert.equal(only(stage.do({ type: "termBegan" }), "announce").length, 1);
      assert.equal(only(stage.wait(10_100), "announce").length, 2);
    });
  });
});

function registerOf(id: string) {
  return {
    bootId: "x",
    info: { id, host: "h", version: "1", totals: amounts({}), attributes: {}, executors: [], warnings: [] },
    report: { agent: id, generation: 1, sequence: 1, epoch: 0, use: [], settled: [], refused: [] },
  };
}
