import { writeFileSync } from "node:fs";
import { SimCluster, type SimClusterOptions } from "./cluster.js";
import { assertConverged } from "./converged.js";

/** Seeds of one scenario: the one that is asked for, else these. */
export const seeds = (count: number): readonly number[] => {
  const asked = process.env["SIM_SEED"];
  return asked === undefined ? Array.from({ length: count }, (_, index) => index + 1) : [Number(asked)];
};

/**
 * Runs a scenario on a new cluster, then checks what always holds at the end of one. A failure names its seed; with `SIM_TRACE=file`
 * what happened is written there.
 */
export async function scenario(
  options: SimClusterOptions,
  play: (cluster: SimCluster) => Promise<void>,
): Promise<SimCluster> {
  const cluster = new SimCluster(options);
  const { trace } = cluster.world;
  try {
    await play(cluster);
    cluster.rules.assertKept();
    await assertConverged(cluster);
  } catch (cause) {
    const error = cause instanceof Error ? cause : new Error(String(cause));
    error.message = `seed ${options.seed} (again: SIM_SEED=${options.seed} npx mocha …): ${error.message}`;
    throw error;
  } finally {
    const file = process.env["SIM_TRACE"];
    if (file !== undefined) writeFileSync(file, trace.lines().join("\n"));
  }
  return cluster;
}
