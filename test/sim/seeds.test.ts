import assert from "node:assert/strict";
import type { TaskSpec } from "#protocol/task.js";
import { fractionOf } from "#libs/core/hash.js";
import type { SeededRandom } from "#libs/sim/random.js";
import { chaos } from "./chaos.js";
import type { SimCluster } from "./cluster.js";
import { scenario, seeds } from "./scenario.js";

const web = "/demo/web";
const box = "/demo/box";
const job = "demo.pi";

/** Tasks that take their time, each another one. */
const scripts = ({ id }: TaskSpec) => ({
  launchMs: 5 + 300 * fractionOf(`${id} launch`),
  stopMs: 5 + 6000 * fractionOf(`${id} stop`) ** 4,
});

/** What people do: more or fewer, another configuration, away with it and back again. */
async function change(cluster: SimCluster, random: SeededRandom): Promise<void> {
  const choice = random.fraction();
  const instances = 1 + Math.floor(random.fraction() * 9);
  if (choice < 0.4) await cluster.scale(web, instances);
  else if (choice < 0.6) await deploy(cluster, web, { instances, env: { TRY: String(random.fraction()) } });
  else if (choice < 0.8) await cluster.remove(box);
  else await deploy(cluster, box, { instances: 3 });
}

/** Four hosts have 16 cores: the larger wishes fill them, and five of another configuration still find room beside the old ones. */
const deploy = (cluster: SimCluster, id: string, more: object): Promise<void> =>
  cluster.deploy({ id, cpus: 1, replaceAfterSeconds: 20, ...more });

/** Two apps and a job, and everything that can go wrong. Gives the hash of all that happened. */
async function play(seed: number | string): Promise<string> {
  const copies = { master: 2, apps: 2 };
  const link = { latencyMs: [0.1, 20] as const, lossRate: 0.01, doubleRate: 0.01 };
  const racks = ["a", "a", "b", "c"];
  const cluster = await scenario({ seed, racks, copies, link, scripts }, async (sim) => {
    const random = sim.world.random.fork("chaos");
    await deploy(sim, web, { instances: 4 });
    const run = await sim.submit(job, { cmd: "sleep 20; exit 0", restart: { policy: "ON_FAILURE" } });
    await chaos(sim, random, 8, () => change(sim, random));
    await sim.scale(web, 5);
    await sim.settled(web, 300_000);
    const { status } = await sim.untilSeen(
      "the run's end",
      () => sim.runOf(job, run),
      ({ completedAt }) => completedAt !== undefined,
      600_000,
    );
    assert.equal(status, "SUCCESS");
  });
  return cluster.world.trace.hash;
}

describe("simulation: seeds", function () {
  this.timeout(60_000);

  for (const seed of seeds(20))
    it(`whatever goes wrong ends well, seed ${seed}`, async () => void (await play(seed)));

  it("give the same run each time, and others another one", async () => {
    const [first, again, other] = [await play("same"), await play("same"), await play("other")];
    assert.equal(first, again);
    assert.notEqual(first, other);
  });
});
