/**
 * The shim: one small process beside an agent that is the parent of the agent's processes and outlives it, so that every
 * exit code is known (R8). It starts programs, waits for them, and writes down how they ended; it decides nothing.
 *
 *     agent ──socket──► shim ──spawn──► task          records/<task>.json
 *       ✝                 │ ◄──exit──── task   ──►    { pid, …, end }
 *     agent' ──socket──► shim                         the next agent reads, and is told of later ends
 *
 * S1. A record says that a task has started before the agent hears it, and how it ended before the agent hears that.
 * S2. One agent at a time: a new connection is served when all that the former said has been done.
 * S3. It ends when no agent is connected and nothing of its own runs.
 *
 * Only node:* and its neighbours are imported: it starts in the time of a bare node and stays small.
 */
import { type ChildProcess, spawn, type StdioOptions } from "node:child_process";
import { closeSync, constants, fchownSync, openSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { uptime } from "node:os";
import { join } from "node:path";
import { emptyGroup, oomKills, removeGroup, signalMembers, signalPid, type TaskGroup } from "./group.js";
import { bootId, startTime } from "./proc.js";
import { type TaskEnd, type TaskRecord, writeRecord } from "./record.js";
import { type FromShim, lines, type Program, type ToShim } from "./shim-words.js";

interface Running {
  readonly record: TaskRecord;
  readonly child: ChildProcess;
  timer?: NodeJS.Timeout;
  cutOff?: boolean;
}

/** The working directory is the launcher's own: a relative path is never too long for a socket. */
const [socketFile, recordsDir, ...home] = process.argv.slice(2) as [string, string, ...string[]];
const boot = bootId();
const running = new Map<string, Running>();
const connections: Socket[] = [];
/** Seconds since the host's start, those in suspension included: the clock on which agents are cut off. */
let reachedAt = uptime();

// Only the host's end or a SIGKILL ends it before its tasks: what is sent to a whole service or terminal is not meant for it.
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGPIPE"] as const) process.on(signal, () => {});
process.umask(0o022);
enter(home);

const server = createServer((socket) => {
  connections.push(socket);
  socket.setEncoding("utf8");
  socket.on("error", () => {});
  socket.on("close", () => {
    const first = connections[0] === socket;
    connections.splice(connections.indexOf(socket), 1);
    if (first && connections.length > 0) serve(connections[0]!);
    endIfIdle();
  });
  if (connections.length === 1) serve(socket);
});
server.listen(socketFile);
/** An agent that starts a shim connects at once; one that died before it could leaves nothing. */
setTimeout(endIfIdle, 30_000);

function serve(socket: Socket): void {
  reachedAt = uptime();
  socket.on("data", lines((line) => obey(JSON.parse(line) as ToShim)));
  say({ type: "hello", tasks: [...running.keys()] });
}

function say(words: FromShim): void {
  connections[0]?.write(`${JSON.stringify(words)}\n`);
}

function obey(order: ToShim): void {
  switch (order.type) {
    case "start":
      return start(order);
    case "kill":
      return kill(order);
    case "run":
      return run(order);
    case "reached":
      reachedAt = uptime();
  }
}

function start({ task, program, prepared, cutOff }: Extract<ToShim, { type: "start" }>): void {
  const group = prepared?.group;
  const refused = (cause: unknown) => {
    const { code = "", message } = cause as NodeJS.ErrnoException;
    if (group !== undefined) removeGroup(group);
    say({ type: "refused", task, code, message });
  };
  try {
    const child = spawnInside(program, group);
    const { pid } = child;
    if (pid === undefined) return void child.once("error", refused);
    const record: TaskRecord = { task, pid, startTime: startTime(pid), bootId: boot, ...(group && { group }) };
    const entry: Running = { record, child };
    try {
      for (const [file, value] of prepared?.settings ?? []) writeFileSync(file, value);
      writeRecord(recordsDir, record);
    } catch (cause) {
      void endAll(record).then(() => refused(cause));
      return;
    }
    running.set(task, entry);
    child.once("exit", (code, signal) => void ended(entry, code, signal));
    if (cutOff !== undefined) watchCutOff(entry, cutOff);
    say({ type: "started", record });
  } catch (cause) {
    refused(cause);
  }
}

/**
 * A child begins in the groups of its parent, so the shim enters the task's groups, spawns and goes home: the program is
 * inside from its first instruction, and needs no further exec to get there. The user is changed by the spawn itself.
 */
function spawnInside(program: Program, group: TaskGroup | undefined): ChildProcess {
  const { argv, env, directory, user } = program;
  const [file, ...rest] = argv;
  const stdout = openOutput(program.stdout, user);
  const stderr = openOutput(program.stderr, user);
  try {
    enter(group?.dirs.map((dir) => join(dir, "cgroup.procs")) ?? []);
    const stdio: StdioOptions = ["ignore", stdout, stderr];
    return spawn(file!, rest, { env, cwd: directory, stdio, detached: true, ...user });
  } finally {
    if (group !== undefined) enter(home);
    closeSync(stdout);
    closeSync(stderr);
  }
}

/** Owned by the task, which may open it once more (/dev/stdout). */
function openOutput(file: string, user: Program["user"]): number {
  const fd = openSync(file, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW, 0o640);
  if (user !== undefined && file !== "/dev/null") fchownSync(fd, user.uid, user.gid);
  return fd;
}

async function ended(entry: Running, exitCode: number | null, signal: string | null): Promise<void> {
  const { record, timer, cutOff } = entry;
  clearTimeout(timer);
  await endAll(record);
  const end: TaskEnd = {
    ...(exitCode !== null && { exitCode }),
    ...(signal !== null && { signal }),
    oomKills: record.group === undefined ? 0 : oomKills(record.group),
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
      writeRecord(recordsDir, record);
      endIfIdle();
    } catch {
      setTimeout(write, 1000);
    }
  };
  write();
  say({ type: "ended", record });
}

/** Asks the task to end `graceMs` before it must have ended. Each contact of the agent moves both. */
function watchCutOff(entry: Running, { afterMs, graceMs }: { afterMs: number; graceMs: number }): void {
  const silentMs = (uptime() - reachedAt) * 1000;
  const leftMs = afterMs - graceMs - silentMs;
  if (leftMs > 0 && !entry.cutOff) {
    entry.timer = setTimeout(() => watchCutOff(entry, { afterMs, graceMs }), leftMs);
    return;
  }
  entry.cutOff = true;
  signalAll(entry.record, "SIGTERM");
  entry.timer = setTimeout(() => void endAll(entry.record), Math.max(0, afterMs - silentMs));
}

/** Here, and not in the agent: while the shim enters a task's group for an instant, nobody else may kill what is in it. */
function kill({ task, force }: Extract<ToShim, { type: "kill" }>): void {
  const record = running.get(task)?.record;
  if (record === undefined) return;
  if (force) void endAll(record);
  else signalAll(record, "SIGTERM");
}

/** It is not recorded: nobody asks for its outcome later. A task of a former shim has its groups to itself. */
function run({ id, task, program, timeoutMs }: Extract<ToShim, { type: "run" }>): void {
  const failed = (failure: string) => say({ type: "ran", id, failure });
  try {
    const child = spawnInside(program, running.get(task)?.record.group);
    const { pid } = child;
    let late = false;
    child.once("error", ({ message }) => failed(message));
    if (pid === undefined) return;
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

function enter(groups: readonly string[]): void {
  for (const procs of groups) writeFileSync(procs, `${process.pid}`);
}

function endIfIdle(): void {
  if (connections.length > 0 || running.size > 0) return;
  rmSync(socketFile, { force: true });
  for (const procs of home) leave(procs);
  process.exit(0);
}

/** `<mount>/emporion/<name>/shim/cgroup.procs`: goes to the mount's root and removes what is then empty. */
function leave(procs: string): void {
  try {
    writeFileSync(join(procs, "../../../../cgroup.procs"), `${process.pid}`);
    removeGroup({ dirs: [join(procs, ".."), join(procs, "../.."), join(procs, "../../..")], procs });
  } catch {
    // delegated: the root is not ours to enter
  }
}
