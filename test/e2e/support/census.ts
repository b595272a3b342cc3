import { readdirSync, readFileSync } from "node:fs";
import type { Api } from "./api.js";

/** What runs by the cluster's word, and what runs in truth. */
export interface Census {
  /** Ids of the tasks that are said to run, each as often as it is said. */
  readonly told: readonly string[];
  /** Number of processes on this host, by the names of the patterns. */
  readonly found: Readonly<Record<string, number>>;
}

/** Of command lines, their words parted by spaces. */
export type Patterns = Readonly<Record<string, RegExp>>;

/** Rejects while the cluster does not answer. */
export async function census(api: Api, names: readonly string[], patterns: Patterns): Promise<Census> {
  const tasks = (await api.tasks()).filter(
    ({ spec, latest }) => names.includes(spec.name) && latest.state === "running",
  );
  return { told: tasks.map(({ spec }) => spec.id).toSorted(), found: processes(patterns) };
}

/** Pids of the task's own processes on this host; what watches over them has an environment of its own. */
export const processesOf = (task: string): number[] =>
  allPids()
    .filter((pid) => contents(`/proc/${pid}/environ`).includes(`EMPORION_TASK_ID=${task}\0`))
    .map(Number);

function processes(patterns: Patterns): Record<string, number> {
  const lines = allPids().map((pid) => contents(`/proc/${pid}/cmdline`).replaceAll("\0", " "));
  return Object.fromEntries(
    Object.entries(patterns).map(([name, pattern]) => [
      name,
      lines.filter((line) => pattern.test(line)).length,
    ]),
  );
}

const allPids = (): string[] => readdirSync("/proc").filter((name) => /^\d+$/.test(name));

function contents(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // The process has ended meanwhile.
  }
}
