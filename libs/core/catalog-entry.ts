/** One entry of the service registry. */
export interface CatalogEntry {
  /** Begins with the prefix of its agent. */
  readonly id: string;
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly tags: readonly string[];
  readonly meta: Readonly<Record<string, string>>;
  /** The agent says when it changes; the registry asks nobody. */
  readonly check?: { readonly kind: "told"; readonly healthy: boolean };
}

/** The same text for equal entries, whatever the order of their keys. What the check says is no part of it, only that there is one. */
export function entryText({ id, name, address, port, tags, meta, check }: CatalogEntry): string {
  const sorted = (fields: object) => Object.entries(fields).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const asked = check === undefined ? {} : { kind: check.kind };
  return JSON.stringify([id, name, address, port, tags, sorted(meta), sorted(asked)]);
}

/** Of an entry as a registry that keeps it whole has it: its text, and what its check says now. */
export function entryFingerprint(entry: CatalogEntry): string {
  const { check } = entry;
  return check === undefined ? entryText(entry) : `${entryText(entry)} ${check.healthy}`;
}
