import { type CatalogEntry, entryFingerprint } from "#libs/core/catalog-entry.js";
import type { Catalog } from "#libs/ports/catalog.js";
import { fail, ok, type Result } from "#protocol/result.js";

/** A service registry in memory. A scenario takes it away, has it forget everything, and reads what it holds. */
export class SimCatalog implements Catalog {
  readonly fingerprint = entryFingerprint;
  readonly #entries = new Map<string, CatalogEntry>();
  #isAway = false;

  /** Until `comeBack` nothing can be asked of it. What it holds stays. */
  goAway(): void {
    this.#isAway = true;
  }

  comeBack(): void {
    this.#isAway = false;
  }

  /** Like a registry that keeps nothing on disk and is started again. */
  forgetAll(): void {
    this.#entries.clear();
  }

  /** What anybody can look up, sorted by id. */
  entries(): CatalogEntry[] {
    return [...this.#entries.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** A name's entries whose checks do not say that they are ill: what DNS would answer. */
  healthy(name: string): CatalogEntry[] {
    return this.entries().filter((entry) => entry.name === name && entry.check?.healthy !== false);
  }

  async list(prefix: string): Promise<Result<ReadonlyMap<string, string>, string>> {
    const mine = this.entries().filter(({ id }) => id.startsWith(prefix));
    return this.#answer(() => new Map(mine.map((entry) => [entry.id, this.fingerprint(entry)])));
  }

  async register(entry: CatalogEntry): Promise<Result<void, string>> {
    return this.#answer(() => void this.#entries.set(entry.id, entry));
  }

  async deregister(id: string): Promise<Result<void, string>> {
    return this.#answer(() => void this.#entries.delete(id));
  }

  async tell(id: string, healthy: boolean): Promise<Result<void, string>> {
    if (this.#isAway) return this.#answer(() => undefined);
    const entry = this.#entries.get(id);
    if (entry?.check === undefined) return fail(`the registry has no check to be told of ${id}`);
    this.#entries.set(id, { ...entry, check: { kind: "told", healthy } });
    return ok(undefined);
  }

  #answer<T>(value: () => T): Result<T, string> {
    return this.#isAway ? fail("the registry does not answer") : ok(value());
  }
}
