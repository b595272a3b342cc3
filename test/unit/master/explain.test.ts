import assert from "node:assert/strict";
import { amounts } from "#libs/core/resources.js";
import { need, offersIn, only, Stage, use } from "./stage.js";

const demand = (of: Parameters<typeof need>[0], more: object = {}, framework = "f") => ({
  about: "/demo/web",
  framework,
  need: need(of, undefined, more),
  waiting: [],
  wanted: 3,
  running: 1,
});

describe("why something is not placed", () => {
  it("counts the agents by their first reason and gives each in numbers", () => {
    const stage = new Stage();
    stage.subscribe("f", { suppressed: true });
    stage.register("a", { cpus: 4, mem: 1000 }, { use: [use("g", "r", { mem: 700 })] });
    stage.register("b", { cpus: 0.5, mem: 1000 });
    stage.register("c", { cpus: 4, mem: 1000 }, { executors: ["container"] });
    stage.register("d", { cpus: 4, mem: 1000 }, { attributes: { rack: "b" } });
    const constraints = [{ attribute: "rack", operator: "is-not" as const, value: "b" }];
    const { value } = stage.call(
      "explain",
      demand({ cpus: 1, mem: 512 }, { executor: "process", constraints }),
    );
    assert.deepEqual(value.perAgent, [
      { agent: "a", reason: "mem: 512 MiB asked, 300 MiB free of 1000 MiB" },
      { agent: "b", reason: "cpus: 1 asked, 0.5 in all" },
      { agent: "c", reason: "no executor process; it has container" },
      { agent: "d", reason: "attribute rack is b, asked: is-not b" },
    ]);
    assert.deepEqual(value.reasons, [
      { reason: "constraint on rack: never", agents: 1 },
      { reason: "cpus: never", agents: 1 },
      { reason: "executor process: never", agents: 1 },
      { reason: "mem", agents: 1 },
    ]);
    assert.deepEqual(value.waiting, ["framework f wants no offers at present"]);
    assert.match(
      value.summary,
      /^\/demo\/web: 1 of 3 run; one takes cpus 1, mem 512 MiB; fits on 0 of 4 agents; 1 of 4 agents: /,
    );
  });

  it("says when no agent has so much, and what the largest has", () => {
    const stage = new Stage();
    stage.subscribe("f");
    stage.register("a", { cpus: 4, ports: [[1, 5]] });
    stage.register("b", { cpus: 6, ports: [[1, 9]] });
    const { value } = stage.call("explain", demand({ cpus: 16, gpus: 1 }, { portCount: 12 }));
    assert.deepEqual(value.waiting, [
      "no agent has cpus 16: the largest, b, has 6",
      "no agent has gpus 1: the largest, a, has 0",
      "no agent has 12 ports: the most are 9",
    ]);
  });

  it("tells what is in offers to others, declined lately, unreachable and awaited apart", () => {
    const stage = new Stage();
    stage.register("a", { cpus: 4 });
    const g = stage.subscribe("g");
    stage.wait(10);
    stage.register("b", { cpus: 4 });
    const f = stage.subscribe("f");
    stage.wait(10);
    const mine = offersIn(stage.effects, "f").concat(
      offersIn(stage.effects, "g").filter(({ agent }) => agent === "b"),
    );
    const owner = mine[0]!.framework === "f" ? f : g;
    const [rescind] = only(stage.decline(mine[0]!.framework, owner.session, [mine[0]!], 60_000), "rescind");
    stage.say({ type: "offersSuppressed" }, "g", { session: g.session });
    stage.say({ type: "offersSuppressed" }, "f", { session: f.session });
    stage.answerRescind(rescind!);
    const { value } = stage.call("explain", demand({ cpus: 1 }, {}, mine[0]!.framework));
    assert.deepEqual(value.perAgent, [
      { agent: "a", reason: "cpus: 1 asked, 0 free of 4; it would fit with what is in 1 open offers" },
      { agent: "b", reason: `${mine[0]!.framework} declined it: it is offered again in 60 s` },
    ]);
  });

  it("says that a role is at its limit", () => {
    const stage = new Stage();
    stage.call("setRole", { name: "r", limit: amounts({ cpus: 2 }) });
    stage.register("a", { cpus: 4 }, { use: [use("f", "r", { cpus: 1.5 })] });
    stage.subscribe("f", { needs: [need({ cpus: 1 })] });
    const { value } = stage.call("explain", demand({ cpus: 1 }));
    assert.deepEqual(value.waiting, ["role r is at its limit: cpus: 1 asked, 0.5 left of 2"]);
    assert.equal(value.fitting, 1);
  });

  it("knows neither agent nor framework: says so", () => {
    const { value } = new Stage().call("explain", demand({ cpus: 1 }));
    assert.deepEqual(value.waiting, ["framework f is not known to the leader", "no agent is known"]);
  });

  it("refuses a need that nothing can meet, with its place", () => {
    const constraints = [{ attribute: "rack", operator: "like" as const, value: "[" }];
    const { error } = new Stage().call("explain", demand({ cpus: 1 }, { constraints }));
    assert.equal(error.code, "invalid");
    assert.equal(error.faults[0].path, "/need/constraints/0/value");
  });
});
