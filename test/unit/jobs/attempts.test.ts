import assert from "node:assert/strict";
import { cluster, create, only, retrying, runOf, start, view } from "./scene.js";

describe("jobs: attempts of a run", () => {
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
});
