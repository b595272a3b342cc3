import type { Session } from "#protocol/offer.js";
import type { TaskReason, TaskSpec, TaskStatus, TaskUpdate } from "#protocol/task.js";
import { InvariantBroken } from "#libs/core/assert.js";
import { canFollow, isTerminal } from "#libs/core/task-state.js";

/**
 * Where a task is in our hands; its state says what the framework knows.
 *
 * recording → preparing → launching → alive → ended, and recovering → alive | ended after the agent's own death.
 */
export type Phase = "recording" | "preparing" | "launching" | "alive" | "recovering" | "ended";

export interface Task {
  readonly spec: TaskSpec;
  readonly framework: string;
  readonly role: string;
  readonly session: Session;
  phase: Phase;
  latest: TaskUpdate;
  /** Recorded, but not yet known to be in the stream; in their order. */
  unstored: TaskUpdate[];
  /** When it first ran, wall ms. */
  startedAt?: number;
  endedAt?: number;
  /** Why it was asked to end. */
  killReason?: TaskReason;
  /** Its check has found it healthy once. */
  wasHealthy: boolean;
}

export interface TaskStart extends Pick<Task, "spec" | "framework" | "role" | "session"> {
  readonly phase: Phase;
  readonly acceptedAt: number;
}

export const newTask = ({ spec, framework, role, session, phase, acceptedAt }: TaskStart): Task => ({
  spec,
  framework,
  role,
  session,
  phase,
  latest: { task: spec.id, number: 1, state: "staging", at: acceptedAt },
  unstored: [],
  wasHealthy: false,
});

/** Brings the task to what the update says. The only place where a task changes its state (R4). */
export function apply(task: Task, update: TaskUpdate): void {
  const { state, number } = task.latest;
  const follows = canFollow(state, update.state) || (update.state === "running" && state === "running");
  // The words only when they are needed: this is asked for every step.
  if (!follows || update.number <= number)
    throw new InvariantBroken(
      `R4: ${task.spec.id} goes from ${state} (${number}) to ${update.state} (${update.number})`,
    );
  task.latest = update;
  if (update.healthy === true) task.wasHealthy = true;
  if (update.state === "running") task.startedAt ??= update.at;
  if (update.state === "killing" && update.reason !== undefined) task.killReason = update.reason;
  if (isTerminal(update.state)) {
    task.endedAt = update.at;
    task.phase = "ended";
  }
}

/** Far more than a task has updates of which the disk may not have had the last. */
const numbersSkipped = 1_000_000;

/**
 * The host has died: updates that were told may be lost here, the last before the task's end. What is told from now on has numbers
 * above them all, or the framework would take it for what it has heard (R4).
 */
export function skipNumbers(task: Task): void {
  if (hasEnded(task)) return;
  task.latest = { ...task.latest, number: task.latest.number + numbersSkipped };
}

export const hasEnded = ({ latest }: Pick<Task, "latest">): boolean => isTerminal(latest.state);

/** It is going to run, or to fail at that. */
export const isOnItsWay = ({ phase }: Task): boolean =>
  phase === "recording" || phase === "preparing" || phase === "launching";

/** True while it runs and nobody wants its end. */
export const isRunning = ({ latest }: Pick<Task, "latest">): boolean => latest.state === "running";

export const statusOf = (
  task: Task,
  place: { readonly agent: string; readonly host: string },
): TaskStatus => {
  const { framework, role, spec, latest, startedAt, endedAt } = task;
  const status: TaskStatus = { agent: place.agent, host: place.host, framework, role, spec, latest };
  if (startedAt !== undefined) status.startedAt = startedAt;
  if (endedAt !== undefined) status.endedAt = endedAt;
  return status;
};
