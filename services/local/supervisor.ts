import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync, renameSync, statSync } from "node:fs";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { type Cancel, type Clock, delay } from "#libs/ports/clock.js";
import { backoffMs } from "#libs/core/backoff.js";
import type { DataDirectory } from "./data-directory.js";
import { endProcess, writesTo } from "./processes.js";

/** A program that is kept running. */
export interface Program {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Its whole environment. */
  readonly env: Readonly<Record<string, string>>;
  /** The directory that it works in; ours unless given. */
  readonly cwd?: string;
  /** How long it may take to end after SIGTERM. */
  readonly stopMs: number;
}

const restartBackoff = { firstMs: 200, factor: 2, mostMs: 5000 };
/** One that ran for so long has not failed in a row. */
const steadyMs = 10_000;
const pidRetryMs = 1000;

/**
 * Keeps programs running: each in a session of its own, so that a Ctrl-C in the terminal reaches only us; with its pid in
 * `run/<name>.pid` and its words in `log/<name>.log`; started again when it dies, later and later if it dies at once.
 */
export class Supervisor {
  readonly #data: DataDirectory;
  readonly #clock: Clock;
  readonly #say: (line: string) => void;
  readonly #running: Supervised[] = [];

  constructor(data: DataDirectory, clock: Clock, say: (line: string) => void) {
    this.#data = data;
    this.#clock = clock;
    this.#say = say;
  }

  /**
   * Ends what an earlier cluster of this directory left when it was killed: agents without warning, so that their tasks go on
   * and are found again; the others in good order.
   */
  async endLeftovers(): Promise<void> {
    const names = (await readdir(this.#data.in("run"))).map((file) => file.replace(/\.pid$/, ""));
    for (const name of names.filter((each) => each !== "local").toSorted()) {
      const pid = Number(await readFile(this.#data.pidFile(name), "utf8").catch(() => ""));
      if (await writesTo(pid, this.#data.logFile(name))) {
        this.#say(`${name}: ending process ${pid}, left by an earlier start`);
        await endProcess(pid, name.startsWith("agent-") ? 0 : 5000, this.#clock);
      }
      await rm(this.#data.pidFile(name), { force: true });
    }
  }

  start(program: Program): void {
    const supervised = new Supervised(program, this.#data, this.#clock, this.#say);
    this.#running.push(supervised);
    supervised.start();
  }

  /** Runs it to its end, once, for no longer than it may take to stop; says why when it did not end well. */
  async runOnce(program: Program): Promise<string | undefined> {
    const { name, stopMs } = program;
    const child = spawnLogged(program, this.#data.logFile(name));
    const ended = new Promise<string | undefined>((done) => {
      child.once("error", (cause) => done(`cannot be started: ${cause.message}`));
      child.once("exit", (code, signal) => done(code === 0 ? undefined : (signal ?? `exit code ${code}`)));
    });
    if (child.pid === undefined) return ended;
    await writeFile(this.#data.pidFile(name), String(child.pid));
    const cancel = this.#clock.after(stopMs, () => child.kill("SIGKILL"));
    const fault = await ended;
    cancel();
    await rm(this.#data.pidFile(name), { force: true });
    return fault;
  }

  pid(name: string): number | undefined {
    return this.#running.find((each) => each.name === name)?.pid;
  }

  /** The named ones at once. Kept when they have ended. */
  async stop(names: (name: string) => boolean): Promise<void> {
    await Promise.all(this.#running.filter(({ name }) => names(name)).map((each) => each.stop()));
  }
}

class Supervised {
  readonly #program: Program;
  readonly #data: DataDirectory;
  readonly #clock: Clock;
  readonly #say: (line: string) => void;
  #child: ChildProcess | undefined;
  #stopping = false;
  #failures = 0;
  #cancelRestart: Cancel = () => {};

  constructor(program: Program, data: DataDirectory, clock: Clock, say: (line: string) => void) {
    this.#program = program;
    this.#data = data;
    this.#clock = clock;
    this.#say = say;
  }

  get name(): string {
    return this.#program.name;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** On a full disk there is no log to open: that passes, and ends nobody. */
  start(): void {
    const startedAt = this.#clock.now().mono;
    const notStarted = ({ message }: Error) => this.#ended(`cannot be started: ${message}`, startedAt);
    let child: ChildProcess;
    try {
      child = spawnLogged(this.#program, this.#data.logFile(this.name));
    } catch (cause) {
      return notStarted(cause as Error);
    }
    this.#child = child;
    child.once("error", notStarted);
    child.once("exit", (code, signal) => this.#ended(signal ?? `exit code ${code}`, startedAt));
    if (child.pid !== undefined) void this.#writePid(child.pid);
  }

  /** By it the next start finds what we leave when we are killed. Tried until it is written, or somebody else runs. */
  async #writePid(pid: number): Promise<void> {
    const isCurrent = () => !this.#stopping && this.#child?.pid === pid;
    for (let said = false; isCurrent(); await delay(this.#clock, pidRetryMs)) {
      try {
        return await writeFile(this.#data.pidFile(this.name), String(pid));
      } catch (cause) {
        if (!said)
          this.#say(`${this.name}: its pid cannot be written: ${(cause as Error).message}; trying again`);
        said = true;
      }
    }
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#cancelRestart();
    const pid = this.#child?.pid;
    if (pid !== undefined) await endProcess(pid, this.#program.stopMs, this.#clock);
    await rm(this.#data.pidFile(this.name), { force: true });
  }

  #ended(how: string, startedAt: number): void {
    this.#child = undefined;
    if (this.#stopping) return;
    this.#failures = this.#clock.now().mono - startedAt >= steadyMs ? 1 : this.#failures + 1;
    const waitMs = backoffMs(restartBackoff, this.#failures);
    this.#say(
      `${this.name} has ended (${how}); starting it again${waitMs > 1000 ? ` in ${waitMs / 1000} s` : ""}; its log is ${this.#data.logFile(this.name)}`,
    );
    this.#cancelRestart = this.#clock.after(waitMs, () => this.start());
  }
}

function spawnLogged({ command, args, env, cwd = process.cwd() }: Program, file: string): ChildProcess {
  const log = openLog(file);
  try {
    return spawn(command, [...args], { cwd, env: { ...env }, detached: true, stdio: ["ignore", log, log] });
  } finally {
    closeSync(log);
  }
}

const logBytesMost = 16 * 2 ** 20;

/** One that has grown large makes room: the one before is kept as `<name>.log.1`. */
function openLog(file: string): number {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size > logBytesMost) renameSync(file, `${file}.1`);
  return openSync(file, "a");
}
