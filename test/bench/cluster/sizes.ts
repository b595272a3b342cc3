import type { TaskSpec } from "#protocol/task.js";
import { amounts } from "#libs/core/resources.js";

/** What all processes of a benchmark agree on. */
export const clusterName = "bench";
export const clusterKey = "the-key-of-a-benchmark";

/** Of a task: cores and MiB. */
export const taskSize = { cpus: 0.1, mem: 64 } as const;

export const agentName = (index: number): string => `agent-${String(index).padStart(5, "0")}`;

const resources = amounts(taskSize);
const workload = { kind: "process", command: "exec /opt/service/bin/server --listen 0.0.0.0" } as const;
const env = { STAGE: "production", LOG_LEVEL: "info" };

/** The task of which there are many: about 280 bytes. */
export const service = (id: string): TaskSpec => ({
  id,
  name: "service",
  workload,
  resources,
  env,
  labels: { team: "bench" },
});
