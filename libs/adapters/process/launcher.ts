import { createHash } from "node:crypto";
import { mkdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import type { LaunchFailure } from "#libs/ports/executor.js";
import { fail, ok, type Result } from "#protocol/result.js";
import { type Cgroups, findCgroups, type Limits } from "./cgroups.js";
import { emptyGroup, removeGroup } from "./group.js";
import { Orphans } from "./orphans.js";
import { bootId } from "./proc.js";
import { readRecord, removeRecord, type TaskEnd, type TaskRecord } from "./record.js";
import { ShimLink } from "./shim-link.js";
import type { FromShim, Program } from "./shim-words.js";

export interface LauncherOptions {
  /** The agent's work directory; `process/` in it is the launcher's. */
  readonly workDir: string;
  /** Names the control groups, for people. */
  readonly agent: string;
  /** Looks for control groups, or says why there are none; those of this host unless given. */
  readonly cgroups?: (name: string) => Cgroups | string;
}

export interface LaunchPlan {
  readonly task: string;
  readonly program: Program;
  readonly limits: Limits;
  /** The task is ended when the agent has not `reached` the cluster for `afterMs`; asked to end `graceMs` before. */
  readonly cutOff?: { readonly afterMs: number; readonly graceMs: number };
}

/** Called once for each task that was started or found. */
export type Ended = (end: TaskEnd) => void;

interface Known {
  readonly record: TaskRecord;
  readonly ended: Ended;
}

type Outcome = Result<void, LaunchFailure>;

interface Starting {
  readonly ended: Ended;
  readonly settle: (outcome: Outcome) => void;
  readonly done: Promise<Outcome>;
}

/**
 * Starts programs in their control groups through the shim, finds them again and ends them. Shared by the executors whose
 * tasks are processes of the host; each of them knows its own tasks.
 */
export class Launcher {
  private readonly recordsDir: string;
  private readonly link: ShimLink;
  private readonly name: string;
  private readonly orphans: Orphans;
  private readonly starting = new Map<string, Starting>();
  /** Those that have not ended. */
  private readonly known = new Map<string, Known>();
  private readonly runs = new Map<number, (outcome: Result<number, string>) => void>();
  /** What the shim runs that we are connected to. */
  private ofShim = new Set<string>();
  private runNumber = 0;
  private cgroups: Cgroups | string | undefined;

  constructor(private readonly options: LauncherOptions) {
    const dir = join(options.workDir, "process");
    this.recordsDir = join(dir, "records");
    mkdirSync(this.recordsDir, { recursive: true, mode: 0o700 });
    // Two clusters on one host may have agents of one name; their work directories differ.
    const hash = createHash("sha256").update(realpathSync(dir)).digest("hex").slice(0, 8);
    this.name = `${options.agent}-${hash}`;
    this.orphans = new Orphans(this.recordsDir, (record) => this.ended(record));
    this.link = new ShimLink({
      dir,
      recordsDir: this.recordsDir,
      home: () => {
        this.cgroups = this.findCgroups();
        return typeof this.cgroups === "string" ? [] : this.cgroups.home;
      },
      heard: (words) => this.heard(words),
      lost: () => this.shimLost(),
    });
  }

  /** Starts the shim and looks what can be enforced here. Failure in words. */
  async detect(): Promise<Result<{ readonly version: string; readonly warnings: string[] }, string>> {
    const opened = await this.link.open();
    if (!opened.ok) return opened;
    const cgroups = (this.cgroups ??= this.findCgroups());
    return typeof cgroups === "string"
      ? ok({ version: "no-cgroup", warnings: [`no cgroup: limits are not enforced (${cgroups})`] })
      : ok({ version: cgroups.version, warnings: [...cgroups.warnings] });
  }

  /** Kept when the program runs, or with what the system said against it. */
  async start({ task, program, limits, cutOff }: LaunchPlan, ended: Ended): Promise<Outcome> {
    const opened = await this.link.open();
    if (!opened.ok) return launchFailed(opened.error);
    const cgroups = (this.cgroups ??= this.findCgroups());
    try {
      const prepared = typeof cgroups === "string" ? undefined : cgroups.prepare(task, limits);
      const { promise: done, resolve: settle } = deferred<Outcome>();
      this.starting.set(task, { ended, settle, done });
      this.link.say({ type: "start", task, program, ...(prepared && { prepared }), ...(cutOff && { cutOff }) });
      return await done;
    } catch (cause) {
      return launchFailed((cause as Error).message);
    }
  }

  /** Looks for tasks of an earlier agent process. Without a shim the records tell what ended, and /proc what runs. */
  async recover(tasks: ReadonlyMap<string, Ended>): Promise<Map<string, "running" | "ended" | "absent">> {
    await this.link.open();
    return new Map([...tasks].map(([task, ended]) => [task, this.find(task, ended)]));
  }

  async kill(task: string, force: boolean): Promise<void> {
    await this.starting.get(task)?.done;
    const known = this.known.get(task);
    if (known === undefined) return;
    if (this.ofShim.has(task)) this.link.say({ type: "kill", task, force });
    else this.orphans.kill(known.record, force);
  }

  /** Runs a program beside a task, in its control groups: its exit code, or a failure in words. */
  async run(task: string, program: Program, timeoutMs: number): Promise<Result<number, string>> {
    if (!this.known.has(task)) return fail(`task ${task} does not run here`);
    const opened = await this.link.open();
    if (!opened.ok) return opened;
    const id = ++this.runNumber;
    const { promise, resolve } = deferred<Result<number, string>>();
    this.runs.set(id, resolve);
    this.link.say({ type: "run", id, task, program, timeoutMs });
    return promise;
  }

  /** The agent has just heard from the cluster: tasks with a cut-off may go on. */
  reached(): void {
    this.link.say({ type: "reached" });
  }

  /** Forgets a task that has ended. Safe to repeat. */
  async collect(task: string): Promise<void> {
    const record = readRecord(this.recordsDir, task);
    this.known.delete(task);
    if (record === undefined) return;
    if (record.group !== undefined && record.bootId === bootId()) {
      await emptyGroup(record.group);
      removeGroup(record.group);
    }
    removeRecord(this.recordsDir, task);
  }

  close(): void {
    this.orphans.close();
    this.link.close();
  }

  private find(task: string, ended: Ended): "running" | "ended" | "absent" {
    const record = readRecord(this.recordsDir, task);
    if (record === undefined) return "absent";
    this.known.set(task, { record, ended });
    if (record.end !== undefined) {
      setImmediate(() => this.ended(record));
      return "ended";
    }
    return this.ofShim.has(task) || this.orphans.follow(record) ? "running" : "ended";
  }

  private findCgroups(): Cgroups | string {
    return (this.options.cgroups ?? findCgroups)(this.name);
  }

  private heard(words: FromShim): void {
    switch (words.type) {
      case "hello":
        this.ofShim = new Set(words.tasks);
        return;
      case "started":
        return this.started(words.record);
      case "refused":
        return this.settle(words.task, fail(refusal(words.code, words.message)));
      case "ended":
        return this.ended(words.record);
      case "ran": {
        const { id, exitCode, failure } = words;
        this.runs.get(id)?.(exitCode === undefined ? fail(failure ?? "ended") : ok(exitCode));
        this.runs.delete(id);
      }
    }
  }

  private started(record: TaskRecord): void {
    this.ofShim.add(record.task);
    const starting = this.starting.get(record.task);
    if (starting === undefined) return;
    this.known.set(record.task, { record, ended: starting.ended });
    this.settle(record.task, ok(undefined));
  }

  private settle(task: string, outcome: Outcome): void {
    this.starting.get(task)?.settle(outcome);
    this.starting.delete(task);
  }

  /** Told once, whoever says it first: the shim, a record, or our own look. */
  private ended({ task, end }: TaskRecord): void {
    this.ofShim.delete(task);
    const known = this.known.get(task);
    if (known === undefined || end === undefined) return;
    this.known.delete(task);
    known.ended(end);
  }

  /** Its tasks run on without a parent: from now on we look for their ends ourselves. */
  private shimLost(): void {
    this.ofShim.clear();
    for (const resolve of this.runs.values()) resolve(fail("the shim died"));
    this.runs.clear();
    for (const task of this.starting.keys()) {
      const record = readRecord(this.recordsDir, task);
      if (record === undefined) this.settle(task, launchFailed("the shim died before it started the task"));
      else this.started(record);
    }
    this.ofShim.clear();
    for (const { record } of this.known.values()) this.orphans.follow(record);
  }
}

const launchFailed = (message: string): Outcome => fail({ reason: "launch-failed", message });

/** What `spawn` can say though all was looked at before: the task's user may not do what the agent may. */
function refusal(code: string, message: string): LaunchFailure {
  if (code === "ENOENT") return { reason: "command-missing", message: `command not found: ${message}` };
  if (code === "EACCES") return { reason: "not-allowed", message: `not allowed to the task's user: ${message}` };
  return { reason: "launch-failed", message };
}

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((done) => (resolve = done));
  return { promise, resolve };
}
