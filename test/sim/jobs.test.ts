import assert from "node:assert/strict";
import type { Run } from "#protocol/job.js";
import { scenario } from "./scenario.js";
import { ended, job } from "./story.js";

const restart = { policy: "ON_FAILURE" };

const codes = ({ attempts }: Run) => attempts.map(({ exitCode }) => exitCode);

describe("simulation: jobs", function () {
  this.timeout(60_000);

  it("that succeed give their result once", async () => {
    await scenario({ seed: "job" }, async (cluster) => {
      const id = await cluster.submit(job, { cmd: "sleep 2; exit 0" });
      const run = await ended(cluster, id);
      assert.equal(run.status, "SUCCESS");
      assert.deepEqual(codes(run), [0]);
      assert.equal(cluster.started(job).length, 1);
    });
  });

  it("that fail are tried again as often as asked, each attempt a task of its own", async () => {
    await scenario({ seed: "retries" }, async (cluster) => {
      const id = await cluster.submit(job, { cmd: "sleep 1; exit 3", retries: 2, restart });
      const run = await ended(cluster, id);
      assert.equal(run.status, "FAILED");
      assert.deepEqual(codes(run), [3, 3, 3]);
      assert.equal(new Set(run.attempts.map(({ task }) => task)).size, 3);
      // Backing off 1 s, then 2 s, beside three times 1 s of work.
      assert.ok(run.completedAt! - run.createdAt >= 6000);
    });
  });

  it("that fail at first and then succeed are successes", async () => {
    let tries = 0;
    const scripts = () => ({
      endsAfterMs: 1000,
      end: { exitCode: ++tries < 3 ? 1 : 0, reason: "exited" as const },
    });
    await scenario({ seed: "third time", scripts }, async (cluster) => {
      const id = await cluster.submit(job, { cmd: "work", retries: 5, restart });
      const run = await ended(cluster, id);
      assert.equal(run.status, "SUCCESS");
      assert.deepEqual(codes(run), [1, 1, 0]);
    });
  });

  it("whose agent is lost during a run are run elsewhere, without an attempt less", async () => {
    await scenario({ seed: "lost" }, async (cluster) => {
      const id = await cluster.submit(job, { cmd: "sleep 30; exit 0", retries: 0, restart });
      await cluster.until("it to run", () => cluster.countRunning(job) === 1);
      const agent = [...cluster.running(job)].find(([, tasks]) => tasks.length > 0)![0];
      cluster.host(agent).losePower();
      const run = await ended(cluster, id, 300_000);
      assert.equal(run.status, "SUCCESS", JSON.stringify(run));
      assert.equal(cluster.started(job).length, 2);
    });
  });

  it("whose leader dies during a run go on with it", async () => {
    await scenario({ seed: "jobs die" }, async (cluster) => {
      const id = await cluster.submit(job, { cmd: "sleep 20; exit 0" });
      await cluster.until("it to run", () => cluster.countRunning(job) === 1);
      cluster.crash("jobs");
      await cluster.pass(30_000);
      cluster.start("jobs");
      const run = await ended(cluster, id);
      assert.equal(run.status, "SUCCESS");
      assert.equal(cluster.started(job).length, 1);
    });
  });

  it("that are stopped end", async () => {
    await scenario({ seed: "stop" }, async (cluster) => {
      const id = await cluster.submit(job, { cmd: "sleep 1000" });
      await cluster.until("it to run", () => cluster.countRunning(job) === 1);
      await cluster.stopRun(job, id);
      await ended(cluster, id);
      assert.equal(cluster.countRunning(job), 0);
    });
  });
});
