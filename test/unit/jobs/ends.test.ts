import assert from "node:assert/strict";
import type { Demand } from "#protocol/api.js";
import type { Run } from "#protocol/job.js";
import { cluster, create, id, only, ownKeys, retrying, runOf, start, view } from "./scene.js";

describe("jobs: how runs and jobs end", () => {
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

    it("is done for whoever asks again only when it is stored", () => {
      const play = cluster();
      create(play);
      play.holdsWrites = true;
      const ask = () => play.call("remove", { id, stopCurrentJobRuns: false });
      const answers = [ask(), ask()];
      assert.deepEqual(
        answers.map((answer) => answer()),
        [undefined, undefined],
      );
      play.storeAll();
      assert.deepEqual(
        answers.map((answer) => answer()?.ok),
        [true, true],
      );
      assert.equal(play.refusalOf("remove", { id, stopCurrentJobRuns: false }).code, "not-found");
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
});
