import { readFile, readlink, realpath } from "node:fs/promises";
import type { Clock } from "#libs/ports/clock.js";
import { delay } from "#libs/ports/clock.js";

/** True when the process lives and its command line has the mark: a pid alone may be somebody else's by now. */
export async function processRuns(pid: number, mark: string): Promise<boolean> {
  if (!Number.isInteger(pid) || pid <= 1 || !isAlive(pid)) return false;
  const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => undefined);
  return commandLine === undefined || commandLine.replaceAll("\0", " ").includes(mark);
}

/** True when the process writes to the file: so what a cluster left is known, whatever it calls itself by now. */
export async function writesTo(pid: number, file: string): Promise<boolean> {
  if (!Number.isInteger(pid) || pid <= 1) return false;
  const [written, asked] = await Promise.all([
    readlink(`/proc/${pid}/fd/1`).catch(() => undefined),
    realpath(file).catch(() => file),
  ]);
  return written === asked;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** SIGTERM, and SIGKILL when it has not ended after `graceMs`; SIGKILL at once for 0. */
export async function endProcess(pid: number, graceMs: number, clock: Clock): Promise<void> {
  const giveUpAt = clock.now().mono + graceMs;
  if (graceMs > 0) signal(pid, "SIGTERM");
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
