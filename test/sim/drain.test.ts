import assert from "node:assert/strict";
import { type AgentView, masterApi } from "#protocol/api.js";
import type { SimCluster } from "./cluster.js";
import { scenario } from "./scenario.js";

const web = "/demo/web";
const viewOf = (cluster: SimCluster, agent: string): Promise<AgentView> =>
  cluster.ask(masterApi.agent, { agent });

const drain = (cluster: SimCluster, agent: string, deadlineMs?: number): Promise<AgentView> => {
  return cluster.ask(masterApi.drainAgent, { agent, ...(deadlineMs !== undefined && { deadlineMs }) });
};

const drained = (cluster: SimCluster, agent: string, limitMs = 60_000): Promise<AgentView> =>
  cluster.untilSeen(
    `${agent} to be drained`,
    () => viewOf(cluster, agent),
    (view) => view.drain?.state === "drained",
    limitMs,
  );

async function deployed(cluster: SimCluster): Promise<void> {
  await cluster.deploy({ id: web, instances: 6, replaceAfterSeconds: 30 });
  await cluster.settled(web);
}

describe("simulation: an agent is drained", function () {
  this.timeout(60_000);

  it("and its instances move: never fewer than six run, and nothing of the others is touched", async () => {
    await scenario({ seed: "moved" }, async (cluster) => {
      await deployed(cluster);
      const before = cluster.running(web);
      assert.equal(before.get("a")!.length, 2);
      await drain(cluster, "a");
      let least = Number.POSITIVE_INFINITY;
      await cluster.until("none to be left", () => {
        least = Math.min(least, cluster.countRunning(web));
        return cluster.running(web).get("a")!.length === 0;
      });
      assert.equal(least, 6);
      assert.equal(cluster.countRunning(web), 6);
      for (const agent of ["b", "c"])
        for (const task of before.get(agent)!)
          assert.ok(cluster.running(web).get(agent)!.includes(task), `${task} on ${agent} was touched`);
      await drained(cluster, "a");
      await cluster.settled(web);
      await cluster.ask(masterApi.activateAgent, { agent: "a" });
      await cluster.scale(web, 9);
      await cluster.settled(web);
      assert.ok(cluster.running(web).get("a")!.length > 0, "it is offered again");
    });
  });

  it("while masters and apps die one after the other: the drain goes on, and loses nothing", async () => {
    const copies = { master: 2, apps: 2 } as const;
    for (const seed of ["drain and die 1", "drain and die 2", "drain and die 3"])
      await scenario({ seed, copies }, async (cluster) => {
        await deployed(cluster);
        await drain(cluster, "b");
        for (const service of ["master", "apps", "master", "apps"] as const)
          for (const copy of cluster.copiesOf(service)) {
            cluster.crash(service, copy);
            await cluster.pass(700);
            cluster.start(service, copy);
            assert.ok(cluster.countRunning(web) >= 6, `${cluster.countRunning(web)} run`);
          }
        await drained(cluster, "b");
        assert.equal(cluster.countRunning(web), 6);
        await cluster.settled(web);
      });
  });

  it("by its deadline though nobody leads, and though its own process died meanwhile", async () => {
    await scenario({ seed: "deadline alone" }, async (cluster) => {
      const constraints = [["@agent", "IS", "a"]];
      await cluster.deploy({ id: web, instances: 2, constraints });
      await cluster.settled(web);
      await drain(cluster, "a", 30_000);
      await cluster.pass(5000);
      cluster.crash("master");
      cluster.crash("apps");
      cluster.host("a").crash();
      await cluster.pass(5000);
      assert.equal(cluster.countRunning(web), 2, "the deadline has not come");
      cluster.host("a").start();
      await cluster.pass(15_000);
      assert.equal(cluster.countRunning(web), 2, "the deadline has not come");
      await cluster.until("both to end", () => cluster.countRunning(web) === 0, 15_000);
      cluster.start("master");
      cluster.start("apps");
      await drained(cluster, "a");
      assert.equal(cluster.countRunning(web), 0);
      await cluster.ask(masterApi.activateAgent, { agent: "a" });
      await cluster.until("both to run again", () => cluster.countRunning(web) === 2);
      await cluster.settled(web);
    });
  });

  it("that could not be reached then hears of it when it is back", async () => {
    await scenario({ seed: "cut off" }, async (cluster) => {
      await deployed(cluster);
      cluster.host("c").node.part();
      await drain(cluster, "c");
      await cluster.pass(2000);
      cluster.host("c").node.heal();
      await drained(cluster, "c", 120_000);
      assert.equal(cluster.running(web).get("c")!.length, 0);
      assert.equal(cluster.countRunning(web), 6);
      await cluster.settled(web);
    });
  });
});
