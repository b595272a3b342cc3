import assert from "node:assert/strict";
import { masterApi } from "#protocol/api.js";
import { portList } from "#libs/core/resources.js";
import type { SimCluster } from "./cluster.js";
import { scenario } from "./scenario.js";

const web = "/demo/web";
const replaceAfterSeconds = 30;
/** Without a report for so long an agent is unreachable. */
const agentTimeoutMs = 15_000;

async function deployed(cluster: SimCluster, instances: number): Promise<void> {
  await cluster.deploy({ id: web, instances, replaceAfterSeconds });
  await cluster.settled(web);
}

describe("simulation: agents", function () {
  this.timeout(60_000);

  it("that lose their power are replaced after replaceAfterSeconds, and come back empty", async () => {
    await scenario({ seed: "power" }, async (cluster) => {
      await deployed(cluster, 6);
      cluster.host("b").losePower();
      await cluster.pass(replaceAfterSeconds * 1000);
      assert.equal(cluster.countRunning(web), 4, "replaced before its time");
      await cluster.until("six to run", () => cluster.countRunning(web) === 6, agentTimeoutMs + 10_000);
      assert.deepEqual(cluster.running(web).get("b"), []);
      await cluster.settled(web);
      cluster.host("b").start();
      await cluster.pass(60_000);
      assert.equal(cluster.countRunning(web), 6);
    });
  });

  it("whose process is dead for long come back with their old tasks: the surplus is killed", async () => {
    await scenario({ seed: "surplus" }, async (cluster) => {
      await deployed(cluster, 6);
      const old = cluster.running(web).get("b")!;
      cluster.host("b").crash();
      await cluster.until("two more to run", () => cluster.countRunning(web) === 8);
      assert.deepEqual(cluster.running(web).get("b"), old, "tasks outlive their agent");
      cluster.host("b").start();
      await cluster.until("two to be killed", () => cluster.countRunning(web) === 6);
      await cluster.pass(60_000);
      assert.equal(cluster.countRunning(web), 6);
    });
  });

  it("that are cut off for long keep their tasks, and what was replaced meanwhile is killed", async () => {
    await scenario({ seed: "cut off" }, async (cluster) => {
      await deployed(cluster, 6);
      cluster.host("b").node.part();
      await cluster.until("two more to run", () => cluster.countRunning(web) === 8);
      cluster.host("b").node.heal();
      await cluster.until("two to be killed", () => cluster.countRunning(web) === 6);
      await cluster.settled(web);
    });
  });

  it("that crash and are started at once go on with their tasks, none doubled", async () => {
    await scenario({ seed: "restart" }, async (cluster) => {
      await deployed(cluster, 6);
      const before = cluster.running(web);
      for (const id of ["a", "b", "c"]) {
        cluster.host(id).crash();
        await cluster.pass(500);
        cluster.host(id).start();
        await cluster.pass(1000);
      }
      await cluster.pass(60_000);
      assert.deepEqual(cluster.running(web), before);
      assert.equal(cluster.started(web).length, 6);
    });
  });

  it("that crash while they launch start each task once, and make up for what never started", async () => {
    for (const seed of ["launch 1", "launch 2", "launch 3", "launch 4"])
      await scenario({ seed }, async (cluster) => {
        await cluster.deploy({ id: web, instances: 6, replaceAfterSeconds });
        await cluster.until("a task to start", () => cluster.started(web).length > 0);
        cluster.host("a").crash();
        await cluster.pass(300);
        cluster.host("a").start();
        await cluster.settled(web);
        assert.equal(cluster.countRunning(web), 6);
      });
  });

  it("whose tasks end while no agent looks tell of it when they are back", async () => {
    await scenario({ seed: "ended meanwhile" }, async (cluster) => {
      await deployed(cluster, 3);
      const { tasks } = cluster.host("a");
      cluster.host("a").crash();
      const [task] = tasks.running();
      tasks.end(task!, { exitCode: 3, reason: "exited" });
      cluster.host("a").start();
      const view = await cluster.untilSeen(
        "the failure",
        () => cluster.app(web),
        ({ lastFailure }) => lastFailure !== undefined,
      );
      assert.equal(view.lastFailure!.task, task);
      assert.match(view.lastFailure!.message, /3/);
    });
  });

  it("on whose host a stranger takes ports: what meets one goes on with another, and restarts find the same", async () => {
    await scenario({ seed: "strangers" }, async (cluster) => {
      // Of 31000 to 31099. Each instance takes one.
      const strangers = [31_000, 31_001, 31_002];
      for (const agent of ["a", "b", "c"]) cluster.host(agent).strangersPorts.add(31_050);
      await deployed(cluster, 3);
      for (const agent of ["a", "b", "c"])
        for (const port of strangers) cluster.host(agent).strangersPorts.add(port);
      const portsOf = async (agent: string) =>
        (await cluster.ask(masterApi.agent, { agent })).info.totals.ports;
      await cluster.scale(web, 12);
      await cluster.settled(web);
      cluster.host("b").crash();
      cluster.host("b").start();
      await cluster.pass(120_000);
      assert.equal(cluster.countRunning(web), 12);
      for (const agent of ["a", "b", "c"]) {
        const held = new Set(
          cluster
            .host(agent)
            .tasks.runningSpecs()
            .flatMap(({ resources }) => portList(resources.ports)),
        );
        const foreign = [...strangers, 31_050].filter((port) => !held.has(port));
        const totals = portList(await portsOf(agent));
        assert.deepEqual(
          foreign.filter((port) => totals.includes(port)),
          [],
        );
        assert.equal(totals.length, 100 - foreign.length, "no other is missing");
        cluster.host(agent).strangersPorts.clear();
      }
      await cluster.pass(61_000);
      for (const agent of ["a", "b", "c"]) assert.deepEqual(await portsOf(agent), [[31_000, 31_099]]);
      assert.equal(cluster.countRunning(web), 12);
    });
  });
});
