import type { StatusBatch } from "#protocol/status.js";
import type { TaskUpdate } from "#protocol/task.js";
import { canFollow } from "#libs/core/task-state.js";
import type { Breach } from "./breaches.js";

/**
 * R4 States of a task only move forward, and one number means one update. R5 What an agent has recorded comes to the stream, in
 * order: the first time that a number is seen, it is higher than all before.
 */
export class UpdatesRule {
  readonly #breach: Breach;
  readonly #latest = new Map<string, TaskUpdate>();
  readonly #seen = new Set<string>();

  constructor(breach: Breach) {
    this.#breach = breach;
  }

  /** A batch comes to the stream, perhaps again. */
  came({ updates }: StatusBatch): void {
    for (const update of updates) this.#moves(update);
  }

  /** The last state that the stream has got of a task. */
  stateOf(task: string): TaskUpdate["state"] | undefined {
    return this.#latest.get(task)?.state;
  }

  hasCome({ task, number }: Pick<TaskUpdate, "task" | "number">): boolean {
    return this.#seen.has(`${task} ${number}`);
  }

  #moves(update: TaskUpdate): void {
    const { task, number, state } = update;
    const last = this.#latest.get(task);
    if (last !== undefined && number === last.number && state !== last.state)
      this.#breach(`R4: update ${number} of task ${task} says ${last.state}, then ${state}`);
    if (last !== undefined && number < last.number && !this.hasCome(update))
      this.#breach(`R5: update ${number} of task ${task} comes after ${last.number}`);
    this.#seen.add(`${task} ${number}`);
    if (last !== undefined && number <= last.number) return;
    if (last !== undefined && state !== last.state && !canFollow(last.state, state))
      this.#breach(`R4: task ${task} goes from ${last.state} to ${state}`);
    this.#latest.set(task, update);
  }
}
