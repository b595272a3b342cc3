import assert from "node:assert/strict";
import { amounts } from "#libs/core/resources.js";
import { brief, nameOf, need, offersIn, only, Stage, use } from "./stage.js";

/** One agent of 4 cpus, one framework without needs, which holds an offer of all of it. */
function offered(options: ConstructorParameters<typeof Stage>[0] = {}) {
  const stage = new Stage(options);
  stage.register("a", { cpus: 4, mem: 1000 });
  const { session, effects } = stage.subscribe("f");
  const [offer] = offersIn(effects);
  return { stage, session, offer: offer! };
}

describe("offers of the master", () => {
  it("go out at once when a framework subscribes and there is something free", () => {
    const { offer, session } = offered();
    assert.deepEqual(offer, {
      agent: "a",
      generation: 1,
      epoch: 3,
      number: 1,
      floor: 1,
      replaces: [],
      framework: "f",
      session,
      role: "r",
      resources: amounts({ cpus: 4, mem: 1000 }),
      host: "host-a",
      attributes: {},
      executors: [{ kind: "process", version: "1", warnings: [] }],
    });
  });

  it("go out at once when an agent registers and somebody wants offers", () => {
    const stage = new Stage();
    stage.subscribe("f");
    assert.deepEqual(brief(offersIn(stage.register("a", { cpus: 4 }))), ["a cpus 4"]);
  });

  it("are not made twice from the same resources", () => {
    const { stage } = offered();
    assert.deepEqual(offersIn(stage.subscribe("g").effects), []);
    assert.deepEqual(offersIn(stage.wait(5000)), []);
  });

  it("come in messages of at most 20", () => {
    const stage = new Stage();
    for (let n = 0; n < 45; n++) stage.register(`a${n}`, { cpus: 1 });
    const { effects } = stage.subscribe("f");
    assert.deepEqual(
      only(effects, "sendOffers").map(({ offers }) => offers.length),
      [20, 20, 5],
    );
  });

  it("within the pass interval wait for the next pass, so that what comes together is shared together", () => {
    const { stage } = offered();
    assert.deepEqual(offersIn(stage.register("b", { cpus: 1 })), [], "the last pass was now");
    assert.deepEqual(brief(offersIn(stage.wait(5))), ["b cpus 1"]);
  });

  it("used in part: the rest is free when the agent reports it settled", () => {
    const { stage } = offered();
    stage.wait(100);
    const effects = stage.report("a", { settled: [1], use: [use("f", "r", { cpus: 1, mem: 200 })] });
    assert.deepEqual(brief(offersIn(effects)), ["a cpus 3 mem 800"]);
    assert.equal(offersIn(effects)[0]!.floor, 2, "offer 1 need not be remembered");
  });

  it("stay charged while the agent has not settled them, whatever use it reports", () => {
    const { stage } = offered();
    stage.wait(100);
    assert.deepEqual(offersIn(stage.report("a", { use: [use("f", "r", { cpus: 1, mem: 200 })] })), []);
  });

  it("whose rest was refused in the accept are filtered like declined ones", () => {
    const { stage } = offered();
    stage.wait(100);
    const rest = amounts({ cpus: 3, mem: 800 });
    const refused = [{ framework: "f", role: "r", resources: rest, filterMs: 2000, offer: 1 }];
    const used = [use("f", "r", { cpus: 1, mem: 200 })];
    assert.deepEqual(offersIn(stage.report("a", { settled: [1], refused, use: used })), []);
    assert.deepEqual(offersIn(stage.wait(1990)), []);
    assert.deepEqual(brief(offersIn(stage.wait(20))), ["a cpus 3 mem 800"]);
  });

  describe("declined", () => {
    it("are rescinded at the agent, whose answer settles them", () => {
      const { stage, session, offer } = offered();
      stage.subscribe("g");
      stage.wait(100);
      const declined = stage.decline("f", session, [offer]);
      assert.deepEqual(offersIn(declined), [], "not before the agent has answered");
      const [rescind] = only(declined, "rescind");
      assert.deepEqual(rescind!.rescind, { epoch: 3, generation: 1, offers: [1], floor: 1 });
      assert.deepEqual(brief(offersIn(stage.answerRescind(rescind!), "g")), ["a cpus 4 mem 1000"]);
    });

    it("that were used meanwhile stay used: the agent decides", () => {
      const { stage, session, offer } = offered();
      stage.subscribe("g");
      stage.wait(100);
      const [rescind] = only(stage.decline("f", session, [offer]), "rescind");
      const effects = stage.answerRescind(rescind!, { use: [use("f", "r", { cpus: 3 })] });
      assert.deepEqual(brief(offersIn(effects)), ["a cpus 1 mem 1000"]);
    });

    it("are not offered to the same framework until the filter expires", () => {
      const { stage, session, offer } = offered();
      stage.wait(100);
      const [rescind] = only(stage.decline("f", session, [offer]), "rescind");
      stage.answerRescind(rescind!);
      assert.deepEqual(offersIn(stage.wait(4990)), []);
      assert.deepEqual(brief(offersIn(stage.wait(20))), ["a cpus 4 mem 1000"]);
    });

    it("do not block what is larger", () => {
      const stage = new Stage();
      stage.register("a", { cpus: 4 }, { use: [use("x", "r", { cpus: 1 })] });
      const { session, effects } = stage.subscribe("f");
      const [offer] = offersIn(effects);
      assert.deepEqual(brief([offer!]), ["a cpus 3"]);
      const [rescind] = only(stage.decline("f", session, [offer!]), "rescind");
      stage.wait(100);
      stage.answerRescind(rescind!, { use: [use("x", "r", { cpus: 1 })] });
      assert.deepEqual(
        brief(offersIn(stage.report("a", { use: [use("x", "r", { cpus: 2 })] }))),
        [],
        "less: blocked",
      );
      stage.wait(10);
      assert.deepEqual(brief(offersIn(stage.report("a", { use: [] }))), ["a cpus 4"], "more: offered");
    });

    it("without a filter are offered again at once", () => {
      const { stage, session, offer } = offered();
      stage.wait(100);
      const [rescind] = only(stage.decline("f", session, [offer], 0), "rescind");
      assert.deepEqual(brief(offersIn(stage.answerRescind(rescind!))), ["a cpus 4 mem 1000"]);
    });

    it("come back after a revive, which clears the filters", () => {
      const { stage, session, offer } = offered();
      stage.wait(100);
      const [rescind] = only(stage.decline("f", session, [offer], 3_600_000), "rescind");
      stage.answerRescind(rescind!);
      stage.wait(100);
      assert.deepEqual(brief(offersIn(stage.revive("f", session))), ["a cpus 4 mem 1000"]);
    });

    it("by somebody else, or of another epoch, change nothing", () => {
      const { stage, offer } = offered();
      const g = stage.subscribe("g");
      assert.deepEqual(only(stage.decline("g", g.session, [offer]), "rescind"), []);
      assert.deepEqual(only(stage.decline("g", g.session, [{ ...offer, epoch: 2 }]), "rescind"), []);
    });
  });

  describe("rescinded", () => {
    it("when nobody answers them for the offer time-out; the session is told", () => {
      const { stage, session, offer } = offered({ settings: { sessionTimeoutMs: 1e9, agentTimeoutMs: 1e9 } });
      assert.deepEqual(only(stage.wait(59_990), "rescind"), []);
      const effects = stage.wait(20);
      assert.equal(only(effects, "rescind").length, 1);
      assert.deepEqual(only(effects, "tellFramework"), [
        {
          type: "tellFramework",
          framework: "f",
          session,
          event: { type: "rescinded", epoch: 3, offers: [nameOf(offer)] },
        },
      ]);
    });

    it("when the session does not take them; then it gets none until it speaks", () => {
      const { stage, session } = offered();
      stage.wait(100);
      const offers = [{ agent: "a", number: 1 }];
      const effects = stage.do({
        type: "offersUndelivered",
        framework: "f",
        session,
        offers,
        why: "timeout",
      });
      const [rescind] = only(effects, "rescind");
      assert.deepEqual(offersIn(stage.answerRescind(rescind!)), []);
      const renewed = stage.do({ type: "sessionRenewed", ask: 99, framework: "f", message: { session } });
      assert.deepEqual(brief(offersIn(renewed)), ["a cpus 4 mem 1000"]);
    });

    it("again and again until the agent answers", () => {
      const { stage, session, offer } = offered();
      const [rescind] = only(stage.decline("f", session, [offer]), "rescind");
      const failed = {
        type: "rescindFailed",
        agent: "a",
        rescind: rescind!.rescind,
        why: "timeout",
      } as const;
      stage.do(failed);
      assert.equal(only(stage.wait(990), "rescind").length, 0);
      assert.equal(only(stage.wait(20), "rescind").length, 1);
      stage.do(failed);
      assert.equal(only(stage.wait(1100), "rescind").length, 1);
    });

    it("one request at a time to an agent: what comes meanwhile goes with the next", () => {
      const stage = new Stage();
      stage.register("a", { cpus: 4 });
      const needs = [need({ cpus: 1 }, 1)];
      const f = stage.subscribe("f", { needs });
      stage.wait(10);
      const g = stage.subscribe("g", { needs });
      stage.wait(10);
      const [ofF, ofG] = offersIn(stage.effects);
      const [rescind] = only(stage.decline("f", f.session, [ofF!]), "rescind");
      assert.deepEqual(only(stage.decline("g", g.session, [ofG!]), "rescind"), []);
      const [next] = only(stage.answerRescind(rescind!), "rescind");
      assert.deepEqual(next!.rescind.offers, [2]);
    });

    it("twice for two reasons: the session is told once", () => {
      const { stage } = offered();
      const settled = Array.from({ length: 256 }, (_, index) => index + 2);
      const first = stage.report("a", { settled });
      const second = stage.report("a", { settled });
      assert.deepEqual(
        [first, second].map((effects) => only(effects, "tellFramework").length),
        [1, 0],
      );
    });

    it("are free again also when a later report overtook the answer", () => {
      const { stage, session, offer } = offered();
      stage.subscribe("g");
      stage.wait(100);
      const [rescind] = only(stage.decline("f", session, [offer]), "rescind");
      stage.report("a", { sequence: 50 });
      const effects = stage.answerRescind(rescind!, { sequence: 49 });
      assert.deepEqual(brief(offersIn(effects, "g")), ["a cpus 4 mem 1000"]);
    });

    it("void by a new generation: nothing is asked any more, the session is told", () => {
      const { stage, session, offer } = offered();
      stage.decline("f", session, [offer]);
      const effects = stage.register("a", { cpus: 4, mem: 1000 });
      assert.deepEqual(only(effects, "rescind"), []);
      const again = [...offersIn(effects), ...offersIn(stage.wait(5000))];
      assert.deepEqual(
        again.map(({ number, generation }) => [number, generation]),
        [[2, 2]],
      );
    });

    it("that fell out of the window of settled offers are asked for", () => {
      const { stage } = offered();
      const settled = Array.from({ length: 256 }, (_, index) => index + 2);
      const [rescind] = only(stage.report("a", { settled }), "rescind");
      assert.deepEqual(rescind!.rescind.offers, [1]);
    });
  });
});
