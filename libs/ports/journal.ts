/**
 * An agent's durable memory: records in the order of their appending, read once at the start. A record is durable against
 * the death of the process when `append` is done; a record that was cut off by the death is not read.
 */
export interface Journal {
  /** All records since the last `compact`, oldest first. */
  load(): Promise<readonly unknown[]>;
  /**
   * Appends all of them or, if the process dies, a prefix. Throws when the disk takes no more; then none of them count. `sync`: these
   * and all earlier ones survive the death of the host too; without it a loss of power may take the latest, a suffix of all.
   */
  append(records: readonly unknown[], options?: AppendOptions): Promise<void>;
  /** Puts these in the place of all, atomically, and safe from the death of the host. */
  compact(records: readonly unknown[]): Promise<void>;
  /** How many records a `load` would read. */
  readonly length: number;
}

export interface AppendOptions {
  readonly sync?: boolean;
  /** On a full disk it takes the room that is kept for what must be told: how tasks ended, say, but not that more are accepted. */
  readonly mayUseReserve?: boolean;
}
