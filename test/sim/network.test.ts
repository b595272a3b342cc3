import assert from "node:assert/strict";
import type { LinkOptions } from "#libs/sim/link.js";
import { scenario, seeds } from "./scenario.js";

const web = "/demo/web";
const box = "/demo/box";

/** Far worse than any real one: connections stand, and lose. */
const lossy: Partial<LinkOptions> = { latencyMs: [1, 50], lossRate: 0.05, doubleRate: 0.05 };

describe("simulation: a bad network", function () {
  this.timeout(60_000);

  for (const seed of seeds(8))
    it(`deploys, scales and deletes converge, seed ${seed}`, async () => {
      await scenario({ seed, link: lossy, copies: { master: 2 } }, async (cluster) => {
        await cluster.deploy({ id: web, instances: 5 });
        await cluster.deploy({ id: box, instances: 3, container: { docker: { image: "box" } } });
        await cluster.pass(2000);
        await cluster.scale(web, 9);
        await cluster.pass(3000);
        await cluster.scale(web, 4);
        await cluster.settled(web, 180_000);
        await cluster.remove(box);
        await cluster.until("box to end", () => cluster.countRunning(box) === 0, 180_000);
        assert.equal(cluster.countRunning(web), 4);
      });
    });

  for (const seed of seeds(4))
    it(`parts and heals here and there while apps change, seed ${seed}`, async () => {
      await scenario({ seed: `parts ${seed}`, copies: { master: 2, apps: 2 } }, async (cluster) => {
        const { random } = cluster.world;
        await cluster.deploy({ id: web, instances: 5, replaceAfterSeconds: 10 });
        for (let round = 0; round < 6; round++) {
          const nodes = cluster.world.nodes.filter(({ name }) => name !== "client");
          const node = nodes[Math.floor(random.fraction() * nodes.length)]!;
          node.part();
          await cluster.scale(web, 2 + Math.floor(random.fraction() * 8));
          await cluster.pass(random.between(1000, 40_000));
          node.heal();
        }
        await cluster.scale(web, 5);
        await cluster.settled(web, 180_000);
        await cluster.until("five to run", () => cluster.countRunning(web) === 5, 120_000);
      });
    });
});
