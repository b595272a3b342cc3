import assert from "node:assert/strict";
import type { Demand } from "#protocol/api.js";
import type { AppView } from "#protocol/app.js";
import type { TaskStatus } from "#protocol/task.js";
import { Outbox } from "#libs/framework/outbox.js";
import { Apps } from "#services/apps/apps.js";
import { AppsMachine } from "#services/apps/machine.js";
import { appKey, type AppRecord } from "#services/apps/record.js";
import { type SmallAgent, SmallCluster } from "#test/support/small-cluster.js";
import { definition } from "./made.js";

const three: Record<string, SmallAgent> = {
  a: { attributes: { rack: "x" } },
  b: { attributes: { rack: "x" } },
  c: { attributes: { rack: "y" } },
};
const cluster = (agents = three) => new SmallCluster("apps", (term) => new AppsMachine(term), agents);
const put = (play: SmallCluster, given: object = {}) =>
  play.ask<{ deployment: { deploymentId: string; version: string }; created: boolean }>("put", {
    definition: definition({ cpus: 0.5, ...given }),
    mode: "put",
  });
const view = (play: SmallCluster, id = "/demo/web") => play.ask<AppView>("get", { id });
const aliveIds = (play: SmallCluster) => play.alive.map(({ spec }) => spec.id);
const versionsAlive = (play: SmallCluster) =>
  play.alive
    .map(({ spec }) => (spec.workload.kind === "process" ? spec.workload.command! : ""))
    .toSorted(byText);
const byText = (a: string, b: string) => (a < b ? -1 : 1);
const storedFailures = (play: SmallCluster) => (play.bucket.get(appKey("/demo/web")) as AppRecord).failures;
const announced = (play: SmallCluster) => play.events.map(({ type }) => type);

describe("apps", () => {
  it("a new app runs as many instances as asked, spread over the agents, and is settled", () => {
    const play = cluster();
    const { deployment, created } = put(play, { instances: 3 });
    assert.equal(created, true);
    assert.deepEqual(["a", "b", "c"].map(play.aliveOn), [1, 1, 1]);
    const { settled, running, staged, app, deployment: open } = view(play);
    assert.deepEqual(
      { settled, running, staged, open },
      { settled: true, running: 3, staged: 0, open: undefined },
    );
    assert.equal(app.version, deployment.version);
    assert.deepEqual(announced(play), ["created", "deployed"]);
  });

  it("is not carried out before it is stored, and answered only then", () => {
    const play = cluster();
    play.holdsWrites = true;
    const reply = play.call("put", { definition: definition(), mode: "create" });
    assert.equal(reply(), undefined);
    assert.equal(play.launched.length, 0);
    assert.equal(play.refusalOf("put", { definition: definition(), mode: "create" }).code, "conflict");
    play.storeAll();
    assert.equal(reply()?.ok, true);
    assert.equal(play.launched.length, 1);
  });

  it("refuses a faulty definition with all its faults, and stores nothing", () => {
    const play = cluster();
    const faulty = definition({ args: ["x"], cmd: "y", constraints: [["rack", "NEAR"]] });
    const { code, faults } = play.refusalOf("put", { definition: faulty, mode: "put" });
    assert.equal(code, "invalid");
    assert.deepEqual(
      faults?.map(({ path }) => path),
      ["/args", "/constraints/0/1"],
    );
    assert.equal(play.bucket.size, 0);
  });

  it("tried dry changes nothing, and is refused as it would be", () => {
    const play = cluster();
    const dry = (given: object) => ({ definition: definition(given), mode: "put", dryRun: true });
    assert.equal(play.ask<{ created: boolean }>("put", dry({})).created, true);
    assert.equal(play.bucket.size, 0);
    assert.equal(play.launched.length, 0);
    assert.equal(play.refusalOf("put", dry({ args: ["x"], cmd: "y" })).code, "invalid");
  });

  it("refuses service names that another app has", () => {
    const play = cluster();
    put(play, { id: "/demo/web" });
    const { faults } = play.refusalOf("put", { definition: definition({ id: "/demo.web" }), mode: "put" });
    assert.equal(faults?.[0]?.found, "demo-web, which /demo/web has");
  });

  it("scaling up launches the difference, scaling down ends the youngest of the fullest agent", () => {
    const play = cluster();
    put(play, { instances: 2 });
    const before = aliveIds(play);
    play.ask("scale", { id: "/demo/web", instances: 4 });
    assert.equal(play.alive.length, 4);
    play.ask("scale", { id: "/demo/web", instances: 2 });
    assert.equal(play.alive.length, 2);
    assert.equal(new Set(play.alive.map(({ agent }) => agent)).size, 2);
    assert.equal(play.killed.length, 2);
    assert.equal(view(play).settled, true);
    assert.ok(before.some((id) => aliveIds(play).includes(id)));
    assert.deepEqual(announced(play), [
      "created",
      "deployed",
      "scale-asked",
      "scaled",
      "scale-asked",
      "scaled",
    ]);
  });

  it("what was asked to end is ended, and no other in its place, whatever is heard of it meanwhile", () => {
    const play = cluster();
    put(play, { instances: 4, healthChecks: [{ protocol: "TCP" }] });
    const ids = aliveIds(play);
    for (const task of ids) play.isHealthy(task, task !== ids[1]);
    play.losesKills = true;
    play.ask("scale", { id: "/demo/web", instances: 3 });
    play.isHealthy(ids[0]!, false);
    play.isHealthy(ids[1]!, true);
    play.pass(20_000);
    assert.deepEqual(play.killed, [ids[1]]);
  });

  it("putting the same again restarts nothing", () => {
    const play = cluster();
    const first = put(play, { instances: 2 });
    const before = aliveIds(play);
    const again = put(play, { instances: 2 });
    assert.deepEqual(aliveIds(play), before);
    assert.equal(again.deployment.version, first.deployment.version);
    assert.equal(again.created, false);
  });

  describe("a change of the configuration", () => {
    const checked = { healthChecks: [{ protocol: "HTTP" }], instances: 2 };

    it("starts new ones, and ends an old one for each that is healthy", () => {
      const play = cluster();
      put(play, { ...checked, cmd: "one" });
      const old = aliveIds(play);
      for (const id of old) play.isHealthy(id, true);
      assert.equal(view(play).settled, true);
      put(play, { ...checked, cmd: "two" });
      assert.deepEqual(versionsAlive(play), ["one", "one", "two", "two"]); // 2·2 at most
      assert.equal(view(play).settled, false);
      const [demand] = play.ask<Demand[]>("demand", { id: "/demo/web" });
      assert.ok(
        demand?.waiting.some((reason) =>
          /2 instances of an older version wait .* become healthy/.test(reason),
        ),
        JSON.stringify(demand?.waiting),
      );
      const fresh = aliveIds(play).filter((id) => !old.includes(id));
      play.isHealthy(fresh[0]!, true);
      assert.deepEqual(versionsAlive(play), ["one", "two", "two"]);
      play.isHealthy(fresh[1]!, false);
      assert.deepEqual(versionsAlive(play), ["one", "two", "two"]);
      play.isHealthy(fresh[1]!, true);
      assert.deepEqual(versionsAlive(play), ["two", "two"]);
      assert.equal(view(play).settled, true);
    });

    it("that never becomes healthy leaves the old ones alone", () => {
      const play = cluster();
      put(play, { ...checked, cmd: "one" });
      for (const id of aliveIds(play)) play.isHealthy(id, true);
      put(play, { ...checked, cmd: "broken" });
      for (let round = 0; round < 5; round++) {
        for (const { spec } of play.alive.filter(
          ({ spec: { workload } }) => workload.kind === "process" && workload.command === "broken",
        ))
          play.ends(spec.id, { exitCode: 1 });
        play.pass(60_000);
      }
      assert.deepEqual(versionsAlive(play), ["broken", "broken", "one", "one"]);
    });

    it("goes on after a failover, without a task too many ended", () => {
      const play = cluster();
      put(play, { ...checked, cmd: "one" });
      for (const id of aliveIds(play)) play.isHealthy(id, true);
      put(play, { ...checked, cmd: "two" });
      const fresh = aliveIds(play).slice(2);
      play.isHealthy(fresh[0]!, true);
      const before = aliveIds(play);
      play.failover();
      assert.deepEqual(aliveIds(play), before);
      play.isHealthy(fresh[1]!, true);
      assert.deepEqual(versionsAlive(play), ["two", "two"]);
      assert.equal(view(play).settled, true);
      assert.deepEqual(announced(play).slice(-2), ["updated", "deployed"]);
    });

    it("with a rule on counts does not keep the successors from the places of the old ones", () => {
      const play = cluster();
      const unique = { instances: 3, constraints: [["hostname", "UNIQUE"]] };
      put(play, { ...unique, cmd: "one" });
      put(play, { ...unique, cmd: "two" });
      assert.deepEqual(versionsAlive(play), ["two", "two", "two"]);
      assert.deepEqual(["a", "b", "c"].map(play.aliveOn), [1, 1, 1]);
    });
  });

  it("a request that is repeated while it is being stored is answered when it is stored", () => {
    const play = cluster();
    play.holdsWrites = true;
    const replies = [1, 2].map(() => play.call("put", { definition: definition(), mode: "put" }));
    assert.deepEqual(
      replies.map((reply) => reply()),
      [undefined, undefined],
    );
    play.storeAll();
    for (const reply of replies) assert.equal(reply()?.ok, true);
  });

  it("deleting ends the tasks, then the record goes; meanwhile it cannot be changed", () => {
    const play = cluster();
    put(play, { instances: 2 });
    play.endsByHand = true;
    play.ask("remove", { id: "/demo/web" });
    assert.equal(view(play).settled, false);
    assert.equal(play.refusalOf("put", { definition: definition(), mode: "put" }).code, "conflict");
    assert.equal(play.refusalOf("scale", { id: "/demo/web", instances: 1 }).code, "conflict");
    for (const id of aliveIds(play)) play.ends(id, { state: "killed", reason: "kill-requested" });
    assert.equal(play.refusalOf("get", { id: "/demo/web" }).code, "not-found");
    assert.equal(play.bucket.size, 0);
    assert.equal(put(play).created, true);
  });

  describe("failures", () => {
    it("delay the next launch more each time, and say why", () => {
      const play = cluster();
      put(play, { backoffSeconds: 1, backoffFactor: 2 });
      for (const [failures, delayMs] of [1000, 2000, 4000].entries()) {
        play.ends(aliveIds(play)[0]!, { exitCode: 3, reason: "exited" });
        assert.equal(play.alive.length, 0);
        const { backoffMs, lastFailure } = view(play);
        assert.equal(backoffMs, delayMs);
        assert.equal(lastFailure?.message, "exited with code 3");
        const [demand] = play.ask<Demand[]>("demand", { id: "/demo/web" });
        assert.match(
          demand!.waiting[0]!,
          new RegExp(
            `^backing off for ${delayMs / 1000} s after ${failures + 1} failures?: last demo_web.* on host-.: exited with code 3$`,
          ),
        );
        play.pass(delayMs - 1);
        assert.equal(play.alive.length, 0);
        play.pass(1);
        assert.equal(play.alive.length, 1);
      }
    });

    it("a start counts at once while nothing has failed; in a crash loop none does until it has run for ten seconds", () => {
      const play = cluster();
      put(play, { backoffSeconds: 1, instances: 2 });
      assert.equal(view(play).settled, true);
      play.ends(aliveIds(play)[0]!, { exitCode: 3, reason: "exited" });
      play.pass(1000);
      const looped = view(play);
      assert.deepEqual([looped.running, looped.settled, looped.failures], [2, false, 1]);
      const [demand] = play.ask<Demand[]>("demand", { id: "/demo/web" });
      assert.match(
        demand!.waiting[0]!,
        /^1 failure in a row: it is settled when it has run for 10 s more; last demo_web.*: exited with code 3$/,
      );
      play.pass(9_999);
      assert.equal(view(play).settled, false);
      play.pass(1);
      assert.deepEqual([view(play).settled, view(play).failures], [true, 0]);
    });

    it("are forgiven after as long as ever when the clock is set meanwhile", () => {
      for (const aheadMs of [-3_600_000, 3_600_000]) {
        const play = cluster();
        put(play, { backoffSeconds: 1 });
        play.ends(aliveIds(play)[0]!, { exitCode: 3, reason: "exited" });
        play.pass(1000);
        play.wallAheadMs = aheadMs;
        play.pass(9_999);
        assert.equal(view(play).settled, false);
        play.pass(1);
        assert.deepEqual([view(play).settled, view(play).failures], [true, 0]);
      }
    });

    it("scaled down to what has run well, or to nothing, it is settled, whatever failed before", () => {
      const play = cluster();
      put(play, { backoffSeconds: 60, instances: 2 });
      play.ends(aliveIds(play)[0]!, { exitCode: 3, reason: "exited" });
      play.ask("scale", { id: "/demo/web", instances: 1 });
      assert.equal(view(play).settled, false);
      play.pass(10_000);
      assert.deepEqual([view(play).settled, view(play).failures], [true, 1]);
      play.ends(aliveIds(play)[0]!, { exitCode: 3, reason: "exited" });
      play.ask("scale", { id: "/demo/web", instances: 0 });
      assert.equal(view(play).settled, true);
    });

    it("of an instance that had run well are made up for at once", () => {
      const play = cluster();
      put(play);
      play.pass(10_000);
      play.ends(aliveIds(play)[0]!, { exitCode: 1 });
      assert.equal(play.alive.length, 1);
      assert.equal(view(play).lastFailure?.state, "failed");
    });

    it("are remembered by the next leader, and forgotten with another configuration", () => {
      const play = cluster();
      put(play, { backoffSeconds: 10, backoffFactor: 2 });
      play.ends(aliveIds(play)[0]!, { exitCode: 1 });
      play.pass(10_000);
      play.ends(aliveIds(play)[0]!, { exitCode: 1 });
      play.failover();
      assert.equal(view(play).backoffMs, 20_000); // 10·2^1
      assert.equal(view(play).lastFailure?.message, "exited with code 1");
      play.ask("scale", { id: "/demo/web", instances: 2 });
      assert.equal(play.alive.length, 0);
      put(play, { backoffSeconds: 10, backoffFactor: 2, cmd: "better" });
      assert.equal(view(play).backoffMs, 0);
      assert.equal(play.alive.length, 1);
    });

    it("are forgotten for good once an instance has run well: the next leader waits for nothing", () => {
      const play = cluster();
      put(play, { backoffSeconds: 1, backoffFactor: 2 });
      play.ends(aliveIds(play)[0]!, { exitCode: 1 });
      play.pass(1000);
      assert.equal(play.alive.length, 1);
      play.pass(9_999);
      assert.equal(storedFailures(play), 1);
      play.pass(1);
      assert.equal(storedFailures(play), 0);
      play.failover();
      assert.equal(view(play).backoffMs, 0);
      play.ask("scale", { id: "/demo/web", instances: 2 });
      assert.equal(play.alive.length, 2);
    });

    it("of long ago do not hold up the next leader", () => {
      const play = cluster();
      put(play, { backoffSeconds: 10, backoffFactor: 1 });
      play.ends(aliveIds(play)[0]!, { exitCode: 1 });
      play.ask("scale", { id: "/demo/web", instances: 0 });
      play.pass(10_000);
      play.failover();
      play.ask("scale", { id: "/demo/web", instances: 1 });
      assert.equal(play.alive.length, 1);
    });

    it("to take it: the first refusal is free, more delay", () => {
      const play = cluster();
      let refused = 0;
      play.refuses = () => (++refused <= 2 ? "cpus: 1 asked, 0.5 free" : undefined);
      put(play);
      assert.equal(play.alive.length, 0);
      assert.equal(refused, 2);
      assert.equal(view(play).lastFailure?.message, "cpus: 1 asked, 0.5 free");
      assert.equal(view(play).refusals, 2);
      play.pass(1000);
      assert.equal(view(play).refusals, 0);
      assert.equal(view(play).settled, true);
    });
  });

  describe("an unreachable agent", () => {
    it("its instances are replaced after replaceAfterSeconds, and the surplus ends when it returns", () => {
      const play = cluster();
      put(play, { instances: 3, replaceAfterSeconds: 30 });
      play.cutOff("a");
      play.pass(29_999);
      assert.equal(play.launched.length, 3);
      assert.equal(view(play).tasks.filter(({ state }) => state === "unreachable").length, 1);
      play.pass(1);
      assert.equal(play.launched.length, 4);
      assert.equal(view(play).settled, true);
      assert.equal(play.alive.length, 4);
      play.comesBack("a");
      assert.equal(play.alive.length, 3);
      assert.equal(view(play).settled, true);
      assert.equal(play.killed.length, 1);
    });

    it("that returns in time changes nothing", () => {
      const play = cluster();
      put(play, { instances: 3 });
      play.cutOff("a");
      play.pass(10_000);
      play.comesBack("a");
      play.pass(60_000);
      assert.equal(play.launched.length, 3);
      assert.equal(play.killed.length, 0);
    });

    it("does not keep a deleted app: it goes, and its task ends when the agent returns, even after a failover", () => {
      const play = cluster();
      put(play, { instances: 3, replaceAfterSeconds: 30 });
      play.cutOff("a");
      play.ask("remove", { id: "/demo/web" });
      assert.equal(play.alive.length, 1);
      play.pass(30_000);
      assert.equal(play.refusalOf("get", { id: "/demo/web" }).code, "not-found");
      play.failover();
      play.comesBack("a");
      play.pass(60_000);
      assert.equal(play.alive.length, 0);
      assert.equal(play.bucket.size, 0);
    });

    it("that is declared gone loses its instances: they are replaced at once", () => {
      const play = cluster();
      put(play, { instances: 3 });
      play.cutOff("a");
      play.isGone("a");
      assert.equal(play.launched.length, 4);
      assert.equal(view(play).settled, true);
    });
  });

  it("after a failover everything is as it was", () => {
    const play = cluster();
    put(play, { instances: 3 });
    const before = aliveIds(play);
    play.failover();
    play.pass(60_000);
    assert.deepEqual(aliveIds(play), before);
    assert.equal(view(play).settled, true);
    assert.deepEqual(announced(play), ["created", "deployed"]);
  });

  it("after a failover a deleted app stays deleted, though it was launched together with one that runs", () => {
    const play = cluster({ a: {} });
    play.cutOff("a");
    put(play);
    put(play, { id: "/demo/other" });
    play.comesBack("a");
    play.ask("remove", { id: "/demo/other" });
    const before = aliveIds(play);
    play.failover();
    play.pass(60_000);
    assert.equal(play.refusalOf("get", { id: "/demo/other" }).code, "not-found");
    assert.deepEqual(aliveIds(play), before);
  });

  it("after a failover a deleted app stays deleted, though an update from before comes late and the launch is still on record", () => {
    const apps = (bucket: string) =>
      new Apps(
        { records: [], tombstones: [], unreadable: [] },
        bucket,
        new Outbox({ kind: "app", by: "apps" }),
      );
    const play = cluster({ a: {} });
    put(play, { instances: 1 });
    const [{ spec, agent }] = play.alive as [TaskStatus];
    const at = { mono: play.mono, wall: play.wall };
    const late = { spec, agent, host: agent, change: 2, phase: "running", launchedAt: at } as const;
    const [ours, anothers] = [apps(spec.bucket!), apps("made-anew")];
    for (const each of [ours, anothers]) each.taskChanged(at, late);
    assert.deepEqual([ours.all.size, anothers.all.size], [0, 1]);
  });

  it("after a failover none ends for instances that have ended long ago, beside others of one launch", () => {
    const play = cluster({ a: {} });
    play.cutOff("a");
    put(play, { instances: 4 });
    play.comesBack("a");
    for (const id of aliveIds(play).slice(0, 2)) play.ends(id);
    play.pass(60_000);
    const before = aliveIds(play);
    assert.equal(before.length, 4);
    play.failover();
    play.pass(60_000);
    assert.deepEqual(aliveIds(play), before);
    assert.deepEqual(play.killed, []);
  });

  it("after the loss of the bucket apps are what their tasks say, and no task ends", () => {
    const play = cluster();
    put(play, { instances: 2 });
    play.ask("scale", { id: "/demo/web", instances: 3 });
    put(play, { id: "/demo/other" });
    const before = aliveIds(play);
    play.loseBucket();
    play.failover();
    play.pass(60_000);
    assert.deepEqual(aliveIds(play), before);
    assert.equal(view(play).app.definition.instances, 3); // the newest task was launched for 3
    assert.equal(view(play, "/demo/other").settled, true);
    assert.equal(play.killed.length, 0);
    play.failover();
    assert.equal(view(play).settled, true);
  });

  it("constraints on counts hold over several rounds of offers, and say why more is not placed", () => {
    const play = cluster();
    put(play, { instances: 3, constraints: [["rack", "UNIQUE"]] });
    assert.equal(play.alive.length, 2); // racks x and y
    const [demand] = play.ask<Demand[]>("demand", { id: "/demo/web" });
    assert.equal(demand?.wanted, 3);
    assert.equal(demand?.running, 2);
    assert.ok(
      demand?.waiting.some((reason) =>
        /3 offers\): 2 × UNIQUE rack: x has 1 already; 1 × UNIQUE rack: y/.test(reason),
      ),
      JSON.stringify(demand?.waiting),
    );
    assert.deepEqual(
      demand?.counting?.map(({ rule, placed }) => ({
        rule,
        placed: placed.toSorted(([a], [b]) => (a < b ? -1 : 1)),
      })),
      [
        {
          rule: { operator: "UNIQUE", attribute: "rack" },
          placed: [
            ["x", 1],
            ["y", 1],
          ],
        },
      ],
    );
    play.addAgent("d", { attributes: { rack: "z" } });
    play.settle();
    assert.equal(play.alive.length, 3);
  });

  it("GROUP_BY keeps the groups even when it is scaled down", () => {
    const play = cluster();
    put(play, { instances: 4, constraints: [["rack", "GROUP_BY"]] });
    const racks = () => play.alive.map(({ agent }) => three[agent]!.attributes!["rack"]!).toSorted(byText);
    assert.deepEqual(racks(), ["x", "x", "y", "y"]);
    play.ask("scale", { id: "/demo/web", instances: 2 });
    assert.deepEqual(racks(), ["x", "y"]);
  });

  it("what does not fit waits, and says how much is lacking", () => {
    const play = cluster();
    put(play, { cpus: 8 });
    const [demand] = play.ask<Demand[]>("demand", { id: "/demo/web" });
    assert.ok(
      demand?.waiting.some((reason) => reason.includes("3 × cpus: 8 asked, 4 free")),
      JSON.stringify(demand),
    );
    assert.equal(demand?.need.resources.scalars["cpus"], 8000);
  });

  it("lists apps in order of id, by the page, with or without their tasks", () => {
    const play = cluster();
    for (const id of ["/c", "/a", "/b"]) put(play, { id, cpus: 0.1 });
    const listed = (request: object) =>
      play.ask<AppView[]>("list", request).map(({ app, tasks }) => `${app.definition.id} ${tasks.length}`);
    assert.deepEqual(listed({}), ["/a 1", "/b 1", "/c 1"]);
    assert.deepEqual(listed({ most: 2, withTasks: false }), ["/a 0", "/b 0"]);
    assert.deepEqual(listed({ after: "/b", most: 2 }), ["/c 1"]);
    assert.equal(play.ask<AppView[]>("list", { most: 1, withTasks: false })[0]?.tasksLeftOut, 1);
  });

  it("whatever happens, it converges, and never runs more than twice as many", () => {
    for (let seed = 1; seed <= 30; seed++) storm(seed);
  });
});

/** Failures, health, unreachable agents, failovers and changes in a random order; then quiet. */
function storm(seed: number): void {
  let state = seed * 7919;
  const random = (below: number) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >> 8) % below;
  };
  const play = cluster();
  let wanted = 3;
  let config = 1;
  const ids = ["a", "b", "c"];
  const cutOff = new Set<string>();
  put(play, { instances: wanted, cmd: `v${config}`, replaceAfterSeconds: 20 });
  for (let step = 0; step < 60; step++) {
    const victim = play.alive.filter(({ agent }) => !cutOff.has(agent))[random(4)]?.spec.id;
    switch (random(7)) {
      case 0:
        if (victim !== undefined) play.ends(victim, { exitCode: 1 });
        break;
      case 1:
        play.ask("scale", { id: "/demo/web", instances: (wanted = 1 + random(4)) });
        break;
      case 2:
        put(play, { instances: wanted, cmd: `v${++config}`, replaceAfterSeconds: 20 });
        break;
      case 3:
        if (cutOff.size < 2) {
          const agent = ids[random(3)]!;
          if (!cutOff.has(agent)) play.cutOff(agent);
          cutOff.add(agent);
        }
        break;
      case 4:
        for (const agent of cutOff) play.comesBack(agent);
        cutOff.clear();
        break;
      case 5:
        play.failover();
        break;
      default:
        play.pass(random(30_000));
    }
    const near = play.alive.filter(({ agent }) => !cutOff.has(agent)).length;
    assert.ok(near <= 8, `seed ${seed}, step ${step}: ${near} tasks`);
  }
  for (const agent of cutOff) play.comesBack(agent);
  play.pass(3_600_000);
  assert.equal(view(play).settled, true, `seed ${seed}: ${JSON.stringify(view(play))}`);
  assert.deepEqual(
    versionsAlive(play),
    Array.from({ length: wanted }, () => `v${config}`),
    `seed ${seed}`,
  );
  const launches = [...play.bucket.keys()].filter((key) => key.startsWith("launch."));
  assert.ok(launches.length <= wanted, `seed ${seed}: ${launches.length} launch records`);
}
