import { createHash } from "node:crypto";
import { mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LaunchFailure } from "#libs/core/launch.js";
import { fail, ok, type Result } from "#protocol/result.js";
import { type Cgroups, findCgroups, type Limits } from "./cgroups.js";
import { emptyGroup, removeGroup } from "./group.js";
import { Pending } from "./pending.js";
import type { TaskEnd, TaskRecord } from "./records.js";
import { ShimLink } from "./shim-link.js";
import type { CutOff, FromShim, Program } from "./shim-words.js";

export interface LauncherOptions {
  /** The agent's work directory; `process/` in it is the launcher's. */
  readonly workDir: string;
  /** Names the control groups, for people. */
  readonly agent: string;
  /** Looks for control groups, or says why there are none; those of this host unless given. */
  readonly cgroups?: (name: string) => Cgroups | string;
  /** How long a shim may take to start, or to be done with a former agent; 15,000 unless given. */
  readonly shimPatienceMs?: number;
}

export interface LaunchPlan {
  readonly task: string;
  readonly program: Program;
  readonly limits: Limits;
  readonly cutOff?: CutOff;
}

/** Called once for each task that was started or found. */
export type Ended = (end: TaskEnd) => void;

type Outcome = Result<void, LaunchFailure>;

/** Pause before a shim that did not start is tried again, while tasks need one. */
const againMs = 1000;

/**
 * Starts programs in their control groups through the shim, finds them again and ends them. Shared by the executors whose
 * tasks are processes of the host; each of them knows its own tasks.
 */
export class Launcher {
  readonly #link: ShimLink;
  readonly #name: string;
  /** The shim's own, as it told us. */
  #records = new Map<string, TaskRecord>();
  /** From the order until the outcome: a kill may come between. */
  readonly #starting = new Map<string, Promise<Outcome>>();
  /** Of all tasks whose end is still to be told. */
  readonly #awaited = new Map<string, Ended>();
  readonly #starts = new Pending<string, Outcome>();
  readonly #collects = new Pending<string, Result<void, string>>();
  readonly #runs = new Pending<number, Result<number, string>>();
  #runNumber = 0;
  #cgroups: Cgroups | string | undefined;
  #again: NodeJS.Timeout | undefined;
  readonly #options: LauncherOptions;

  constructor(options: LauncherOptions) {
    this.#options = options;
    const dir = join(options.workDir, "process");
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    // Two clusters on one host may have agents of one name; their work directories differ.
    const hash = createHash("sha256").update(realpathSync(dir)).digest("hex").slice(0, 8);
    this.#name = `${options.agent}-${hash}`;
    this.#link = new ShimLink({
      dir,
      patienceMs: options.shimPatienceMs ?? 15_000,
      home: () => {
        this.#cgroups = this.#findCgroups();
        return typeof this.#cgroups === "string" ? { dirs: [], entry: "cgroup.procs" } : this.#cgroups.home;
      },
      heard: (words) => this.#heard(words),
      lost: () => this.#shimLost(),
    });
  }

  /** Starts the shim and looks what can be enforced here. Failure in words. */
  async detect(): Promise<Result<{ readonly version: string; readonly warnings: string[] }, string>> {
    const opened = await this.#link.open();
    if (!opened.ok) return opened;
    const cgroups = (this.#cgroups ??= this.#findCgroups());
    return typeof cgroups === "string"
      ? ok({ version: "no-cgroup", warnings: [`no cgroup: limits are not enforced (${cgroups})`] })
      : ok({ version: cgroups.version, warnings: [...cgroups.warnings] });
  }

  /** Kept when the program runs, or with what the system said against it. */
  async start(plan: LaunchPlan, ended: Ended): Promise<Outcome> {
    const { task } = plan;
    this.#awaited.set(task, ended);
    const starting = this.#prepareAndStart(plan).catch((cause: Error) => launchFailed(cause.message));
    this.#starting.set(task, starting);
    const outcome = await starting;
    this.#starting.delete(task);
    if (!outcome.ok) this.#awaited.delete(task);
    return outcome;
  }

  /** Looks for tasks of an earlier agent process. Throws when there is no shim: what runs is not known then. */
  async recover(tasks: ReadonlyMap<string, Ended>): Promise<Map<string, "running" | "ended" | "absent">> {
    const opened = await this.#link.open();
    if (!opened.ok) throw new Error(opened.error);
    return new Map([...tasks].map(([task, ended]) => [task, this.#find(task, ended)]));
  }

  async kill(task: string, force: boolean): Promise<void> {
    await this.#starting.get(task);
    if (!this.#awaited.has(task)) return;
    const opened = await this.#link.open();
    if (opened.ok) this.#link.say({ type: "kill", task, force });
  }

  /** Runs a program beside a task, in its control groups: its exit code, or a failure in words. */
  async run(task: string, program: Program, timeoutMs: number): Promise<Result<number, string>> {
    const opened = await this.#link.open();
    if (!opened.ok) return opened;
    const id = ++this.#runNumber;
    this.#link.say({ type: "run", id, task, program, timeoutMs });
    return this.#runs.ask(id);
  }

  /** The agent has just heard from the cluster: tasks with a cut-off may go on. */
  reached(): void {
    this.#link.say({ type: "reached" });
  }

  /** Forgets a task that has ended: kept when the shim has, or throws. Safe to repeat. */
  async collect(task: string): Promise<void> {
    const opened = await this.#link.open();
    if (!opened.ok) throw new Error(opened.error);
    if (this.#records.get(task)?.end === undefined) return;
    this.#link.say({ type: "collect", task });
    const collected = await this.#collects.ask(task);
    if (!collected.ok) throw new Error(collected.error);
  }

  close(): void {
    clearTimeout(this.#again);
    this.#link.close();
  }

  async #prepareAndStart({ task, program, limits, cutOff }: LaunchPlan): Promise<Outcome> {
    const opened = await this.#link.open();
    if (!opened.ok) return launchFailed(opened.error);
    const cgroups = (this.#cgroups ??= this.#findCgroups());
    const prepared = typeof cgroups === "string" ? undefined : cgroups.prepare(task, limits);
    for (const [file, value] of prepared?.settings ?? []) writeFileSync(file, value);
    this.#link.say({
      type: "start",
      task,
      program,
      ...(prepared && { group: prepared.group, limits: prepared.limits }),
      ...(cutOff && { cutOff }),
    });
    const outcome = await this.#starts.ask(task);
    if (!outcome.ok && prepared !== undefined) {
      await emptyGroup(prepared.group);
      removeGroup(prepared.group);
    }
    return outcome;
  }

  #find(task: string, ended: Ended): "running" | "ended" | "absent" {
    const record = this.#records.get(task);
    if (record === undefined) return "absent";
    this.#awaited.set(task, ended);
    if (record.end === undefined) return "running";
    setImmediate(() => this.#tell(record));
    return "ended";
  }

  #findCgroups(): Cgroups | string {
    return (this.#options.cgroups ?? findCgroups)(this.#name);
  }

  #heard(words: FromShim): void {
    switch (words.type) {
      case "hello":
        return this.#met(words.records);
      case "started":
        this.#records.set(words.record.task, words.record);
        return this.#starts.answer(words.record.task, ok(undefined));
      case "refused":
        return this.#starts.answer(words.task, fail(refusal(words.code, words.message)));
      case "ended":
        return this.#tell(words.record);
      case "collected":
        this.#records.delete(words.task);
        return this.#collects.answer(words.task, ok(undefined));
      case "ran": {
        const { id, exitCode, failure = "it ended" } = words;
        return this.#runs.answer(id, exitCode === undefined ? fail(failure) : ok(exitCode));
      }
    }
  }

  /** A shim that takes over from one that died knows of all that was started, and of what ended meanwhile. */
  #met(records: readonly TaskRecord[]): void {
    this.#records = new Map(records.map((record) => [record.task, record]));
    this.#starts.answerAll((task) =>
      this.#records.has(task) ? ok(undefined) : launchFailed("the shim died before it started the task"),
    );
    for (const record of records) this.#tell(record);
  }

  /** Told once, however often the shim says it. */
  #tell(record: TaskRecord): void {
    const { task, end } = record;
    this.#records.set(task, record);
    if (end === undefined) return;
    const ended = this.#awaited.get(task);
    this.#awaited.delete(task);
    ended?.(end);
  }

  /** Its tasks run on without a parent; another shim looks after them, and knows which launches came through. */
  #shimLost(): void {
    this.#runs.answerAll(() => fail("the shim died"));
    this.#collects.answerAll(() => fail("the shim died"));
    if (this.#awaited.size > 0) void this.#replaceShim();
  }

  async #replaceShim(): Promise<void> {
    const opened = await this.#link.open();
    if (!opened.ok) this.#again = setTimeout(() => void this.#replaceShim(), againMs);
  }
}

const launchFailed = (message: string): Outcome => fail({ reason: "launch-failed", message });

/** What `spawn` can say though all was looked at before: the task's user may not do what the agent may. */
function refusal(code: string, message: string): LaunchFailure {
  if (code === "ENOENT") return { reason: "command-missing", message: `command not found: ${message}` };
  if (code === "EACCES")
    return { reason: "not-allowed", message: `not allowed to the task's user: ${message}` };
  return { reason: "launch-failed", message };
}
