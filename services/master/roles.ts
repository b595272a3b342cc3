import type { Resources } from "#protocol/resources.js";
import type { RoleRecord } from "./registry.js";

/** Weights and limits. A role that nobody has set anything of has weight 1 and no limit. */
export class Roles {
  readonly #set = new Map<string, RoleRecord>();

  put(record: RoleRecord): void {
    this.#set.set(record.name, record);
  }

  /** False when nothing was set. */
  remove(name: string): boolean {
    return this.#set.delete(name);
  }

  get(name: string): RoleRecord {
    return this.#set.get(name) ?? { name, weight: 1 };
  }

  names(): Iterable<string> {
    return this.#set.keys();
  }
}

/** What a role may still take: of the names of its limit; others have none. */
export function headroom(limit: Resources, charged: Resources): Record<string, number> {
  const left: Record<string, number> = {};
  for (const name in limit.scalars)
    left[name] = Math.max(0, limit.scalars[name]! - (charged.scalars[name] ?? 0));
  return left;
}
