import assert from "node:assert/strict";
import { scenario } from "./scenario.js";

const web = "/demo/web";

describe("simulation: an app", function () {
  this.timeout(60_000);

  it("of six instances runs on three agents, two on each", async () => {
    await scenario({ seed: "deploy" }, async (cluster) => {
      await cluster.deploy({ id: web, instances: 6 });
      await cluster.until("six to run", () => cluster.countRunning(web) === 6);
      for (const [agent, tasks] of cluster.running(web)) assert.equal(tasks.length, 2, `on agent ${agent}`);
      const view = await cluster.settled(web);
      assert.equal(view.running, 6);
      assert.equal(cluster.started(web).length, 6);
    });
  });

  it("is scaled up and down, and its end leaves nothing", async () => {
    await scenario({ seed: "scale" }, async (cluster) => {
      await cluster.deploy({ id: web, instances: 2 });
      await cluster.settled(web);
      await cluster.scale(web, 9);
      await cluster.until("nine to run", () => cluster.countRunning(web) === 9);
      await cluster.settled(web);
      await cluster.scale(web, 3);
      await cluster.until("three to run", () => cluster.countRunning(web) === 3);
      await cluster.settled(web);
      await cluster.remove(web);
      await cluster.until("none to run", () => cluster.countRunning(web) === 0);
    });
  });

  it("that asks for more than there is runs as far as there is room, and the rest when there is more", async () => {
    // 3 agents of 4 cores each: 12 instances of a core.
    await scenario({ seed: "room" }, async (cluster) => {
      await cluster.deploy({ id: web, cpus: 1, instances: 14 });
      await cluster.until("twelve to run", () => cluster.countRunning(web) === 12);
      await cluster.pass(30_000);
      assert.equal(cluster.countRunning(web), 12);
      await cluster.scale(web, 11);
      await cluster.settled(web);
      assert.equal(cluster.countRunning(web), 11);
    });
  });
});
