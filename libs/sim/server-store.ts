import type { BucketConfig, Entry } from "#libs/ports/store.js";
import type { SeededRandom } from "./random.js";

interface Bucket {
  identity: string;
  readonly ttlMs: number | undefined;
  readonly entries: Map<string, Entry & { readonly writtenAt: number }>;
  revision: number;
}

/** Buckets on the server's side. Each call is one step that nobody interrupts. */
export class ServerStore {
  readonly #now: () => number;
  readonly #random: SeededRandom;
  readonly #buckets = new Map<string, Bucket>();

  constructor(now: () => number, random: SeededRandom) {
    this.#now = now;
    this.#random = random;
  }

  ensure({ name, ttlMs }: BucketConfig): { readonly identity: string } {
    let bucket = this.#buckets.get(name);
    if (bucket === undefined) {
      bucket = { identity: this.#random.token(16), ttlMs, entries: new Map(), revision: 0 };
      this.#buckets.set(name, bucket);
    }
    return { identity: bucket.identity };
  }

  /** For scenarios: an operator's mistake, or a disk that was lost. */
  drop(name: string): void {
    this.#known(name);
    this.#buckets.delete(name);
  }

  /** For scenarios: an operator empties it from outside, its identity included (`nats kv purge`, a purged stream). Revisions go on. */
  empty(name: string): void {
    const bucket = this.#known(name);
    bucket.entries.clear();
    bucket.identity = this.#random.token(16);
  }

  clear(): void {
    this.#buckets.clear();
  }

  get(bucket: string, key: string): Entry | undefined | "unavailable" {
    const found = this.#buckets.get(bucket);
    return found === undefined ? "unavailable" : this.#live(found, key);
  }

  entries(bucket: string): Entry[] | "unavailable" {
    const found = this.#buckets.get(bucket);
    if (found === undefined) return "unavailable";
    return [...found.entries.keys()].flatMap((key) => this.#live(found, key) ?? []);
  }

  put(bucket: string, key: string, bytes: Uint8Array, expected: number): number | "conflict" | "unavailable" {
    const found = this.#buckets.get(bucket);
    if (found === undefined) return "unavailable";
    if ((this.#live(found, key)?.revision ?? 0) !== expected) return "conflict";
    const revision = ++found.revision;
    // At the end of the order, as a stream has it.
    found.entries.delete(key);
    found.entries.set(key, { key, bytes, revision, writtenAt: this.#now() });
    return revision;
  }

  remove(bucket: string, key: string, expected: number): "removed" | "conflict" | "unavailable" {
    const found = this.#buckets.get(bucket);
    if (found === undefined) return "unavailable";
    const entry = this.#live(found, key);
    if (entry !== undefined && entry.revision !== expected) return "conflict";
    found.entries.delete(key);
    return "removed";
  }

  #known(name: string): Bucket {
    const bucket = this.#buckets.get(name);
    if (bucket !== undefined) return bucket;
    throw new Error(`no bucket ${name}: there are ${[...this.#buckets.keys()].join(", ") || "none"}`);
  }

  #live({ entries, ttlMs }: Bucket, key: string): Entry | undefined {
    const entry = entries.get(key);
    if (entry === undefined) return undefined;
    if (ttlMs === undefined || this.#now() - entry.writtenAt < ttlMs)
      return { key, bytes: entry.bytes, revision: entry.revision };
    entries.delete(key);
    return undefined;
  }
}
