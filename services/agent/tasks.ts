import type { Session } from "#protocol/offer.js";
import type { TaskReason, TaskSpec, TaskState, TaskUpdate } from "#protocol/task.js";
import type { Instant } from "#libs/core/time.js";
import type { LaunchFailure, LaunchOrder, TaskExit } from "#libs/core/launch.js";
import type { AgentEffect } from "./events.js";
import { hostPortsOf } from "./environment.js";
import type { Recorder } from "./recorder.js";
import { apply, hasEnded, newTask, type Task } from "./task.js";

export interface TasksOptions {
  readonly emit: (effect: AgentEffect) => void;
  readonly recorder: Pick<Recorder, "add">;
  /** The order by which a task is launched, and found again. */
  readonly orderOf: (task: Task) => LaunchOrder;
  /** As whom it runs; undefined: as the agent itself. */
  readonly userOf: (task: Task) => string | undefined;
  /** A task has come or taken a step. */
  readonly changed: (at: Instant, task: Task) => void;
  /** A step is in the journal: its framework may hear of it. */
  readonly recorded: (at: Instant, task: Task, update: TaskUpdate) => void;
}

/** What a step adds to the task, its number and its time. */
export type Step = Omit<TaskUpdate, "task" | "number" | "at">;

export interface Acceptance {
  readonly framework: string;
  readonly role: string;
  readonly session: Session;
  readonly specs: readonly TaskSpec[];
  /** They are in the journal: they are going to be launched. */
  readonly accepted: (at: Instant) => void;
  /** They could not be recorded, so they do not exist. */
  readonly withdrawn: (at: Instant, message: string) => void;
}

/**
 * All tasks of the agent, and the steps of each from its acceptance to its end.
 *
 *   accept → recorded → prepared (sandbox, artifacts, ports) → launched → exited
 *
 * - T1 A task is launched only when it is in the journal, and once.
 * - T2 A task that was asked to end before it was launched is not launched.
 * - T3 Whatever comes about a task that has ended changes nothing (R4).
 */
export class Tasks {
  readonly #options: TasksOptions;
  readonly #tasks = new Map<string, Task>();

  constructor(options: TasksOptions) {
    this.#options = options;
  }

  get(id: string): Task | undefined {
    return this.#tasks.get(id);
  }

  get size(): number {
    return this.#tasks.size;
  }

  all(): IterableIterator<Task> {
    return this.#tasks.values();
  }

  of(framework: string): Task[] {
    return [...this.#tasks.values()].filter((task) => task.framework === framework);
  }

  /** One that was recorded before this process began. */
  restore(task: Task): void {
    this.#tasks.set(task.spec.id, task);
    // The former process may have told somebody of this step, which is never recorded: its number is taken.
    if (task.latest.state === "staging") apply(task, starting(task.latest, task.latest.at));
  }

  forget(id: string): void {
    this.#tasks.delete(id);
  }

  accept(at: Instant, { framework, role, session, specs, accepted, withdrawn }: Acceptance): void {
    const tasks = specs.map((spec) =>
      newTask({ spec, framework, role, session, phase: "recording", acceptedAt: at.wall }),
    );
    for (const task of tasks) {
      this.#tasks.set(task.spec.id, task);
      this.#options.changed(at, task);
    }
    this.#options.recorder.add(
      { type: "accepted", framework, role, session, at: at.wall, tasks: [...specs] },
      (then) => {
        accepted(then);
        for (const task of tasks) this.#prepare(then, task);
      },
      (then, message) => {
        for (const task of tasks) this.#withdraw(then, task);
        withdrawn(then, message);
      },
    );
  }

  prepared(at: Instant, id: string): void {
    const task = this.#tasks.get(id);
    if (task?.phase !== "preparing") return;
    task.phase = "launching";
    this.#options.emit({ type: "launchTask", order: this.#options.orderOf(task) });
  }

  launched(at: Instant, id: string): void {
    const task = this.#tasks.get(id);
    if (task === undefined || task.phase !== "launching") return;
    this.foundAlive(at, task);
  }

  /** It runs: its framework hears of it unless it knows, or wants its end. */
  foundAlive(at: Instant, task: Task): void {
    task.phase = "alive";
    const isNews = task.latest.state === "staging" || task.latest.state === "starting";
    if (isNews) this.step(at, task, { state: "running" });
    else this.#options.changed(at, task);
  }

  /** It never ran. */
  launchFailed(at: Instant, id: string, { reason, message }: LaunchFailure): void {
    const task = this.#tasks.get(id);
    if (task === undefined || hasEnded(task)) return;
    if (task.killReason === undefined) this.step(at, task, { state: "failed", reason, message });
    else this.step(at, task, { state: "killed", reason: task.killReason, message: "before it ran" });
  }

  exited(at: Instant, { task: id, exitCode, signal, reason, message }: TaskExit): void {
    const task = this.#tasks.get(id);
    if (task === undefined || hasEnded(task)) return;
    const killReason = task.killReason ?? (reason === "cut-off" ? reason : undefined);
    const state = endState(killReason, exitCode, reason);
    const words = message ?? (killReason === undefined ? exitWords(exitCode, signal) : task.latest.message);
    this.step(at, task, {
      state,
      reason: killReason ?? reason,
      ...(words !== undefined && { message: words }),
      ...(exitCode !== undefined && { exitCode }),
      ...(signal !== undefined && { signal }),
    });
  }

  /** Asks for its end in the books; `then` when that is recorded. */
  markKilled(
    at: Instant,
    task: Task,
    { reason, message }: { readonly reason: TaskReason; readonly message: string },
    then: (at: Instant) => void,
  ): void {
    const isLaunched = task.phase !== "recording" && task.phase !== "preparing";
    const state: TaskState = isLaunched ? "killing" : "killed";
    this.step(at, task, { state, reason, message: isLaunched ? message : `${message}, before it ran` }, then);
  }

  /** The next update of the task: recorded, and then published. */
  step(at: Instant, task: Task, step: Step, then?: (at: Instant) => void): void {
    const healthy = step.healthy ?? (step.state === "killing" ? task.latest.healthy : undefined);
    const update: TaskUpdate = { task: task.spec.id, number: task.latest.number + 1, at: at.wall, ...step };
    if (healthy !== undefined) update.healthy = healthy;
    if (step.message !== undefined) update.message = step.message.slice(0, messageMax);
    apply(task, update);
    task.unstored.push(update);
    this.#options.recorder.add({ type: "updated", update }, (written) => {
      this.#options.recorded(written, task, update);
      then?.(written);
    });
    this.#options.changed(at, task);
  }

  #prepare(at: Instant, task: Task): void {
    if (task.phase !== "recording") return;
    task.phase = "preparing";
    // Not an update of its own: the accept's answer said as much, and the next step follows within milliseconds.
    apply(task, starting(task.latest, at.wall));
    const { spec } = task;
    this.#options.emit({
      type: "prepareTask",
      task: spec.id,
      // The user of a container is its image's affair.
      user: spec.workload.kind === "container" ? undefined : this.#options.userOf(task),
      artifacts: spec.artifacts ?? [],
      ports: hostPortsOf(spec),
    });
  }

  #withdraw(at: Instant, task: Task): void {
    if (!hasEnded(task)) {
      task.phase = "ended";
      task.endedAt = at.wall;
    }
    task.unstored = [];
    this.#tasks.delete(task.spec.id);
    this.#options.changed(at, task);
  }
}

const messageMax = 2000;

const starting = ({ task, number }: TaskUpdate, at: number): TaskUpdate => ({
  task,
  number: number + 1,
  state: "starting",
  at,
});

function endState(
  killReason: TaskReason | undefined,
  exitCode: number | undefined,
  reason: TaskReason,
): TaskState {
  if (killReason !== undefined) return "killed";
  return exitCode === 0 && reason === "exited" ? "finished" : "failed";
}

function exitWords(exitCode: number | undefined, signal: string | undefined): string {
  if (signal !== undefined) return `ended by ${signal}`;
  return exitCode === undefined ? "it ended; nobody saw how" : `exit code ${exitCode}`;
}
