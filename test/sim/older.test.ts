import assert from "node:assert/strict";
import { masterApi } from "#protocol/api.js";
import type { Accept } from "#protocol/launch.js";
import type { Parcel } from "#libs/sim/server.js";
import type { SimCluster } from "./cluster.js";
import { scenario } from "./scenario.js";
import { copyOf, deploy, detain, detainLaunches, leaderAfter, leaderOf, web } from "./story.js";

/** Accepts of three instances, taken off their way. */
async function caughtAccepts(cluster: SimCluster): Promise<Parcel[]> {
  const accepts = detainLaunches(cluster);
  await deploy(cluster, 3);
  await cluster.until("accepts to be under way", () => accepts.parcels.length > 0);
  const caught = accepts.parcels.splice(0);
  accepts.letGo();
  return caught;
}

const tasksOf = (parcels: readonly Parcel[]): string[] =>
  parcels.flatMap(({ bytes }) =>
    (JSON.parse(new TextDecoder().decode(bytes)) as Accept).tasks.map(({ id }) => id),
  );

describe("simulation: who speaks under an old number", function () {
  this.timeout(60_000);

  it("a zombie framework's offers are still open, for no rescind gets through: its session alone is refused", async () => {
    await scenario({ seed: "fenced" }, async (cluster) => {
      const { server } = cluster.world;
      await cluster.apps();
      cluster.start("apps", 2);
      const rescinds = detain(cluster, cluster.subjects.rescind("a"));
      const accepts = await caughtAccepts(cluster);
      const reconciles = detainLaunches(cluster, "reconcile");
      cluster.crash("apps", 1);
      await cluster.until("its successor to ask the agents", () => reconciles.parcels.length === 3);
      reconciles.letGo();
      await cluster.pass(100);
      for (const accept of accepts) server.publish(accept);
      await cluster.pass(1000);
      rescinds.letGo();
      await cluster.settled(web);
      const started = new Set(cluster.started(web));
      assert.deepEqual(
        tasksOf(accepts).filter((task) => started.has(task)),
        [],
      );
    });
  });

  it("an order to drain comes when its master has been replaced: it is refused", async () => {
    await scenario({ seed: "old order", copies: { master: 2 } }, async (cluster) => {
      const before = await leaderOf(cluster);
      await cluster.untilSeen(
        "all agents",
        () => cluster.ask(masterApi.agents, {}),
        ({ items }) => items.length === 3,
      );
      const orders = detain(cluster, cluster.subjects.drain("a"));
      await cluster.ask(masterApi.drainAgent, { agent: "a" });
      await cluster.until("the order to be under way", () => orders.parcels.length > 0);
      const [order] = orders.parcels.splice(0);
      cluster.crash("master", copyOf(before));
      await leaderAfter(cluster, before);
      await cluster.pass(5000);
      orders.letGo();
      cluster.world.server.publish(order!);
      await cluster.pass(5000);
      await cluster.ask(masterApi.activateAgent, { agent: "a" });
    });
  });

  it("an accept that was refused while its agent was drained comes again when it is not: it is refused again", async () => {
    await scenario({ seed: "refused and again" }, async (cluster) => {
      const { server } = cluster.world;
      await cluster.apps();
      const rescinds = detain(cluster, cluster.subjects.rescind("a"));
      const accepts = await caughtAccepts(cluster);
      for (const agent of ["a", "b", "c"]) await cluster.ask(masterApi.drainAgent, { agent });
      await cluster.pass(500);
      for (const accept of accepts) server.publish(accept);
      await cluster.pass(500);
      for (const agent of ["a", "b", "c"]) await cluster.ask(masterApi.activateAgent, { agent });
      await cluster.pass(500);
      for (const accept of accepts) server.publish(accept);
      await cluster.pass(500);
      rescinds.letGo();
      await cluster.settled(web);
    });
  });
});
