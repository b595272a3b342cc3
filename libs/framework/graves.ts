import { type Static, Type } from "typebox";
import { codec } from "#protocol/codec.js";
import { encodeId } from "#protocol/ids.js";
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
  readonly #graves = new Map<string, { readonly at: number; readonly tasks: Set<string> }>();

  constructor(loaded: readonly Tombstone[], outbox: Outbox) {
    this.#outbox = outbox;
    for (const tombstone of loaded) this.#add(tombstone);
  }

  has = (task: string): boolean => this.#idOf.has(task);

  kills = (): KillOrder[] => Array.from(this.#idOf.keys(), (task) => ({ task }));

  /** Beside those of the same id that are there already. `then`: it is stored. */
  bury(tombstone: Tombstone, then?: () => void): void {
    this.#add(tombstone);
    this.#store(tombstone.id, then);
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

  #add({ id, at, tasks }: Tombstone): void {
    const before = this.#graves.get(id)?.tasks ?? [];
    this.#graves.set(id, { at, tasks: new Set([...before, ...tasks]) });
    for (const task of tasks) this.#idOf.set(task, id);
  }

  #store(id: string, then?: () => void): void {
    const grave = this.#graves.get(id);
    if (grave === undefined) return;
    this.#outbox.store(tombstoneKey(id), { id, at: grave.at, tasks: [...grave.tasks] }, then);
  }
}
