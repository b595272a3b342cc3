import assert from "node:assert/strict";
import { chaos } from "./chaos.js";
import { scenario, seeds } from "./scenario.js";

const web = "/demo/web";
const job = "demo.pi";

/** A few apps and a job, and everything that can go wrong. Gives the hash of all that happened. */
async function play(seed: number | string): Promise<string> {
  const copies = { master: 2, apps: 2 };
  const link = { latencyMs: [0.1, 20] as const, lossRate: 0.01, doubleRate: 0.01 };
  const cluster = await scenario({ seed, racks: ["a", "a", "b", "c"], copies, link }, async (sim) => {
    const random = sim.world.random.fork("chaos");
    await sim.deploy({ id: web, instances: 6, replaceAfterSeconds: 20 });
    const run = await sim.submit(job, { cmd: "sleep 20; exit 0", restart: { policy: "ON_FAILURE" } });
    await chaos(sim, random, 8, async (round) => {
      if (round % 2 === 0) await sim.scale(web, 1 + Math.floor(random.fraction() * 10));
    });
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

  const all = seeds(20);
  for (const seed of all)
    it(`whatever goes wrong ends well, seed ${seed}`, async () => void (await play(seed)));

  it("give the same run each time, and others another one", async () => {
    const [first, again, other] = [await play("same"), await play("same"), await play("other")];
    assert.equal(first, again);
    assert.notEqual(first, other);
  });
});
