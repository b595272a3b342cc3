// Starts a server that outlives us, and finds it again by its pid file.
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { processExists } from "./lock.mjs";
import { lastLines } from "./run.mjs";

const POLL_MS = 25;

/**
 * Makes sure that the server runs and answers; one that already does is left as it is.
 * @param {{name: string, command: string, args: string[], env: NodeJS.ProcessEnv, pidFile: string, logFile: string,
 *   writesPid: boolean, isReady: () => Promise<boolean>, limitMs: number}} server
 *   args hold pidFile or another path of its own, by which a process is known to be this server; writesPid: it keeps pidFile itself
 * @returns {Promise<{pid: number, isNew: boolean}>} throws with the end of its log when it dies or stays silent for limitMs
 */
export async function ensureDaemon(server) {
  const running = await daemonPid(server);
  if (running !== undefined) {
    if (await until(server.isReady, server.limitMs)) return { pid: running, isNew: false };
    throw new Error(
      `${server.name} runs as process ${running} but does not answer; the end of ${server.logFile}:\n${await tail(server.logFile)}`,
    );
  }
  // It would refuse to start over the file of a dead one whose pid somebody else has now.
  await rm(server.pidFile, { force: true });
  return { pid: await launch(server), isNew: true };
}

async function launch({ name, command, args, env, pidFile, logFile, writesPid, isReady, limitMs }) {
  const output = openSync(logFile, "a");
  const child = spawn(command, args, { env, stdio: ["ignore", output, output], detached: true });
  closeSync(output);
  let ending;
  child.on("error", (error) => (ending = error.message));
  child.on("exit", (code, signal) => (ending = `ended with ${signal ?? `exit code ${code}`}`));
  child.unref();
  if (!writesPid && child.pid !== undefined) await writeFile(pidFile, `${child.pid}\n`);
  const isUp = await until(async () => ending !== undefined || (await isReady()), limitMs);
  if (isUp && ending === undefined) return child.pid;
  if (ending === undefined) child.kill("SIGKILL");
  throw new Error(
    `${name} ${ending ?? `did not answer within ${limitMs} ms`}; the end of ${logFile}:\n${await tail(logFile)}`,
  );
}

/** The server's process, if the pid file names one that really is it. */
export async function daemonPid({ pidFile, args }) {
  const pid = Number.parseInt(await readFile(pidFile, "utf8").catch(() => ""), 10);
  if (!(pid > 0)) return undefined;
  const words = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
  return args.every((arg) => words.includes(arg)) ? pid : undefined;
}

/** Asks the process to end, waits, and ends it by force when it takes longer than limitMs. */
export async function endProcess(pid, limitMs) {
  const isGone = () => Promise.resolve(!processExists(pid) || isZombie(pid));
  signal(pid, "SIGTERM");
  if (await until(isGone, limitMs)) return;
  signal(pid, "SIGKILL");
  await until(isGone, 5000);
}

export function signal(pid, name) {
  try {
    process.kill(pid, name);
  } catch {
    // It ended by itself.
  }
}

async function isZombie(pid) {
  const line = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return line.slice(line.lastIndexOf(")") + 2).startsWith("Z");
}

/** Polls a condition; false when it has not come true within limitMs. */
export async function until(condition, limitMs) {
  const deadline = performance.now() + limitMs;
  for (;;) {
    if (await condition()) return true;
    if (performance.now() > deadline) return false;
    await sleep(POLL_MS);
  }
}

async function tail(path) {
  return lastLines(await readFile(path, "utf8").catch(() => ""), 15);
}
