import { scalar } from "#libs/core/resources.js";
import type { TaskSpec } from "#protocol/task.js";
import type { Limits } from "./cgroups.js";

/** What a task asked for, in the units of control groups. Memory is always a limit; cores are a weight, and a limit only on demand. */
export function limitsOf({ resources, limits }: TaskSpec): Limits {
  const mem = memMib({ resources, ...(limits && { limits }) });
  return {
    cpus: scalar(resources, "cpus") / 1000,
    ...(limits?.cpus !== undefined && { cpusMax: limits.cpus / 1000 }),
    ...(mem > 0 && { memMax: Math.floor(mem * 1024 * 1024) }),
  };
}

/** How much memory a task may use, MiB; 0: as much as there is. */
export const memMib = ({ resources, limits }: Pick<TaskSpec, "resources" | "limits">): number =>
  (limits?.mem ?? scalar(resources, "mem")) / 1000;
