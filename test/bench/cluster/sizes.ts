/** What all processes of a benchmark agree on. */
export const clusterName = "bench";
export const clusterKey = "the-key-of-a-benchmark";

/** Of a task: cores and MiB. */
export const taskSize = { cpus: 0.1, mem: 64 } as const;

export const agentName = (index: number): string => `agent-${String(index).padStart(5, "0")}`;
