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

  it("of what runs as wanted says so, and nothing of offers that nobody needs", () => {
    const stage = new Stage();
    stage.subscribe("f", { suppressed: true });
    stage.register("a", { cpus: 4 });
    const { value } = stage.call("explain", { ...demand({ cpus: 8 }), running: 3 });
    assert.equal(value.summary, "/demo/web: 3 of 3 run; one takes cpus 8; nothing is missing");
    assert.equal(value.isMissing, false);
    assert.deepEqual(value.waiting, []);
  });

  it("whoever waits for another reason wants no offers for that reason: only it is told", () => {
    const stage = new Stage();
    stage.subscribe("f", { suppressed: true });
    const { value } = stage.call("explain", { ...demand({ cpus: 1 }), waiting: ["backing off"] });
    assert.deepEqual(value.waiting, ["backing off", "no agent is known"]);
  });

  it("of a framework's need tells how many more it wants: which of its tasks meet it nobody else knows", () => {
    const stage = new Stage();
    stage.subscribe("f");
    stage.register("a", { cpus: 4 });
    const { wanted: _, running: __, ...open } = demand({ cpus: 1 });
    const few = stage.call("explain", { ...open, wanted: 2 }).value;
    assert.equal(few.stands, "/demo/web: wants 2 more; one takes cpus 1");
    assert.equal(few.isMissing, true);
    const many = stage.call("explain", open).value;
    assert.equal(many.stands, "/demo/web: wants as many as there is room for; one takes cpus 1");
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

  it("counts what the framework has placed already before it looks at what is free there", () => {
    const stage = new Stage();
    stage.subscribe("f", { suppressed: true });
    stage.register("a", { cpus: 1 }, { attributes: { rack: "x" }, use: [use("f", "r", { cpus: 1 })] });
    stage.register("b", { cpus: 4 }, { attributes: { rack: "x" } });
    stage.register("c", { cpus: 4 }, { attributes: { rack: "y" } });
    stage.register("d", { cpus: 0.5 }, { attributes: { rack: "z" } });
    const rule = { operator: "UNIQUE" as const, attribute: "rack" };
    const counting = [{ rule, instances: 3, placed: [["x", 1] as [string, number]], others: [] }];
    const { value } = stage.call("explain", { ...demand({ cpus: 1 }), counting });
    assert.deepEqual(value.perAgent, [
      { agent: "a", reason: "UNIQUE rack: x has 1 already" },
      { agent: "b", reason: "UNIQUE rack: x has 1 already" },
      { agent: "c", reason: "" },
      { agent: "d", reason: "cpus: 1 asked, 0.5 in all" },
    ]);
    assert.deepEqual(value.reasons, [
      { reason: "UNIQUE rack", agents: 2 },
      { reason: "cpus: never", agents: 1 },
    ]);
    assert.equal(value.fitting, 1);
  });

  it("shows of many agents some for each reason, says how many it leaves out, and tells of a chosen one", () => {
    const stage = new Stage();
    stage.subscribe("f", { suppressed: true });
    for (let index = 0; index < 1000; index++)
      stage.register(`a${1000 + index}`, { cpus: index < 990 ? 0.5 : 4 }, {});
    stage.register("z", { cpus: 4 }, { executors: ["container"] });
    const asked = demand({ cpus: 1 }, { executor: "process" as const });
    const { value } = stage.call("explain", { ...asked, most: 20 });
    assert.deepEqual([value.agents, value.fitting, value.leftOut], [1001, 10, 981]);
    assert.equal(value.perAgent.length, 20);
    const shown = (reason: RegExp) =>
      value.perAgent.filter((each: { reason: string }) => reason.test(each.reason)).length;
    // 20 places: the one without the executor, then as many of those that fit as of those that do not, of 10 and 990.
    assert.deepEqual([shown(/executor/), shown(/^$/), shown(/^cpus/)], [1, 9, 10]);
    const one = stage.call("explain", { ...asked, agent: "a1995" }).value;
    assert.deepEqual(
      [one.perAgent, one.agents, one.leftOut],
      [[{ agent: "a1995", reason: "" }], 1001, undefined],
    );
    assert.equal(stage.call("explain", { ...asked, agent: "q" }).error.code, "not-found");
    assert.equal(stage.call("explain", asked).value.perAgent.length, 200);
  });

  it("tells the agents' own warnings of the executor that is asked for, and of ports where some are, in counts", () => {
    const stage = new Stage();
    stage.subscribe("f");
    const unlimited = "process: no cgroup: limits are not enforced (switched off)";
    const noEngine = "container: no Docker engine answers";
    const taken = "1 port of 31000-31009 is taken by others and not offered: 31003";
    stage.register("a", { cpus: 4 }, { warnings: [unlimited, noEngine] });
    stage.register("b", { cpus: 4 }, { warnings: [unlimited, taken] });
    stage.register("c", { cpus: 4 });
    const warnings = (more: object, rest: object = {}) =>
      stage.call("explain", { ...demand({ cpus: 1 }, more), ...rest }).value.warnings;
    assert.deepEqual(warnings({ executor: "process" }), [`2 of 3 agents: ${unlimited}`]);
    assert.deepEqual(warnings({ executor: "container" }), [`1 of 3 agents: ${noEngine}`]);
    assert.deepEqual(warnings({ executor: "jvm" }), undefined);
    assert.deepEqual(warnings({ executor: "jvm", portCount: 1 }), [`1 of 3 agents: ${taken}`]);
    assert.deepEqual(warnings({ executor: "process" }, { agent: "b" }), [`1 of 1 agent: ${unlimited}`]);
    assert.deepEqual(warnings({ executor: "process" }, { agent: "c" }), undefined);
  });

  it("tells five warnings at most, and how many more there are", () => {
    const stage = new Stage();
    stage.subscribe("f");
    for (let number = 1; number <= 7; number++)
      stage.register(`a${number}`, { cpus: 4 }, { warnings: [`process: directory ${number} is closed`] });
    const { warnings } = stage.call("explain", demand({ cpus: 1 }, { executor: "process" })).value;
    assert.equal(warnings.length, 6);
    assert.deepEqual(warnings.slice(-2), [
      "1 of 7 agents: process: directory 5 is closed",
      "and 2 other warnings: see the agents",
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
