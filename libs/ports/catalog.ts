import type { CatalogEntry } from "#libs/core/catalog-entry.js";
import type { Result } from "#protocol/result.js";

/** The service registry: a projection of what agents run. Failures in words. */
export interface Catalog {
  /** What the registry has under the prefix: ids, and the fingerprint of each as it is there now, what their checks were told included. */
  list(prefix: string): Promise<Result<ReadonlyMap<string, string>, string>>;
  register(entry: CatalogEntry): Promise<Result<void, string>>;
  /** Safe for one that is not there. */
  deregister(id: string): Promise<Result<void, string>>;
  /** Of an entry with a check. */
  tell(id: string, healthy: boolean): Promise<Result<void, string>>;
  /** Of an entry, as `list` gives it: equal entries have equal ones, others have others. */
  fingerprint(entry: CatalogEntry): string;
}
