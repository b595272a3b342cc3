import assert from "node:assert/strict";
import type { Demand } from "#protocol/api.js";
import type { AppView } from "#protocol/app.js";
import { definition } from "./made.js";
import { aliveIds, announced, cluster, put, versionsAlive, view } from "./scene.js";

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

  it("whatever happens, it converges, and never runs more than twice as many", function () {
    // Seconds, and many of them on a machine that is busy.
    this.timeout(60_000);
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
