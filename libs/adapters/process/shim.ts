/**
 * The shim: one small process beside an agent that is the parent of the agent's processes and outlives it, so that every
 * exit code is known (R8). It starts programs, waits for them, and writes down how they ended; it decides nothing.
 *
 *     agent ──socket──► shim ──spawn──► task          records.log
 *       ✝                 │ ◄──exit──── task   ──►    {pid …}, {pid … end}
 *     agent' ──socket──► shim
 *       ◄── hello: what runs, what has ended
 *
 * S1. A record says that a task has started before the agent hears it, and how it ended before the agent hears that.
 * S2. One agent at a time: a new connection is served when all that the former said has been done.
 * S3. It ends when no agent is connected and nothing of its own runs.
 * S4. Only the shim signals what it runs: while it is inside a task's groups to spawn, nobody kills what is in there.
 *
 * Only node:* and its neighbours are imported: it starts in the time of a bare node and stays small.
 */
import type { ChildProcess } from "node:child_process";
import { rmdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { uptime } from "node:os";
import { join } from "node:path";
import { emptyGroup, enter, type Entry, oomKills, removeGroup, signalMembers, signalPid } from "./group.js";
import { isAlive, Orphans } from "./orphans.js";
import { bootId, startTime } from "./proc.js";
import { Records, type TaskEnd, type TaskRecord } from "./records.js";
import { type CutOff, type FromShim, lines, shimVersion, speaker, type ToShim } from "./shim-words.js";
import { HomeDoors, spawnInside } from "./spawn.js";

interface Running {
  readonly record: TaskRecord;
  timer?: NodeJS.Timeout;
  cutOff?: boolean;
}

/** The working directory is the launcher's own: a relative path is never too long for a socket. */
const [socketFile, recordsFile, entry, ...dirs] = process.argv.slice(2) as [
  string,
  string,
  Entry,
  ...string[],
];
const boot = bootId();
const running = new Map<string, Running>();
const connections: Socket[] = [];
/** Seconds since the host's start, those in suspension included: the clock on which agents are cut off. */
let reachedAt = uptime();
/** To the agent that is served; nobody hears it when there is none, and the next one reads the records. */
let say: (words: FromShim) => void = () => {};

// Only the host's end or a SIGKILL ends it before its tasks: what is sent to a whole service or terminal is not meant for it.
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGPIPE"] as const)
  process.on(signal, () => {});
process.umask(0o022);
// The whole of it; later only the thread that spawns moves, where that can be.
enter(dirs, "cgroup.procs");
const home = new HomeDoors({ dirs, entry });

const records = new Records(recordsFile);
const orphans = new Orphans((record, end) => tell({ ...record, end }));
for (const record of records.all()) if (record.end === undefined) orphans.follow(record);
orphans.look();

const server = createServer((socket) => {
  connections.push(socket);
  socket.setEncoding("utf8");
  socket.on("error", () => {});
  socket.on("close", () => {
    const first = connections[0] === socket;
    connections.splice(connections.indexOf(socket), 1);
    if (first) say = () => {};
    if (first && connections.length > 0) serve(connections[0]!);
    endIfIdle();
  });
  if (connections.length === 1) serve(socket);
});
server.listen(socketFile);
/** An agent that starts a shim connects at once; one that died before it could leaves nothing. */
let awaitsAgent = true;
setTimeout(() => {
  awaitsAgent = false;
  endIfIdle();
}, 30_000).unref();

function serve(socket: Socket): void {
  awaitsAgent = false;
  reachedAt = uptime();
  say = speaker(socket);
  socket.on(
    "data",
    lines((line) => obey(JSON.parse(line) as ToShim)),
  );
  say({ type: "hello", version: shimVersion, pid: process.pid, records: records.all() });
}

function obey(order: ToShim): void {
  switch (order.type) {
    case "start":
      return start(order);
    case "kill":
      return kill(order.task, order.force);
    case "run":
      return run(order);
    case "reached":
      reachedAt = uptime();
      return;
    case "collect":
      return void collect(order.task);
  }
}

function start({ task, program, group, limits, cutOff }: Extract<ToShim, { type: "start" }>): void {
  const refused = (cause: unknown) => {
    const { code = "", message } = cause as NodeJS.ErrnoException;
    say({ type: "refused", task, code, message });
  };
  let child: ChildProcess;
  try {
    child = spawnInside(program, group, home);
  } catch (cause) {
    return refused(cause);
  }
  const { pid } = child;
  if (pid === undefined) return void child.once("error", refused);
  const record: TaskRecord = { task, pid, startTime: startTime(pid), bootId: boot, ...(group && { group }) };
  try {
    for (const [file, value] of limits ?? []) writeFileSync(file, value);
    records.put(record);
  } catch (cause) {
    // It has begun, but not for anybody: as if it had never.
    forget(task);
    void endAll(record).finally(() => refused(cause));
    return;
  }
  const entry: Running = { record };
  running.set(task, entry);
  child.once("exit", (code, signal) => void ended(entry, code, signal));
  if (cutOff !== undefined) watchCutOff(entry, cutOff);
  say({ type: "started", record });
}

async function ended(entry: Running, exitCode: number | null, signal: string | null): Promise<void> {
  const { record, cutOff } = entry;
  clearTimeout(entry.timer);
  await endAll(record);
  const end: TaskEnd = {
    ...(exitCode !== null && { exitCode }),
    ...(signal !== null && { signal }),
    oomKills: record.group === undefined || exitCode === 0 ? 0 : oomKills(record.group),
    ...(cutOff && { cause: "cut-off" }),
  };
  if (record.group !== undefined) removeGroup(record.group);
  running.delete(record.task);
  tell({ ...record, end });
}

/** What the main process leaves behind ends with it: the task's resources are free when its end is told. */
async function endAll(record: TaskRecord): Promise<void> {
  if (record.group === undefined) signalAll(record, "SIGKILL");
  else await emptyGroup(record.group);
}

function signalAll({ pid, group }: TaskRecord, signal: NodeJS.Signals): void {
  if (group === undefined) signalPid(-pid, signal);
  else signalMembers(group, signal);
}

/** A full disk delays the record, not the word to the agent. */
function tell(record: TaskRecord): void {
  const write = (): void => {
    try {
      records.put(record);
      endIfIdle();
    } catch {
      setTimeout(write, 1000);
    }
  };
  write();
  say({ type: "ended", record });
}

/** An orphan's pid may have become somebody else's; its groups never do. */
function kill(task: string, force: boolean): void {
  const record = records.get(task);
  if (record === undefined || record.end !== undefined) return;
  if (!running.has(task) && !isAlive(record)) return;
  if (force) void endAll(record);
  else signalAll(record, "SIGTERM");
}

/** Asks the task to end `graceMs` before it must have ended. Each contact of the agent moves both. */
function watchCutOff(entry: Running, cutOff: CutOff): void {
  const { afterMs, graceMs } = cutOff;
  const silentMs = (uptime() - reachedAt) * 1000;
  const leftMs = afterMs - graceMs - silentMs;
  if (leftMs > 0) {
    entry.timer = setTimeout(() => watchCutOff(entry, cutOff), leftMs);
    return;
  }
  entry.cutOff = true;
  signalAll(entry.record, "SIGTERM");
  entry.timer = setTimeout(() => void endAll(entry.record), Math.max(0, afterMs - silentMs));
}

/** It is not recorded: nobody asks for its outcome later. */
function run({ id, task, program, timeoutMs }: Extract<ToShim, { type: "run" }>): void {
  const failed = (failure: string) => say({ type: "ran", id, failure });
  const record = records.get(task);
  if (record === undefined || record.end !== undefined) return failed("the task has ended");
  try {
    const child = spawnInside(program, record.group, home);
    const { pid } = child;
    child.once("error", ({ message }) => failed(message));
    if (pid === undefined) return;
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      signalPid(-pid, "SIGKILL");
    }, timeoutMs);
    child.once("exit", (exitCode, signal) => {
      clearTimeout(timer);
      signalPid(-pid, "SIGKILL");
      if (late) failed(`not done within ${timeoutMs} ms`);
      else if (exitCode === null) failed(`ended by ${signal}`);
      else say({ type: "ran", id, exitCode });
    });
  } catch (cause) {
    failed((cause as Error).message);
  }
}

async function collect(task: string): Promise<void> {
  const record = records.get(task);
  if (record !== undefined && record.end === undefined) return;
  if (record?.group !== undefined && record.bootId === boot) {
    await emptyGroup(record.group);
    removeGroup(record.group);
  }
  forget(task);
  say({ type: "collected", task });
}

/** What a full disk does not let us forget is forgotten at the next compaction. */
function forget(task: string): void {
  try {
    records.remove(task);
  } catch {
    // see above
  }
}

function endIfIdle(): void {
  if (awaitsAgent || connections.length > 0 || running.size > 0 || orphans.size > 0) return;
  rmSync(socketFile, { force: true });
  for (const dir of dirs) leave(dir);
  process.exit(0);
}

/** `<mount>/emporion/<name>/shim`: goes to the mount's root and removes what is then empty. */
function leave(dir: string): void {
  try {
    enter([join(dir, "../../..")], "cgroup.procs");
    for (const empty of [dir, join(dir, ".."), join(dir, "../..")]) rmdirSync(empty);
  } catch {
    // delegated: the root is not ours to enter; or others are in there
  }
}
