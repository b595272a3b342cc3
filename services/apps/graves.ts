import type { KillOrder } from "#libs/framework/scheduler.js";
import type { Outbox } from "./outbox.js";
import { type Tombstone, tombstoneKey } from "./record.js";

/**
 * Tasks of apps that are gone, which nobody could reach when these went: they end when they turn up. That they belong to
 * something deleted is stored; nothing is ended because it is merely unknown.
 */
export class Graves {
  readonly #outbox: Outbox;
  readonly #appOf = new Map<string, string>();
  readonly #tasksOf = new Map<string, Set<string>>();

  constructor(tombstones: readonly Tombstone[], outbox: Outbox) {
    this.#outbox = outbox;
    for (const { id, tasks } of tombstones) this.#add(id, tasks);
  }

  has = (task: string): boolean => this.#appOf.has(task);

  kills = (): KillOrder[] => Array.from(this.#appOf.keys(), (task) => ({ task }));

  bury(id: string, tasks: readonly string[]): void {
    this.#add(id, tasks);
    this.#store(id);
  }

  ended(task: string): void {
    const id = this.#appOf.get(task);
    if (id === undefined) return;
    this.#appOf.delete(task);
    this.#tasksOf.get(id)?.delete(task);
    this.#store(id);
  }

  #add(id: string, tasks: readonly string[]): void {
    const grave = this.#tasksOf.get(id) ?? new Set();
    this.#tasksOf.set(id, grave);
    for (const task of tasks) {
      grave.add(task);
      this.#appOf.set(task, id);
    }
  }

  #store(id: string): void {
    const tasks = [...(this.#tasksOf.get(id) ?? [])];
    if (tasks.length > 0) return this.#outbox.store(tombstoneKey(id), { id, tasks });
    this.#tasksOf.delete(id);
    this.#outbox.remove(tombstoneKey(id));
  }
}
