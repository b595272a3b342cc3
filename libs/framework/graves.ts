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
  readonly #untold: Set<string>;
  readonly #graves = new Map<string, Grave>();

  /** What is loaded is kept until it is let go: records that it covers may have been left over. */
  constructor(loaded: readonly Tombstone[], outbox: Outbox) {
    this.#outbox = outbox;
    for (const tombstone of loaded) Object.assign(this.#add(tombstone), { isStored: true, isKept: true });
    this.#untold = new Set(this.#idOf.keys());
  }

  /** A task came or changed: whether it lies here, and so is nobody's any more. */
  has(task: string): boolean {
    this.#untold.delete(task);
    return this.#idOf.has(task);
  }

  /** Every stored task has been told of: of what was not, the end was acknowledged before it could be noted here. */
  begin(): void {
    for (const task of this.#untold) this.ended(task);
    this.#untold.clear();
  }

  /** When that was deleted last, wall ms; undefined when nothing of it is left. */
  deletedAt = (id: string): number | undefined => this.#graves.get(id)?.at;

  /** Of those whose tombstone is stored. */
  kills(): KillOrder[] {
    const stored = [...this.#graves.values()].filter(({ isStored }) => isStored);
    return stored.flatMap(({ tasks }) => Array.from(tasks, (task) => ({ task })));
  }

  /**
   * Beside those of the same id that are there already. `stored` is called when it is. `isKept`: it stays, even without tasks, until
   * it is let go, since there are records to be removed that it covers.
   */
  bury(tombstone: Tombstone, { isKept = false, stored: tell }: BuryOptions = {}): void {
    const grave = this.#add(tombstone);
    grave.isKept ||= isKept;
    this.#store(tombstone.id, (stored) => {
      grave.isStored = true;
      tell?.(stored);
    });
  }

  /** A buried task has ended: the tombstone goes with its last one. */
  ended(task: string): void {
    const id = this.#idOf.get(task);
    if (id === undefined) return;
    this.#idOf.delete(task);
    this.#graves.get(id)?.tasks.delete(task);
    if (!this.#tidy(id)) this.#store(id);
  }

  /** The records that it covers are gone. */
  letGo(id: string): void {
    const grave = this.#graves.get(id);
    if (grave === undefined) return;
    grave.isKept = false;
    this.#tidy(id);
  }

  #tidy(id: string): boolean {
    const grave = this.#graves.get(id);
    if (grave === undefined || grave.isKept || grave.tasks.size > 0) return false;
    this.#graves.delete(id);
    this.#outbox.remove(tombstoneKey(id));
    return true;
  }

  #add({ id, at, tasks }: Tombstone): Grave {
    const grave = this.#graves.get(id) ?? { at, tasks: new Set(), isStored: false, isKept: false };
    grave.at = at;
    this.#graves.set(id, grave);
    for (const task of tasks) grave.tasks.add(task);
    for (const task of tasks) this.#idOf.set(task, id);
    return grave;
  }

  #store(id: string, then?: (at: Instant) => void): void {
    const grave = this.#graves.get(id);
    if (grave === undefined) return;
    this.#outbox.store(tombstoneKey(id), { id, at: grave.at, tasks: [...grave.tasks] }, then);
  }
}

export interface BuryOptions {
  readonly isKept?: boolean;
  readonly stored?: (at: Instant) => void;
}

interface Grave {
  at: number;
  readonly tasks: Set<string>;
  isStored: boolean;
  isKept: boolean;
}
