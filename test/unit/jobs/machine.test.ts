import assert from "node:assert/strict";
import type { JobView, Run } from "#protocol/job.js";
import { job } from "./made.js";
import { announced, cluster, create, id, only, runOf, start, view } from "./scene.js";

describe("jobs", () => {
  it("a run is INITIAL, then ACTIVE, then SUCCESS with exit code, host and times", () => {
    const play = cluster();
    create(play);
    const run = start(play);
    assert.equal(run.status, "INITIAL");
    assert.equal(runOf(play, run.id).status, "ACTIVE");
    play.pass(1500);
    const task = only(play);
    play.ends(task, { state: "finished", exitCode: 0, reason: "exited" });
    const { status, attempts, completedAt, createdAt } = runOf(play, run.id);
    assert.equal(status, "SUCCESS");
    assert.equal(completedAt! - createdAt, 1500);
    assert.equal(attempts.length, 1);
    const attempt = attempts[0]!;
    assert.equal(attempt.task, task);
    assert.equal(attempt.exitCode, 0);
    assert.match(attempt.host, /^host-/);
    assert.equal(attempt.endedAt! - attempt.startedAt!, 1500);
    assert.deepEqual(announced(play), ["created", "run-started", "run-finished"]);
    assert.equal(view(play).successCount, 1);
  });

  it("a job exists once, is refused with all faults, and is not found when it is not there", () => {
    const play = cluster();
    create(play);
    assert.equal(play.refusalOf("create", job()).code, "conflict");
    const { code, faults } = play.refusalOf(
      "create",
      job({ cmd: "x", args: ["y"], jvm: {} }, { id: "other" }),
    );
    assert.equal(code, "invalid");
    assert.ok(faults!.length >= 3, JSON.stringify(faults));
    assert.equal(play.refusalOf("start", { id: "none" }).code, "not-found");
    assert.equal(play.refusalOf("run", { id, run: "none" }).code, "not-found");
  });

  it("a changed one counts for the runs from then on, also under the next leader; faults change nothing", () => {
    const play = cluster();
    create(play, { cmd: "old" });
    start(play);
    const changed = job({ cpus: 1, cmd: "new" });
    assert.deepEqual(play.ask("update", { definition: changed, dryRun: true }), changed);
    assert.equal(view(play).definition.run.cmd, "old");
    play.ask("update", { definition: changed });
    assert.equal(play.refusalOf("update", { definition: job({ cmd: "x", args: ["y"] }) }).code, "invalid");
    assert.equal(play.refusalOf("update", { definition: job({}, { id: "none" }) }).code, "not-found");
    start(play);
    const commands = () =>
      play.alive
        .map(({ spec: { workload } }) => (workload.kind === "process" ? workload.command! : ""))
        .toSorted((a, b) => (a < b ? -1 : 1));
    assert.deepEqual(commands(), ["new", "old"]);
    play.failover();
    start(play);
    assert.deepEqual(commands(), ["new", "new", "old"]);
    assert.deepEqual(announced(play).slice(0, 4), ["created", "run-started", "updated", "run-started"]);
  });

  it("a change counts when it is stored, and nothing else that is stored meanwhile takes it back", () => {
    const play = cluster();
    create(play, { cmd: "old" });
    play.holdsWrites = true;
    const first = play.call("update", { definition: job({ cpus: 1, cmd: "first" }) });
    const second = play.call("update", { definition: job({ cpus: 1, cmd: "second" }) });
    assert.deepEqual([first(), second(), view(play).definition.run.cmd], [undefined, undefined, "old"]);
    play.storeOne();
    assert.equal(first()?.ok, true);
    play.storeAll();
    assert.equal(second()?.ok, true);
    assert.equal(view(play).definition.run.cmd, "second");
  });

  it("is there already only when it is stored: who asks twice is not told of himself before", () => {
    const play = cluster();
    play.holdsWrites = true;
    const answers = [play.call("create", job()), play.call("create", job())];
    assert.deepEqual(
      answers.map((answer) => answer()),
      [undefined, undefined],
    );
    play.storeAll();
    const [first, second] = answers.map((answer) => answer() as { ok: boolean });
    assert.deepEqual([first!.ok, second!.ok], [true, false]);
    assert.equal(start(play).job, id);
  });

  it("nothing is launched before the run is stored", () => {
    const play = cluster();
    create(play);
    play.holdsWrites = true;
    const reply = play.call("start", { id });
    assert.equal(reply(), undefined);
    assert.equal(play.launched.length, 0);
    play.storeAll();
    assert.equal(reply()?.ok, true);
    assert.equal(play.launched.length, 1);
  });

  it("the same key gives the same run, also while it is being stored, after its end and after a failover", () => {
    const play = cluster();
    create(play);
    play.holdsWrites = true;
    const first = play.call("start", { id, key: "k1" });
    const second = play.call("start", { id, key: "k1" });
    play.storeAll();
    const run = first() as { value: Run };
    assert.deepEqual((second() as { value: Run }).value.id, run.value.id);
    assert.notEqual(start(play, "k2").id, run.value.id);
    for (const { spec } of play.alive) play.ends(spec.id, { state: "finished", exitCode: 0 });
    assert.equal(start(play, "k1").id, run.value.id);
    play.failover();
    assert.equal(start(play, "k1").id, run.value.id);
    assert.equal(play.launched.length, 2);
  });

  it("runs that wait are served first come, first served, as room becomes free", () => {
    const play = cluster({ a: { cpus: 2 } });
    create(play);
    const runs = Array.from({ length: 6 }, () => start(play).id);
    const served: string[] = [];
    while (play.alive.length > 0) {
      assert.ok(play.alive.length <= 2);
      served.push(play.alive[0]!.spec.env!["EMPORION_RUN_ID"]!);
      play.ends(play.alive[0]!.spec.id, { state: "finished", exitCode: 0 });
    }
    assert.deepEqual(served, runs);
  });

  it("ten thousand runs that wait cost an event next to nothing", () => {
    const play = cluster({ a: { cpus: 1 } });
    create(play);
    for (let count = 0; count < 10_000; count++) start(play);
    const before = process.cpuUsage();
    for (let count = 0; count < 200; count++) play.ends(only(play), { state: "finished", exitCode: 0 });
    const { user, system } = process.cpuUsage(before);
    const msEach = (user + system) / 1000 / 200;
    assert.ok(msEach < 15, `${msEach} ms for each end of a run`);
    assert.equal(play.ask<JobView>("get", { id }).activeCount, 9800);
  }).timeout(60_000);

  it("a deleted job stays deleted after a failover, though its run was launched together with another", () => {
    const play = cluster({ a: { cpus: 4 } });
    play.cutOff("a");
    create(play);
    play.ask("create", job({ cpus: 1 }, { id: "other" }));
    start(play);
    play.ask("start", { id: "other" });
    play.comesBack("a");
    const task = play.alive.find(({ spec }) => spec.name === id)!.spec.id;
    play.ends(task, { state: "finished", exitCode: 0, reason: "exited" });
    play.ask("remove", { id, stopCurrentJobRuns: false });
    play.failover();
    assert.equal(play.refusalOf("get", { id }).code, "not-found");
    assert.equal(play.ask<JobView[]>("list", {}).length, 1);
  });
});
