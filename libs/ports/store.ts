import type { Result } from "#protocol/result.js";

/** A value and the revision of the bucket at which it was written. */
export interface Entry {
  readonly key: string;
  readonly bytes: Uint8Array;
  readonly revision: number;
}

/**
 * - conflict: the key has another revision than the expected one; nothing was written.
 * - unavailable: no answer; it may or may not have been written.
 */
export type StoreFailure = "conflict" | "unavailable";

export interface BucketConfig {
  readonly name: string;
  /** An entry goes when so long has passed since its last write. None unless given. */
  readonly ttlMs?: number;
  readonly replicas: number;
}

/** Keys and values with compare-and-set. Keys are `[A-Za-z0-9_=./-]+`: encode ids with `encodeId`. One key an entity. */
export interface Store {
  /**
   * Safe to repeat and from several processes. Returns the bucket's identity: one that was made anew, or emptied from outside, has another.
   * Throws when there was no answer for 10 s.
   */
  ensure(config: BucketConfig): Promise<{ readonly identity: string }>;
  get(bucket: string, key: string): Promise<Result<Entry | undefined, StoreFailure>>;
  /** Every entry, at one point in time or later. */
  entries(bucket: string): Promise<Result<Entry[], StoreFailure>>;
  /** `expected`: the revision that the key must have; 0: it must not be there. Returns the new revision. */
  put(
    bucket: string,
    key: string,
    bytes: Uint8Array,
    expected: number,
  ): Promise<Result<number, StoreFailure>>;
  /** Conflict when the key has another revision; a key that is not there is removed. */
  remove(bucket: string, key: string, expected: number): Promise<Result<void, StoreFailure>>;
}
