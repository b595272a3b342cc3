import assert from "node:assert/strict";
import type { Accept } from "#protocol/launch.js";
import type { Parcel } from "#libs/sim/server.js";
import { scenario } from "./scenario.js";
import { copyOf, detainLaunches, leaderOf, web } from "./story.js";

/** Of the simulated nodes, as of real ones unless configured. */
const leaseMs = 5000;

/** How many tasks these accepts would launch. */
const tasksOf = (accepts: readonly Parcel[]): number =>
  accepts
    .map(({ bytes }) => JSON.parse(new TextDecoder().decode(bytes)) as Accept)
    .reduce((sum, { tasks }) => sum + tasks.length, 0);

describe("simulation: leaders", function () {
  this.timeout(60_000);

  it("a standby master takes over within the lease and a second, and offers go on", async () => {
    await scenario({ seed: "takeover", copies: { master: 2 } }, async (cluster) => {
      await cluster.deploy({ id: web, instances: 3 });
      await cluster.settled(web);
      const first = await leaderOf(cluster);
      const before = cluster.running(web);
      const dies = cluster.world.schedule.now;
      cluster.crash("master", copyOf(first));

      const second = await leaderOf(cluster);
      const tookMs = cluster.world.schedule.now - dies;
      assert.notEqual(second.master, first.master);
      assert.ok(second.epoch > first.epoch, `epoch ${second.epoch} after ${first.epoch}`);
      assert.ok(tookMs <= leaseMs + 1000, `took over after ${tookMs} ms`);
      assert.deepEqual(cluster.running(web), before);

      await cluster.scale(web, 6);
      await cluster.until("six to run", () => cluster.countRunning(web) === 6, 10_000);
      await cluster.settled(web);
      assert.equal(cluster.started(web).length, 6, "nothing is started anew");
    });
  });

  it("without any master what was offered is launched, what runs goes on, and all is made up for later", async () => {
    await scenario({ seed: "no master" }, async (cluster) => {
      await leaderOf(cluster);
      const accepts = detainLaunches(cluster);
      await cluster.deploy({ id: web, instances: 6 });
      const isAsked = () => tasksOf(accepts.parcels) === 6;
      await cluster.until("launches of all six to be under way", isAsked);
      cluster.crash("master");
      assert.equal(cluster.started(web).length, 0);
      accepts.letGo();
      await cluster.until("six to run", () => cluster.countRunning(web) === 6, 10_000);
      assert.equal(cluster.world.nodes.filter(({ name }) => name.startsWith("master")).length, 0);

      // What was not offered cannot be launched, and what runs goes on.
      const before = cluster.running(web);
      await cluster.scale(web, 8);
      await cluster.pass(60_000);
      assert.deepEqual(cluster.running(web), before);
      cluster.start("master");
      await cluster.until("eight to run", () => cluster.countRunning(web) === 8, 20_000);
      await cluster.settled(web);
      assert.equal(cluster.started(web).length, 8);
    });
  });

  it("a master that is cut off and comes back does not lead beside the new one", async () => {
    await scenario({ seed: "two masters", copies: { master: 2 } }, async (cluster) => {
      await cluster.deploy({ id: web, instances: 3 });
      await cluster.settled(web);
      const first = await leaderOf(cluster);
      const node = cluster.node("master", copyOf(first));
      node.part();
      await cluster.scale(web, 6);
      await cluster.until("six to run", () => cluster.countRunning(web) === 6, 20_000);
      node.heal();
      await cluster.pass(30_000);
      assert.notEqual((await leaderOf(cluster)).master, first.master);
    });
  });

  it("apps that crash in the middle of a deployment are taken over by the copy, and no task is lost or doubled", async () => {
    for (const seed of ["apps 1", "apps 2", "apps 3", "apps 4", "apps 5", "apps 6"])
      await scenario({ seed }, async (cluster) => {
        await cluster.apps();
        cluster.start("apps", 2);
        await cluster.deploy({ id: web, instances: 12, cpus: 0.5 });
        await cluster.until("some to run", () => cluster.countRunning(web) > 0);
        cluster.crash("apps", 1);
        await cluster.settled(web);
        assert.equal(cluster.countRunning(web), 12);
        assert.equal(cluster.started(web).length, 12, "the copy knew what was launched");
      });
  });

  it("everything but the agents dies and is started again", async () => {
    await scenario({ seed: "all" }, async (cluster) => {
      await cluster.deploy({ id: web, instances: 6 });
      await cluster.settled(web);
      for (const service of ["apps", "jobs", "master"] as const) cluster.crash(service);
      cluster.world.serverDies();
      await cluster.pass(20_000);
      assert.equal(cluster.countRunning(web), 6);
      cluster.world.serverReturns();
      for (const service of ["master", "apps", "jobs"] as const) cluster.start(service);
      await cluster.settled(web);
      assert.equal(cluster.started(web).length, 6);
    });
  });
});
