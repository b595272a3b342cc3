import { canFollow, isTerminal } from "#libs/core/task-state.js";
import type { Instant } from "#libs/core/time.js";
import type { Draining } from "#protocol/framework.js";
import type { TaskUpdate } from "#protocol/task.js";
import type { Deliveries, Delivery } from "./deliveries.js";
import type { Held } from "./events.js";
import { type FrameworkTask, isLast, type Scheduler, type TaskPhase } from "./scheduler.js";

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

export type TaskPatch = Partial<Mutable<Pick<FrameworkTask, "phase" | "latest" | "startedAt" | "message">>>;

export interface TasksOptions {
  readonly scheduler: Pick<Scheduler, "taskChanged">;
  readonly deliveries: Deliveries;
  readonly letGo: (task: FrameworkTask) => void;
  /** Of an agent that is to be empty. */
  readonly drainingOf: (agent: string) => Draining | undefined;
}

interface Hold {
  readonly change: number;
  readonly delivery: Delivery | undefined;
}

/**
 * All tasks of the framework that are not let go, and what the scheduler was told of them.
 *
 * - T1 Every change is told to the scheduler once, in order, as a new picture.
 * - T2 A last phase is final (R4).
 * - T3 A task is let go once it is in a last phase and nothing of it is held.
 */
export class Tasks {
  readonly all = new Map<string, FrameworkTask>();
  readonly #onAgent = new Map<string, Set<string>>();
  readonly #holds = new Map<string, Hold[]>();
  readonly #scheduler: Pick<Scheduler, "taskChanged">;
  readonly #deliveries: Deliveries;
  readonly #letGo: (task: FrameworkTask) => void;
  readonly #drainingOf: (agent: string) => Draining | undefined;

  constructor({ scheduler, deliveries, letGo, drainingOf }: TasksOptions) {
    this.#scheduler = scheduler;
    this.#deliveries = deliveries;
    this.#letGo = letGo;
    this.#drainingOf = drainingOf;
  }

  onAgent(agent: string): ReadonlySet<string> {
    return this.#onAgent.get(agent) ?? nothing;
  }

  agents(): Iterable<string> {
    return this.#onAgent.keys();
  }

  come(at: Instant, task: Omit<FrameworkTask, "change">): void {
    const { id } = task.spec;
    const there = this.#onAgent.get(task.agent);
    if (there === undefined) this.#onAgent.set(task.agent, new Set([id]));
    else there.add(id);
    const draining = this.#drainingOf(task.agent);
    this.#tell(at, { ...task, ...(draining && { draining }), change: 1 });
  }

  change(at: Instant, id: string, patch: TaskPatch, delivery?: Delivery): void {
    const task = this.all.get(id);
    if (task === undefined || isLast(task.phase)) return;
    this.#tell(at, patched(task, patch), delivery);
  }

  /** Only a higher number counts, and only a step forward (R4). False when it does not. */
  update(at: Instant, update: TaskUpdate, startedAt?: number, delivery?: Delivery): boolean {
    const task = this.all.get(update.task);
    if (task === undefined || !isStep(task.phase, update) || update.number <= (task.latest?.number ?? 0))
      return false;
    const started = task.startedAt ?? startedAt ?? (update.state === "running" ? update.at : undefined);
    const patch: TaskPatch = { phase: update.state, latest: update };
    if (started !== undefined) patch.startedAt = started;
    this.change(at, update.task, patch, delivery);
    return true;
  }

  /** `since`: monotonic ms since when the agent is unreachable; undefined: it is back. */
  reach(at: Instant, agent: string, since: number | undefined): void {
    for (const id of this.onAgent(agent)) {
      const { unreachableSince, ...task } = this.all.get(id)!;
      if (isLast(task.phase) || unreachableSince === since) continue;
      this.#tell(at, {
        ...task,
        ...(since !== undefined && { unreachableSince: since }),
        change: task.change + 1,
      });
    }
  }

  /** The agent is to be empty; undefined: not any more. */
  drain(at: Instant, agent: string, draining: Draining | undefined): void {
    for (const id of this.onAgent(agent)) {
      const { draining: before, ...task } = this.all.get(id)!;
      if (isLast(task.phase) || isSame(before, draining)) continue;
      this.#tell(at, { ...task, ...(draining && { draining }), change: task.change + 1 });
    }
  }

  release({ task: id, change }: Held): void {
    const holds = this.#holds.get(id);
    if (holds === undefined) return;
    const kept = holds.filter((hold) => hold.change > change);
    for (const { change: held, delivery } of holds)
      if (held <= change && delivery !== undefined) this.#deliveries.done(delivery);
    if (kept.length > 0) this.#holds.set(id, kept);
    else this.#holds.delete(id);
    this.#letGoOf(this.all.get(id)!);
  }

  #tell(at: Instant, task: FrameworkTask, delivery?: Delivery): void {
    this.all.set(task.spec.id, task);
    if (this.#scheduler.taskChanged(at, task) === "hold") this.#hold(task, delivery);
    else this.#letGoOf(task);
  }

  #hold(task: FrameworkTask, delivery: Delivery | undefined): void {
    if (delivery !== undefined) delivery.waiting++;
    const holds = this.#holds.get(task.spec.id);
    const hold = { change: task.change, delivery };
    if (holds === undefined) this.#holds.set(task.spec.id, [hold]);
    else holds.push(hold);
  }

  #letGoOf(task: FrameworkTask): void {
    const { id } = task.spec;
    if (!isLast(task.phase) || this.#holds.has(id)) return;
    this.all.delete(id);
    const there = this.#onAgent.get(task.agent);
    there?.delete(id);
    if (there?.size === 0) this.#onAgent.delete(task.agent);
    this.#letGo(task);
  }
}

const nothing: ReadonlySet<string> = new Set();

/** Each name by itself: several times as fast as spreading both, and done for every step of every task. */
function patched(task: FrameworkTask, { phase, latest, startedAt, message }: TaskPatch): FrameworkTask {
  const next: Mutable<FrameworkTask> = { ...task, change: task.change + 1 };
  if (phase !== undefined) next.phase = phase;
  if (latest !== undefined) next.latest = latest;
  if (startedAt !== undefined) next.startedAt = startedAt;
  if (message !== undefined) next.message = message;
  return next;
}

const isSame = (a: Draining | undefined, b: Draining | undefined): boolean =>
  (a === undefined) === (b === undefined) && a?.deadlineAt === b?.deadlineAt;

function isStep(phase: TaskPhase, { state }: TaskUpdate): boolean {
  if (phase === "launching") return true;
  if (phase === "refused" || phase === "lost") return false;
  return phase === state ? !isTerminal(state) : canFollow(phase, state);
}
