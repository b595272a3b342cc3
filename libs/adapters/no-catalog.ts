import { type CatalogEntry, entryFingerprint } from "#libs/core/catalog-entry.js";
import type { Catalog } from "#libs/ports/catalog.js";
import { ok, type Result } from "#protocol/result.js";

/**
 * In the place of a registry where there is none: takes everything and shows it to nobody. It remembers what it was given, so
 * that an agent that compares finds nothing to repair.
 */
export class NoCatalog implements Catalog {
  readonly fingerprint = entryFingerprint;
  readonly #entries = new Map<string, CatalogEntry>();

  async list(prefix: string): Promise<Result<ReadonlyMap<string, string>, string>> {
    const mine = [...this.#entries.values()].filter(({ id }) => id.startsWith(prefix));
    return ok(new Map(mine.map((entry) => [entry.id, this.fingerprint(entry)])));
  }

  async register(entry: CatalogEntry): Promise<Result<void, string>> {
    this.#entries.set(entry.id, entry);
    return ok(undefined);
  }

  async deregister(id: string): Promise<Result<void, string>> {
    this.#entries.delete(id);
    return ok(undefined);
  }

  async tell(id: string, healthy: boolean): Promise<Result<void, string>> {
    const entry = this.#entries.get(id);
    if (entry?.check !== undefined) this.#entries.set(id, { ...entry, check: { kind: "told", healthy } });
    return ok(undefined);
  }
}
