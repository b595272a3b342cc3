import { readFile } from "node:fs/promises";
import type { Clock } from "#libs/ports/clock.js";
import { delay } from "#libs/ports/clock.js";

/** True when the process lives and its command line has the mark: a pid alone may be somebody else's by now. */
export async function processRuns(pid: number, mark: string): Promise<boolean> {
  if (!Number.isInteger(pid) || pid <= 1 || !isAlive(pid)) return false;
  const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => undefined);
  return commandLine === undefined || commandLine.replaceAll("\0", " ").includes(mark);
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** SIGTERM, and SIGKILL when it has not ended after `graceMs`. */
export async function endProcess(pid: number, graceMs: number, clock: Clock): Promise<void> {
  const giveUpAt = clock.now().mono + graceMs;
  signal(pid, "SIGTERM");
  while (isAlive(pid) && clock.now().mono < giveUpAt) await delay(clock, 20);
  if (isAlive(pid)) signal(pid, "SIGKILL");
  while (isAlive(pid)) await delay(clock, 20);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ESRCH") throw cause;
  }
}
