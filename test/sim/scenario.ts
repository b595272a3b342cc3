import { writeFileSync } from "node:fs";
import { SimCluster, type SimClusterOptions } from "./cluster.js";
import { assertConverged } from "./converged.js";

/** Seeds of one scenario: `count` of them, or what is asked for: `SIM_SEED=7`, `SIM_SEED=100-199`. */
export function seeds(count: number): readonly number[] {
  const [, first = "1", last = process.env["SIM_SEED"] === undefined ? String(count) : first] =
    /^(\d+)(?:-(\d+))?$/.exec(process.env["SIM_SEED"] ?? "") ?? [];
  return Array.from({ length: Number(last) - Number(first) + 1 }, (_, index) => Number(first) + index);
}

/**
 * Runs a scenario on a new cluster, then checks what always holds at the end of one, when connections are good again. A failure names its seed; with `SIM_TRACE=file`
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
    cluster.calm();
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
