import { readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * The control group of one task, as paths: whoever has them can end the task, also after a restart with another
 * configuration. On v1 there is one directory a controller, with the same members in each.
 */
export interface TaskGroup {
  readonly dirs: readonly string[];
  /** The file in each directory by which the shim enters. */
  readonly entry: Entry;
  /** Lists the members. */
  readonly procs: string;
  /** v2 since Linux 5.14: ends all members at once. */
  readonly kill?: string;
  /** Set to 0, nobody forks any more. */
  readonly pidsMax?: string;
  /** Holds a line `oom_kill <count>`. */
  readonly oomCounts?: string;
}

/**
 * v1 can move a single thread: for the one that writes, Linux skips the lock that waits for all forks of the host, a matter
 * of 0.1 ms instead of 5 to 10. A child begins in the groups of the thread that spawns it. v2 moves whole processes only.
 */
export type Entry = "tasks" | "cgroup.procs";

export function enter(dirs: readonly string[], entry: Entry): void {
  for (const dir of dirs) writeFileSync(join(dir, entry), "0");
}

/** Empty when the group is gone. */
export function members(group: TaskGroup): number[] {
  try {
    return readFileSync(group.procs, "utf8").split("\n").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

export function signalMembers(group: TaskGroup, signal: NodeJS.Signals): void {
  for (const pid of members(group)) signalPid(pid, signal);
}

/** One that has ended already is what was wanted. */
export function signalPid(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // ESRCH: it is gone
  }
}

/**
 * Kills all members, also those that fork meanwhile, and resolves when none is left: true, or false when some are still
 * there after `limitMs` (in uninterruptible sleep).
 */
export async function emptyGroup(group: TaskGroup, limitMs = 5000): Promise<boolean> {
  if (members(group).length === 0) return true;
  if (group.kill === undefined || !tryWrite(group.kill, "1")) {
    if (group.pidsMax !== undefined) tryWrite(group.pidsMax, "0");
    signalMembers(group, "SIGKILL");
  }
  for (
    let waitedMs = 0, pauseMs = 1;
    waitedMs < limitMs;
    waitedMs += pauseMs, pauseMs = Math.min(50, pauseMs * 2)
  ) {
    if (members(group).length === 0) return true;
    await new Promise((done) => void setTimeout(done, pauseMs));
    signalMembers(group, "SIGKILL");
  }
  return members(group).length === 0;
}

/** False when a directory is still there (it has members). */
export function removeGroup(group: TaskGroup): boolean {
  let removed = true;
  for (const dir of group.dirs) removed = tryRemove(dir) && removed;
  return removed;
}

export function oomKills(group: TaskGroup): number {
  if (group.oomCounts === undefined) return 0;
  try {
    return Number(/^oom_kill (\d+)$/m.exec(readFileSync(group.oomCounts, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

function tryRemove(dir: string): boolean {
  try {
    rmdirSync(dir);
    return true;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === "ENOENT";
  }
}

function tryWrite(file: string, value: string): boolean {
  try {
    writeFileSync(file, value);
    return true;
  } catch {
    return false;
  }
}
