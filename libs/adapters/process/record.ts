import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TaskGroup } from "./group.js";

/**
 * What is known of a task on disk: written by the shim when it has started the task, and once more, with `end`, when the
 * task has ended. It is removed when the task is collected.
 */
export interface TaskRecord {
  readonly task: string;
  readonly pid: number;
  /** See `startTime`: guards against a pid that was used again. */
  readonly startTime: string | undefined;
  readonly bootId: string;
  readonly group?: TaskGroup;
  readonly end?: TaskEnd;
}

/** How a task ended, as the kernel told its parent. Neither code nor signal: nobody was there to be told. */
export interface TaskEnd {
  readonly exitCode?: number;
  readonly signal?: string;
  /** How often the kernel killed something of the task because its memory was at the limit. */
  readonly oomKills: number;
  readonly cause?: "cut-off" | "host-restarted" | "unknown";
}

const fileOf = (dir: string, task: string): string => join(dir, `${task}.json`);

/** Undefined when there is none. One that cannot be read was not written whole: by rename it is whole or not there. */
export function readRecord(dir: string, task: string): TaskRecord | undefined {
  try {
    return JSON.parse(readFileSync(fileOf(dir, task), "utf8")) as TaskRecord;
  } catch {
    return undefined;
  }
}

/** Atomic for every reader. Throws when the disk takes no more. */
export function writeRecord(dir: string, record: TaskRecord): void {
  const file = fileOf(dir, record.task);
  writeFileSync(`${file}.new`, JSON.stringify(record), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

export function removeRecord(dir: string, task: string): void {
  rmSync(fileOf(dir, task), { force: true });
}
