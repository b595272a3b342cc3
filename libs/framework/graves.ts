import { type Static, Type } from "typebox";
import { codec } from "#protocol/codec.js";
import { encodeId } from "#protocol/ids.js";
import type { Instant } from "#libs/core/time.js";
import type { Outbox } from "./outbox.js";
import type { KillOrder } from "./scheduler.js";

/** Stored under `deleted.<id>`: what was deleted, and those of its tasks that are not known to have ended. */
export const Tombstone = Type.Object({
  id: Type.String(),
  at: Type.Number({ description: "wall ms" }),
  tasks: Type.Array(Type.String()),
});
export type Tombstone = Static<typeof Tombstone>;

export const tombstones = codec(Tombstone);
export const tombstoneKey = (id: string): string => `deleted.${encodeId(id)}`;

/**
 * Tasks of what was deleted, which nobody could reach then: they end when they turn up. That they belong to something
 * deleted is stored; nothing is ended because it is merely unknown.
 */
export class Graves {
  readonly #outbox: Outbox;
  readonly #idOf = new Map<string, string>();
  readonly #graves = new Map<string, Grave>();

  constructor(loaded: readonly Tombstone[], outbox: Outbox) {
    this.#outbox = outbox;
    for (const tombstone of loaded) this.#add(tombstone).isStored = true;
  }

  has = (task: string): boolean => this.#idOf.has(task);

  /** When that was deleted last, wall ms; undefined when nothing of it is left. */
  deletedAt = (id: string): number | undefined => this.#graves.get(id)?.at;

  /** Of those whose tombstone is stored. */
  kills(): KillOrder[] {
    const stored = [...this.#graves.values()].filter(({ isStored }) => isStored);
    return stored.flatMap(({ tasks }) => Array.from(tasks, (task) => ({ task })));
  }

  /** Beside those of the same id that are there already. `then`: it is stored. */
  bury(tombstone: Tombstone, then?: (at: Instant) => void): void {
    const grave = this.#add(tombstone);
    this.#store(tombstone.id, (stored) => {
      grave.isStored = true;
      then?.(stored);
    });
  }

  /** A buried task has ended: the tombstone goes with its last one. */
  ended(task: string): void {
    const id = this.#idOf.get(task);
    if (id === undefined) return;
    this.#idOf.delete(task);
    this.#graves.get(id)?.tasks.delete(task);
    this.tidy(id);
  }

  /** Removes the tombstone if nothing lies under it; else stores it as it is. */
  tidy(id: string): void {
    if (this.#graves.get(id)?.tasks.size !== 0) return this.#store(id);
    this.#graves.delete(id);
    this.#outbox.remove(tombstoneKey(id));
  }

  #add({ id, at, tasks }: Tombstone): Grave {
    const before = this.#graves.get(id);
    const all = new Set([...(before?.tasks ?? []), ...tasks]);
    const grave = { at, tasks: all, isStored: before?.isStored ?? false };
    this.#graves.set(id, grave);
    for (const task of tasks) this.#idOf.set(task, id);
    return grave;
  }

  #store(id: string, then?: (at: Instant) => void): void {
    const grave = this.#graves.get(id);
    if (grave === undefined) return;
    this.#outbox.store(tombstoneKey(id), { id, at: grave.at, tasks: [...grave.tasks] }, then);
  }
}

interface Grave {
  readonly at: number;
  readonly tasks: Set<string>;
  isStored: boolean;
}
