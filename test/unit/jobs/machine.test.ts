import assert from "node:assert/strict";
import type { Demand } from "#protocol/api.js";
import type { JobView, Run } from "#protocol/job.js";
import { JobsMachine } from "#services/jobs/machine.js";
import { type SmallAgent, SmallCluster } from "#test/support/small-cluster.js";
import { job } from "./made.js";

const two: Record<string, SmallAgent> = { a: { cpus: 4 }, b: { cpus: 4 } };
const cluster = (agents = two) => new SmallCluster("jobs", (term) => new JobsMachine(term), agents);
const id = "demo.pi";
const create = (play: SmallCluster, run: object = {}) => play.ask("create", job({ cpus: 1, ...run }));
const start = (play: SmallCluster, key?: string) =>
  play.ask<Run>("start", key === undefined ? { id } : { id, key });
const runOf = (play: SmallCluster, run: string) => play.ask<Run>("run", { id, run });
const view = (play: SmallCluster) => play.ask<JobView>("get", { id });
const only = (play: SmallCluster) => {
  assert.equal(play.alive.length, 1, `${play.alive.length} tasks`);
  return play.alive[0]!.spec.id;
};
const retrying = { restart: { policy: "ON_FAILURE" }, retries: 2, backoffSeconds: 10, backoffFactor: 2 };
const announced = (play: SmallCluster) => play.events.map(({ type }) => type);
const ownKeys = (play: SmallCluster) => [...play.bucket.keys()].filter((key) => !key.startsWith("launch."));

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

  describe("a failed attempt", () => {
    it("ends the run, unless it is to be repeated", () => {
      const play = cluster();
      create(play);
      const run = start(play);
      play.ends(only(play), { exitCode: 7, reason: "exited" });
      const { status, reason, attempts } = runOf(play, run.id);
      assert.deepEqual([status, reason], ["FAILED", "exited with code 7"]);
      assert.equal(attempts[0]?.exitCode, 7);
      assert.equal(view(play).failureCount, 1);
    });

    it("is repeated after the backoff, as often as asked", () => {
      const play = cluster();
      create(play, retrying);
      const run = start(play);
      for (const delayMs of [10_000, 20_000]) {
        play.ends(only(play), { exitCode: 1 });
        const { retryAt, status } = runOf(play, run.id);
        assert.equal(status, "STARTING");
        assert.equal(retryAt! - play.wall, delayMs);
        play.pass(delayMs - 1);
        assert.equal(play.alive.length, 0);
        play.pass(1);
        assert.equal(runOf(play, run.id).status, "ACTIVE");
        assert.equal(runOf(play, run.id).retryAt, undefined);
      }
      play.ends(only(play), { exitCode: 1 });
      const { status, reason, attempts } = runOf(play, run.id);
      assert.deepEqual([status, attempts.length], ["FAILED", 3]);
      assert.equal(reason, "all 3 attempts failed; the last: exited with code 1");
      assert.deepEqual(
        play.launched.map(({ env }) => env!["EMPORION_ATTEMPT"]),
        ["1", "2", "3"],
      );
    });

    it("is stored before its update is acknowledged, and before the next attempt", () => {
      const play = cluster();
      create(play, { ...retrying, backoffSeconds: 0 });
      const run = start(play);
      const first = only(play);
      play.holdsWrites = true;
      play.ends(first, { exitCode: 1 });
      play.pass(1000);
      assert.equal(play.launched.length, 1);
      play.failover(); // what was not stored is delivered again
      assert.equal(runOf(play, run.id).attempts.length, 1);
      play.storeAll();
      assert.equal(play.launched.length, 2);
      play.failover();
      play.ends(only(play), { exitCode: 1 });
      play.ends(only(play), { exitCode: 1 });
      assert.equal(runOf(play, run.id).status, "FAILED");
      assert.equal(play.launched.length, 3);
      assert.equal([...play.bucket.keys()].filter((key) => key.startsWith("launch.")).length, 0);
    });

    it("does not wait for a clock that was set back before a failover", () => {
      const play = cluster();
      create(play, { ...retrying, maxBackoffSeconds: 60 });
      start(play);
      play.ends(only(play), { exitCode: 1 });
      play.wallAheadMs = -3_600_000;
      play.failover();
      play.pass(60_000);
      only(play);
    });

    it("keeps its delay and its count over a failover", () => {
      const play = cluster();
      create(play, retrying);
      const run = start(play);
      play.ends(only(play), { exitCode: 1 });
      play.pass(4000);
      play.failover();
      play.pass(5999);
      assert.equal(play.alive.length, 0);
      play.pass(1);
      play.ends(only(play), { exitCode: 1 });
      play.pass(20_000);
      play.ends(only(play), { exitCode: 1 });
      assert.equal(runOf(play, run.id).status, "FAILED");
    });
  });

  describe("what is no fault of the job", () => {
    it("a refusal is tried again, and uses up no attempt", () => {
      const play = cluster();
      let refused = 0;
      play.refuses = () => (++refused <= 3 ? "mem: 1 asked, 0 free" : undefined);
      create(play);
      const run = start(play);
      play.pass(60_000);
      play.ends(only(play), { state: "finished", exitCode: 0 });
      const { status, attempts } = runOf(play, run.id);
      assert.equal(status, "SUCCESS");
      assert.deepEqual(
        attempts.map(({ state }) => state),
        ["refused", "refused", "refused", "finished"],
      );
      assert.equal(attempts[0]?.message, "mem: 1 asked, 0 free");
    });

    it("what is always refused fails in the end", () => {
      const play = cluster();
      play.refuses = () => "not allowed here";
      create(play, { maxLaunchDelay: 600 });
      const run = start(play);
      play.pass(700_000);
      const { status, reason, attempts, earlierAttempts } = runOf(play, run.id);
      assert.equal(status, "FAILED");
      assert.match(reason!, /^it waited 6\d\d s for resources/);
      assert.ok(attempts.length <= 50 && earlierAttempts === undefined);
    });

    it("an agent that is gone: repeated with ON_FAILURE, not with NEVER once it had begun", () => {
      for (const [policy, status, launches] of [
        ["ON_FAILURE", "ACTIVE", 2],
        ["NEVER", "FAILED", 1],
      ] as const) {
        const play = cluster();
        create(play, { restart: { policy }, retries: 0 });
        const run = start(play);
        const { agent } = play.alive[0]!;
        play.cutOff(agent);
        play.isGone(agent);
        play.pass(100);
        assert.equal(runOf(play, run.id).status, status);
        assert.equal(play.launched.length, launches);
      }
    });

    it("an unreachable agent: given up after two minutes with ON_FAILURE, and its task ended when it returns", () => {
      const play = cluster();
      create(play, { restart: { policy: "ON_FAILURE" } });
      const run = start(play);
      const [first] = play.alive;
      play.cutOff(first!.agent);
      play.pass(119_999);
      assert.equal(play.launched.length, 1);
      play.pass(1);
      assert.equal(play.launched.length, 2);
      play.failover();
      play.comesBack(first!.agent);
      play.pass(60_000);
      assert.deepEqual(play.killed, [first!.spec.id]);
      play.ends(only(play), { state: "finished", exitCode: 0 });
      assert.equal(runOf(play, run.id).status, "SUCCESS");
      assert.deepEqual(
        runOf(play, run.id).attempts.map(({ state }) => state),
        ["lost", "finished"],
      );
    });

    it("an attempt that was given up but did the work: the run has succeeded, and the other attempt ends", () => {
      const play = cluster();
      create(play, { restart: { policy: "ON_FAILURE" } });
      const run = start(play);
      const [first] = play.alive;
      play.cutOff(first!.agent);
      play.pass(120_000);
      const second = play.launched[1]!.id;
      play.ends(first!.spec.id, { state: "finished", exitCode: 0 });
      play.comesBack(first!.agent);
      play.pass(60_000);
      assert.equal(runOf(play, run.id).status, "SUCCESS");
      assert.deepEqual(play.killed, [second]);
      assert.equal(play.alive.length, 0);
    });

    it("with NEVER nothing is started beside what may still run", () => {
      const play = cluster();
      create(play);
      start(play);
      const [first] = play.alive;
      play.cutOff(first!.agent);
      play.pass(3_600_000);
      assert.equal(play.launched.length, 1);
      play.comesBack(first!.agent);
      play.ends(first!.spec.id, { state: "finished", exitCode: 0 });
      assert.equal(view(play).successCount, 1);
    });
  });

  describe("deadlines", () => {
    it("a run that runs past its active deadline is ended, and has failed", () => {
      const play = cluster();
      create(play, { restart: { policy: "ON_FAILURE", activeDeadlineSeconds: 60 } });
      const run = start(play);
      play.pass(59_999);
      assert.equal(play.alive.length, 1);
      play.pass(1);
      assert.equal(play.alive.length, 0);
      const { status, reason } = runOf(play, run.id);
      assert.deepEqual([status, reason], ["FAILED", "the deadline of 60 s has passed"]);
    });

    it("counts from the creation, also over a failover", () => {
      const play = cluster();
      create(play, { restart: { policy: "NEVER", activeDeadlineSeconds: 60 } });
      const run = start(play);
      play.pass(30_000);
      play.failover();
      play.pass(30_000);
      assert.equal(runOf(play, run.id).status, "FAILED");
    });

    it("a run that finds no agent fails after maxLaunchDelay, and says meanwhile what is lacking", () => {
      const play = cluster();
      create(play, { cpus: 16, maxLaunchDelay: 100 });
      const run = start(play);
      const [demand] = play.ask<Demand[]>("demand", { id });
      assert.deepEqual([demand?.wanted, demand?.running], [1, 0]);
      assert.ok(demand?.waiting[0]?.includes("2 × cpus: 16 asked, 4 free"), JSON.stringify(demand));
      play.pass(99_999);
      assert.equal(runOf(play, run.id).status, "STARTING");
      play.pass(1);
      assert.equal(runOf(play, run.id).reason, "it waited 100 s for resources, and may wait 100 s");
    });
  });

  describe("stopping", () => {
    it("ends the task; the run has FAILED, as in Metronome", () => {
      const play = cluster();
      create(play, retrying);
      const run = start(play);
      play.endsByHand = true;
      const task = only(play);
      const stopping = play.ask<Run>("stop", { id, run: run.id });
      assert.deepEqual([stopping.status, stopping.stopRequested], ["ACTIVE", true]);
      play.ends(task, { state: "killed", reason: "kill-requested" });
      const { status, reason, attempts } = runOf(play, run.id);
      assert.deepEqual([status, reason], ["FAILED", "stopped"]);
      assert.equal(attempts[0]?.state, "killed");
      play.pass(3_600_000);
      assert.equal(play.launched.length, 1);
    });

    it("a run that waits ends at once; one that has ended stays as it is", () => {
      const play = cluster({});
      create(play);
      const run = start(play);
      assert.equal(play.ask<Run>("stop", { id, run: run.id }).status, "FAILED");
      assert.equal(play.ask<Run>("stop", { id, run: run.id }).reason, "stopped");
    });

    it("is seen through by the next leader", () => {
      const play = cluster();
      create(play);
      const run = start(play);
      play.endsByHand = true;
      const task = only(play);
      play.ask("stop", { id, run: run.id });
      play.endsByHand = false;
      play.failover();
      play.pass(60_000);
      assert.equal(play.alive.length, 0, task);
      assert.equal(runOf(play, run.id).reason, "stopped");
    });
  });

  describe("deleting a job", () => {
    it("with active runs only if asked; then no task and no record remain", () => {
      const play = cluster();
      create(play);
      start(play);
      start(play);
      const { code, message } = play.refusalOf("remove", { id, stopCurrentJobRuns: false });
      assert.equal(code, "conflict");
      assert.match(message, /^There are active job runs \(2\)/);
      play.ask("remove", { id, stopCurrentJobRuns: true });
      assert.equal(play.refusalOf("get", { id }).code, "not-found");
      assert.equal(play.alive.length, 0);
      assert.deepEqual([...play.bucket.keys()], []);
      create(play);
      assert.equal(view(play).failureCount, 0);
    });

    it("tasks that cannot be reached end when they can, even after a failover, and a new job of the name is not touched", () => {
      const play = cluster();
      create(play);
      start(play);
      const [old] = play.alive;
      play.cutOff(old!.agent);
      play.ask("remove", { id, stopCurrentJobRuns: true });
      create(play);
      start(play);
      play.failover();
      play.comesBack(old!.agent);
      play.pass(60_000);
      assert.deepEqual(play.killed, [old!.spec.id]);
      assert.equal(view(play).active.length, 1);
      assert.deepEqual(
        ownKeys(play).map((key) => key.split(".")[0]),
        ["job", "run"],
      );
    });

    it("that was cut short by a failover is completed", () => {
      const play = cluster();
      create(play);
      const run = start(play);
      play.holdsWrites = true;
      play.call("remove", { id, stopCurrentJobRuns: true });
      play.storeOne(); // the tombstone alone
      play.failover();
      play.storeAll();
      play.pass(60_000);
      assert.equal(play.refusalOf("run", { id, run: run.id }).code, "not-found");
      assert.equal(play.alive.length, 0);
      assert.deepEqual([...play.bucket.keys()], []);
    });
  });

  it("the tombstone of a job stays until its records are gone, though its tasks have ended", () => {
    const play = cluster();
    create(play);
    start(play);
    play.holdsWrites = true;
    play.call("remove", { id, stopCurrentJobRuns: true });
    play.storeOne("deleted."); // its task is ended now, and the tombstone written again
    play.storeOne("deleted.");
    assert.equal(play.alive.length, 0);
    play.failover();
    play.storeAll();
    assert.equal(play.refusalOf("get", { id }).code, "not-found");
    assert.deepEqual([...play.bucket.keys()], []);
  });

  it("the history is bounded, its counts are not, also over a failover", () => {
    const play = cluster({ a: { cpus: 1000, mem: 1_000_000 } });
    create(play);
    const runs = Array.from({ length: 250 }, () => start(play).id);
    for (const [index, { spec }] of play.alive.entries())
      play.ends(spec.id, index % 5 === 0 ? { exitCode: 1 } : { state: "finished", exitCode: 0 });
    const { finished, active, successCount, failureCount } = view(play);
    assert.equal(active.length, 0);
    assert.ok(finished.length >= 100 && finished.length < 120, `${finished.length}`);
    assert.deepEqual([successCount, failureCount], [200, 50]);
    assert.equal(ownKeys(play).length, 1 + finished.length);
    assert.match(play.refusalOf("run", { id, run: runs[0]! }).message, /old runs are forgotten/);
    play.failover();
    assert.deepEqual([view(play).successCount, view(play).failureCount], [200, 50]);
    assert.deepEqual(
      view(play).finished.map((run) => run.id),
      finished.map((run) => run.id),
    );
  });

  it("after a failover runs go on, and nothing runs twice", () => {
    const play = cluster();
    create(play);
    const runs = Array.from({ length: 5 }, () => start(play).id);
    play.failover();
    play.pass(60_000);
    assert.equal(play.launched.length, 5);
    for (const { spec } of play.alive) play.ends(spec.id, { state: "finished", exitCode: 0 });
    for (const run of runs) assert.equal(runOf(play, run).status, "SUCCESS");
  });

  it("after the loss of the bucket jobs and runs are what their tasks say", () => {
    const play = cluster();
    create(play);
    const run = start(play, "k");
    play.loseBucket();
    play.failover();
    play.pass(60_000);
    assert.equal(runOf(play, run.id).status, "ACTIVE");
    assert.equal(start(play, "k").id, run.id);
    assert.deepEqual(play.killed, []);
    play.ends(only(play), { state: "finished", exitCode: 0 });
    play.failover();
    assert.equal(runOf(play, run.id).status, "SUCCESS");
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
