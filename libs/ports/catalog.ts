import type { Result } from "#protocol/result.js";

/** One entry of the service registry. */
export interface CatalogEntry {
  /** Begins with the prefix of its agent. */
  readonly id: string;
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly tags: readonly string[];
  readonly meta: Readonly<Record<string, string>>;
  readonly check?: CatalogCheck;
}

/** `told`: the agent says when it changes; the others are asked by the registry itself. */
export type CatalogCheck =
  | { readonly kind: "http"; readonly url: string; readonly intervalMs: number; readonly timeoutMs: number }
  | {
      readonly kind: "tcp";
      readonly address: string;
      readonly intervalMs: number;
      readonly timeoutMs: number;
    }
  | { readonly kind: "told"; readonly healthy: boolean };

/** The service registry: a projection of what agents run. Failures in words. */
export interface Catalog {
  /** What the registry has under the prefix: ids, and the fingerprint of each as it is there now, health of `told` checks included. */
  list(prefix: string): Promise<Result<ReadonlyMap<string, string>, string>>;
  register(entry: CatalogEntry): Promise<Result<void, string>>;
  /** Safe for one that is not there. */
  deregister(id: string): Promise<Result<void, string>>;
  /** Of a `told` check. */
  tell(id: string, healthy: boolean): Promise<Result<void, string>>;
  /** Of an entry, as `list` gives it: equal entries have equal ones, others have others. */
  fingerprint(entry: CatalogEntry): string;
}

/** The same text for equal entries, whatever the order of their keys. What a `told` check says is no part of it. */
export function entryText({ id, name, address, port, tags, meta, check }: CatalogEntry): string {
  const sorted = (fields: object) => Object.entries(fields).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const asked = check?.kind === "told" ? { kind: check.kind } : (check ?? {});
  return JSON.stringify([id, name, address, port, tags, sorted(meta), sorted(asked)]);
}
