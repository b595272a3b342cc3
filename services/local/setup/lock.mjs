// One set-up at a time in one directory. The lock is a file with the owner's pid and the time that process was started,
// so that neither a killed owner nor a reused pid holds it for ever.
import { link, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { readFileSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 100;
const TAKEOVER_MAX_AGE_MS = 10_000;

/**
 * Runs `work` while holding the lock file.
 * @param {(line: string) => void} onWait told once when somebody else holds it.
 */
export async function withLock(path, work, onWait = () => {}) {
  await acquire(path, onWait);
  const release = () => rmSync(path, { force: true });
  process.once("exit", release);
  try {
    return await work();
  } finally {
    process.removeListener("exit", release);
    release();
  }
}

async function acquire(path, onWait) {
  await mkdir(dirname(path), { recursive: true });
  const mine = `${process.pid} ${startTimeOf(process.pid) ?? ""}\n`;
  let told = false;
  while (!(await createOnly(path, mine))) {
    const owner = await readFile(path, "utf8").catch(() => "");
    if (!isAlive(owner)) {
      await removeStale(path);
      continue;
    }
    if (!told) onWait(`waiting for process ${owner.split(" ")[0]}, which holds ${path}`);
    told = true;
    await sleep(POLL_MS);
  }
}

/** Between reading a dead owner and removing its file somebody else may have taken the lock: so look again, alone. */
async function removeStale(path) {
  const takeover = `${path}.takeover`;
  if (!(await createOnly(takeover, ""))) {
    const age = await stat(takeover).then(
      (info) => Date.now() - info.mtimeMs,
      () => 0,
    );
    if (age > TAKEOVER_MAX_AGE_MS) await rm(takeover, { force: true });
    await sleep(POLL_MS);
    return;
  }
  try {
    const owner = await readFile(path, "utf8").catch(() => "");
    if (!isAlive(owner)) await rm(path, { force: true });
  } finally {
    await rm(takeover, { force: true });
  }
}

let drafts = 0;

/** By a link, so that the file never stands there without its content. */
async function createOnly(path, content) {
  const draft = `${path}.${process.pid}.${drafts++}`;
  await writeFile(draft, content);
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/** `owner` is "pid start-time"; anything else is nobody. */
function isAlive(owner) {
  const [pid, startedAt] = owner.trim().split(" ");
  if (!/^\d+$/.test(pid ?? "")) return false;
  if (!processExists(Number(pid))) return false;
  return startedAt === undefined || startTimeOf(Number(pid)) === startedAt;
}

export function processExists(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** Clock ticks since boot at which the process was started, as text; undefined where there is no /proc. */
function startTimeOf(pid) {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the program's name in brackets and may itself hold blanks and brackets.
    return line.slice(line.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}
