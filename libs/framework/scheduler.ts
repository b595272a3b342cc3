import type { Draining, Need } from "#protocol/framework.js";
import type { Offer } from "#protocol/offer.js";
import type { TaskSpec, TaskState, TaskUpdate } from "#protocol/task.js";
import type { Instant } from "#libs/core/time.js";

/**
 * What a framework author writes: a policy that the SDK asks. All calls are synchronous and come one at a time; the SDK does
 * the rest: subscribing, suppressing when nothing is needed, storing before launching, retrying kills, reconciling.
 */
export interface Scheduler {
  /** What is wanted now; empty: nothing, and the SDK suppresses offers by itself. Asked after every event. */
  needs(at: Instant): readonly Need[];
  /** Which tasks to launch with which of these offers; several launches may name one offer. What is not used is declined. */
  place(at: Instant, offers: readonly Offer[], ids: TaskIds): readonly Launch[];
  /** Tasks that shall end; none unless given. Asked after every event; naming one again is free, the SDK sees it through. */
  kills?(at: Instant): readonly KillOrder[];
  /**
   * A task has come (also on taking over: once for each task known), changed, or gone to a last phase. "hold": something has
   * to be stored first: the update is acknowledged, and an ended task let go, only when it is `released` (service.ts).
   */
  taskChanged(at: Instant, task: FrameworkTask): void | "hold";
  /** Monotonic ms at which the answers above may change without an event; `never`, as unless given, when they do not. */
  nextDeadline?(): number;
}

export interface Launch {
  readonly offer: Offer;
  /** Their ids come from `TaskIds`; their resources together fit the offer. */
  readonly tasks: readonly TaskSpec[];
}

export interface KillOrder {
  readonly task: string;
  /** The task's own grace unless given. */
  readonly graceMs?: number;
}

export interface TaskIds {
  /** A new id `<prefix>.<epoch>-<n>`, never used again. `prefix`: letters, digits, `_`, `-`, `.` (others become `_`). */
  next(prefix: string): string;
}

/**
 * launching: stored and sent, not yet answered; then the states that the agent reports. Two more last phases:
 * refused: the agent did not take it, `message` says why; lost: its agent does not know it, or is gone.
 */
export type TaskPhase = "launching" | TaskState | "refused" | "lost";

/** A task as it is known: an immutable picture, a new one with each change. */
export interface FrameworkTask {
  readonly spec: TaskSpec;
  /** 1, 2, …: how often it changed in this term. */
  readonly change: number;
  readonly agent: string;
  readonly host: string;
  readonly phase: TaskPhase;
  readonly launchedAt: Instant;
  /** Monotonic ms since when its agent is unreachable; undefined while it is not. */
  readonly unreachableSince?: number;
  /**
   * Defined while an operator wants its agent empty: no offers come from there, and the task is to be moved when it suits you: launch
   * another one, and name this one in `kills` when that one serves. What is still there at `deadlineAt` (wall ms) is ended by its
   * agent: phase `killed`, reason `drained`. A task that is not moved goes on until then; without a deadline, until it ends.
   */
  readonly draining?: Draining;
  readonly latest?: TaskUpdate;
  /** Wall ms, by the clock of its agent; undefined until it has run. */
  readonly startedAt?: number;
  /** Why it was refused or lost. */
  readonly message?: string;
}

export const isLast = (phase: TaskPhase): boolean =>
  phase === "finished" || phase === "failed" || phase === "killed" || phase === "refused" || phase === "lost";

/** Why it has ended, for people: `exited with code 3`, or what the agent says. */
export function endText({ phase, message, latest }: FrameworkTask): string {
  if (message !== undefined) return message;
  if (latest?.message !== undefined) return latest.message;
  if (latest?.exitCode !== undefined) return `exited with code ${latest.exitCode}`;
  if (latest?.signal !== undefined) return `ended by ${latest.signal}`;
  return latest?.reason ?? phase;
}
