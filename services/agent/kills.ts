import type { TaskReason } from "#protocol/task.js";
import { DueTimes } from "#libs/core/due-times.js";
import type { Instant } from "#libs/core/time.js";
import type { AgentEffect } from "./events.js";
import { hasEnded, type Task } from "./task.js";
import type { Tasks } from "./tasks.js";

/** Between the record and SIGTERM stands the registry: others must not find the task any more. */
type Stage = "recording" | "withdrawing" | "asked" | "forced";

interface Kill {
  readonly task: Task;
  graceMs: number;
  stage: Stage;
  /** When SIGTERM was sent, mono. */
  askedAt: number;
}

export interface KillOrder {
  readonly reason: TaskReason;
  /** In words: who wants it, or why. */
  readonly message: string;
  /** From SIGTERM to SIGKILL; the task's own unless given. */
  readonly graceMs?: number;
}

export interface KillsOptions {
  readonly emit: (effect: AgentEffect) => void;
  readonly tasks: Pick<Tasks, "markKilled">;
  /** Nobody finds the task in the registry any more. */
  readonly isWithdrawn: (task: string) => boolean;
}

export const defaultGraceMs = 5000;
/** A registry that does not answer holds no kill up for longer. */
const withdrawMaxMs = 1000;
/** SIGKILL is sent again until the end is seen. */
const repeatMs = 5000;

/**
 * Ends of tasks that somebody asked for:
 *
 *   recorded → out of the registry → SIGTERM → (grace) → SIGKILL, again and again
 *
 * - K1 No signal before the wish is in the journal: after our own death we know that the end was wanted.
 * - K2 A repeated kill only shortens the grace, which counts from the first SIGTERM.
 * - K3 A kill stands until the task has ended.
 */
export class Kills {
  readonly #options: KillsOptions;
  readonly #kills = new Map<string, Kill>();
  readonly #due = new DueTimes<string>();

  constructor(options: KillsOptions) {
    this.#options = options;
  }

  ask(at: Instant, task: Task, order: KillOrder): void {
    if (hasEnded(task)) return;
    const graceMs = order.graceMs ?? task.spec.killGraceMs ?? defaultGraceMs;
    const known = this.#kills.get(task.spec.id);
    if (known !== undefined) return this.#shorten(at, known, graceMs);
    const kill: Kill = { task, graceMs, stage: "recording", askedAt: at.mono };
    this.#kills.set(task.spec.id, kill);
    if (task.latest.state === "killing") this.#withdraw(at, kill);
    else this.#options.tasks.markKilled(at, task, order, (written) => this.#withdraw(written, kill));
  }

  /** The task can be reached only now (it was being launched, or looked for): what was sent before may have been lost. */
  reached(task: Task): void {
    const kill = this.#kills.get(task.spec.id);
    if (kill?.stage === "asked" || kill?.stage === "forced") this.#signal(kill);
  }

  withdrawn(at: Instant, task: string): void {
    const kill = this.#kills.get(task);
    if (kill?.stage === "withdrawing") this.#askToEnd(at, kill);
  }

  taskChanged(task: Task): void {
    if (task.phase !== "ended") return;
    this.#kills.delete(task.spec.id);
    this.#due.delete(task.spec.id);
  }

  tick(at: Instant): void {
    for (const id of this.#due.take(at.mono)) {
      const kill = this.#kills.get(id)!;
      if (kill.stage === "withdrawing") this.#askToEnd(at, kill);
      else this.#force(at, kill);
    }
  }

  nextDeadline(): number {
    return this.#due.earliest();
  }

  #shorten(at: Instant, kill: Kill, graceMs: number): void {
    if (graceMs >= kill.graceMs) return;
    kill.graceMs = graceMs;
    if (kill.stage !== "asked") return;
    if (kill.askedAt + graceMs <= at.mono) this.#force(at, kill);
    else this.#due.set(kill.task.spec.id, kill.askedAt + graceMs);
  }

  #withdraw(at: Instant, kill: Kill): void {
    if (hasEnded(kill.task)) return;
    kill.stage = "withdrawing";
    if (this.#options.isWithdrawn(kill.task.spec.id)) this.#askToEnd(at, kill);
    else this.#due.set(kill.task.spec.id, at.mono + withdrawMaxMs);
  }

  #askToEnd(at: Instant, kill: Kill): void {
    if (kill.graceMs === 0) return this.#force(at, kill);
    kill.stage = "asked";
    kill.askedAt = at.mono;
    this.#due.set(kill.task.spec.id, at.mono + kill.graceMs);
    this.#signal(kill);
  }

  #force(at: Instant, kill: Kill): void {
    kill.stage = "forced";
    this.#due.set(kill.task.spec.id, at.mono + repeatMs);
    this.#signal(kill);
  }

  #signal({ task, stage }: Kill): void {
    const { id, workload } = task.spec;
    this.#options.emit({ type: "signalTask", kind: workload.kind, task: id, force: stage === "forced" });
  }
}
