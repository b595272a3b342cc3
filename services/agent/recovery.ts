import type { ExecutorKind } from "#protocol/task.js";
import { executorKinds } from "#protocol/task.js";
import { type Backoff, backoffMs } from "#libs/core/backoff.js";
import { DueTimes } from "#libs/core/due-times.js";
import type { Instant } from "#libs/core/time.js";
import type { LaunchOrder } from "#libs/core/launch.js";
import type { AgentEffect, Found } from "./events.js";
import type { Kills } from "./kills.js";
import type { Memory } from "./recall.js";
import { skipNumbers, type Task } from "./task.js";
import type { Tasks } from "./tasks.js";

export interface RecoveryOptions {
  readonly emit: (effect: AgentEffect) => void;
  readonly tasks: Tasks;
  readonly kills: Pick<Kills, "reached">;
  readonly orderOf: (task: Task) => LaunchOrder;
  /** Of the host: another one after each of its starts. */
  readonly hostBoot: string;
  /** Each executor has answered, or cannot for now: what the agent holds is known as well as it can be. */
  readonly done: (at: Instant) => void;
}

const again: Backoff = { firstMs: 1000, factor: 2, mostMs: 30_000 };

/**
 * After our own death: finds again what the journal has and what did not end before (R8). What still runs goes on, what ended
 * meanwhile is told with its true exit, what is gone has failed. An executor that cannot answer now (its engine is down) is
 * asked again; its tasks keep what they hold till then.
 */
export class Recovery {
  readonly #options: RecoveryOptions;
  readonly #unanswered = new Set<ExecutorKind>();
  readonly #failures = new Map<ExecutorKind, number>();
  readonly #retries = new DueTimes<ExecutorKind>();
  #hostRestarted = false;
  #isDone = false;

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  /** The journal is read. First of all: whether the host was started anew since counts for the numbers of updates to come. */
  loaded({ hostBoot, tasks }: Pick<Memory, "hostBoot" | "tasks">): void {
    this.#hostRestarted = hostBoot !== undefined && hostBoot !== this.#options.hostBoot;
    if (this.#hostRestarted) tasks.forEach(skipNumbers);
  }

  /** The tasks of before stand where the journal has them. */
  begin(at: Instant): void {
    for (const kind of executorKinds) if (this.#lost(kind).length > 0) this.#unanswered.add(kind);
    for (const kind of this.#unanswered) this.#ask(kind);
    this.#proceed(at);
  }

  recovered(at: Instant, kind: ExecutorKind, found: ReadonlyMap<string, Found>): void {
    for (const task of this.#lost(kind)) this.#resume(at, task, found.get(task.spec.id) ?? "absent");
    this.#failures.delete(kind);
    this.#answered(at, kind);
  }

  failed(at: Instant, kind: ExecutorKind, message: string): void {
    const failures = (this.#failures.get(kind) ?? 0) + 1;
    this.#failures.set(kind, failures);
    this.#retries.set(kind, at.mono + backoffMs(again, failures));
    this.#options.emit({
      type: "note",
      level: "warn",
      message: "an executor cannot say what became of its tasks, asking again",
      fields: { kind, message, tasks: this.#lost(kind).length },
    });
    this.#answered(at, kind);
  }

  tick(at: Instant): void {
    for (const kind of this.#retries.take(at.mono)) this.#ask(kind);
  }

  nextDeadline(): number {
    return this.#retries.earliest();
  }

  #resume(at: Instant, task: Task, found: Found): void {
    const { tasks, kills } = this.#options;
    const { id } = task.spec;
    switch (found) {
      case "running":
        tasks.foundAlive(at, task);
        kills.reached(task);
        return;
      case "ended":
        // Its exit is on its way, with the exit code.
        return;
      case "absent":
        if (hasRun(task)) tasks.exited(at, { task: id, ...this.#loss() });
        else
          tasks.launchFailed(at, id, {
            reason: "never-started",
            message: "the agent ended before it could start it",
          });
    }
  }

  #loss() {
    return this.#hostRestarted
      ? ({ reason: "host-restarted", message: "the host was started anew" } as const)
      : ({ reason: "exit-unknown", message: "nothing of it was found after the agent's restart" } as const);
  }

  #lost(kind: ExecutorKind): Task[] {
    return [...this.#options.tasks.all()].filter(
      (task) => task.phase === "recovering" && task.spec.workload.kind === kind,
    );
  }

  #ask(kind: ExecutorKind): void {
    const orders = this.#lost(kind).map((task) => this.#options.orderOf(task));
    this.#options.emit({ type: "recoverTasks", kind, orders });
  }

  #answered(at: Instant, kind: ExecutorKind): void {
    this.#unanswered.delete(kind);
    this.#proceed(at);
  }

  #proceed(at: Instant): void {
    if (this.#isDone || this.#unanswered.size > 0) return;
    this.#isDone = true;
    this.#options.done(at);
  }
}

const hasRun = ({ startedAt, latest }: Task): boolean =>
  startedAt !== undefined || latest.state === "killing" || latest.state === "running";
