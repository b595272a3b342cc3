import assert from "node:assert/strict";
import { masterApi } from "#protocol/api.js";
import type { TaskSpec } from "#protocol/task.js";
import { scenario } from "./scenario.js";
import { deploy, detainLaunches, ended, job, leaderOf, web } from "./story.js";

const other = "/demo/other";

/** Each was a seed once. */
describe("simulation: stories that seeds have told", function () {
  this.timeout(60_000);

  it("a host loses its power and what its disk had not got, and is back before anybody misses it", async () => {
    for (const seed of ["power 1", "power 2", "power 3"])
      await scenario({ seed }, async (cluster) => {
        await deploy(cluster, 6);
        await cluster.until("a task to start", () => cluster.host("b").tasks.running().length > 0);
        cluster.host("b").losePower();
        await cluster.pass(2000);
        cluster.host("b").start();
        await cluster.settled(web);
        assert.equal(cluster.countRunning(web), 6);
      });
  });

  it("the next leader of jobs has a clock that is an hour behind: a retry waits no longer than it would have", async () => {
    await scenario({ seed: "an hour behind" }, async (cluster) => {
      const run = await cluster.submit(job, {
        cmd: "sleep 1; exit 1",
        retries: 1,
        restart: { policy: "ON_FAILURE" },
      });
      await cluster.untilSeen(
        "the first failure",
        () => cluster.runOf(job, run),
        ({ retryAt }) => retryAt !== undefined,
      );
      cluster.crash("jobs");
      cluster.start("jobs");
      cluster.node("jobs").clock.jumpWall(-3_600_000);
      await cluster.until("the second attempt", () => cluster.started(job).length === 2, 15_000);
    });
  });

  it("a clock is set back between two updates of a task that the stream has not got: their order stays", async () => {
    const scripts = ({ name }: TaskSpec) => (name === job ? { endsAfterMs: 2000 } : {});
    await scenario({ seed: "set back", scripts }, async (cluster) => {
      await leaderOf(cluster);
      const launches = detainLaunches(cluster);
      const run = await cluster.submit(job, { cmd: "work" });
      await cluster.until("the launch", () => launches.parcels.length > 0);
      launches.letGo();
      await cluster.until("it to run", () => cluster.countRunning(job) === 1);
      const host = [...cluster.hosts.values()].find(({ tasks }) => tasks.running().length > 0)!;
      host.node.part("up");
      host.node.clock.jumpWall(-3_600_000);
      await cluster.pass(4000);
      host.crash();
      host.start();
      const { status } = await ended(cluster, run);
      assert.equal(status, "SUCCESS");
    });
  });

  it("an old update comes again after its app was deleted: the app stays deleted, also for the next leader", async () => {
    await scenario({ seed: "deleted", racks: ["a"] }, async (cluster) => {
      const { streams } = cluster.world.server;
      const told: { readonly subject: string; readonly bytes: Uint8Array }[] = [];
      const { came } = streams;
      streams.came = (subject, bytes) => {
        told.push({ subject, bytes });
        came(subject, bytes);
      };
      // Both are of one launch, whose record stays for as long as one of them runs.
      await cluster.apps();
      cluster.crash("master");
      await deploy(cluster, 3);
      await cluster.deploy({ id: other, instances: 1 });
      cluster.start("master");
      await cluster.settled(web);
      await cluster.settled(other);
      streams.came = came;
      const isOfRunning = ({ bytes }: { readonly bytes: Uint8Array }) =>
        new TextDecoder().decode(bytes).includes('"running"');
      const old = told.filter(isOfRunning);
      assert.ok(old.length > 0, "nobody has told of a running task");
      await cluster.remove(web);
      const ids = async () => (await cluster.apps()).map(({ app }) => app.definition.id);
      await cluster.untilSeen("it to be gone", ids, (seen) => !seen.includes(web));
      for (const dies of [false, true]) {
        if (dies) {
          cluster.crash("apps");
          cluster.start("apps");
        }
        for (const { subject, bytes } of old) streams.keep(subject, bytes);
        await cluster.pass(20_000);
        assert.deepEqual(await ids(), [other], dies ? "for the next leader" : "for this leader");
      }
      assert.equal(cluster.started(web).length, 3);
    });
  });

  it("a generation is shown to nobody before it is written down: neither with a full disk nor when leaders change meanwhile", async () => {
    await scenario({ seed: "shown" }, async (cluster) => {
      await deploy(cluster, 3);
      await cluster.settled(web);
      const host = cluster.host("a");
      host.diskIsFull = true;
      for (let leaders = 0; leaders < 3; leaders++) {
        cluster.crash("master");
        cluster.start("master");
        await cluster.untilSeen(
          "the others to register",
          async () => (await cluster.ask(masterApi.agents, {})).items,
          (seen) => seen.filter(({ state }) => state === "registered").length >= 2,
        );
        await cluster.pass(3000);
      }
      // What was begun goes with the power, and begins again (R2).
      host.losePower();
      host.diskIsFull = false;
      await cluster.pass(1000);
      host.start();
      await cluster.until("three to run", () => cluster.countRunning(web) === 3, 120_000);
      await cluster.settled(web);
    });
  });
});
