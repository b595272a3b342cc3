import type { BucketConfig, Entry, Store, StoreFailure } from "#libs/ports/store.js";
import { fail, ok, type Result } from "#protocol/result.js";
import type { Calls } from "./calls.js";
import type { SimServer } from "./server.js";

const timeoutMs = 3000;

/** Buckets as one node sees them. */
export class SimStore implements Store {
  readonly #calls: Calls;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  ensure(config: BucketConfig): Promise<{ readonly identity: string }> {
    return this.#calls.manage(`makes bucket ${config.name}`, ({ store }) => ok(store.ensure(config)));
  }

  async get(bucket: string, key: string): Promise<Result<Entry | undefined, StoreFailure>> {
    const found = await this.#step(`gets ${bucket} ${key}`, ({ store }) => ({
      entry: store.get(bucket, key),
    }));
    return found === undefined || found.entry === "unavailable" ? unavailable : ok(found.entry);
  }

  async entries(bucket: string): Promise<Result<Entry[], StoreFailure>> {
    const all = await this.#step(`reads ${bucket}`, ({ store }) => store.entries(bucket));
    return all === undefined || all === "unavailable" ? unavailable : ok(all);
  }

  async put(
    bucket: string,
    key: string,
    bytes: Uint8Array,
    expected: number,
  ): Promise<Result<number, StoreFailure>> {
    const stored = await this.#step(`puts ${bucket} ${key} over ${expected}`, ({ store }) =>
      store.put(bucket, key, bytes, expected),
    );
    return typeof stored === "number" ? ok(stored) : fail(stored ?? "unavailable");
  }

  async remove(bucket: string, key: string, expected: number): Promise<Result<void, StoreFailure>> {
    const removed = await this.#step(`removes ${bucket} ${key} at ${expected}`, ({ store }) =>
      store.remove(bucket, key, expected),
    );
    return removed === "removed" ? ok(undefined) : fail(removed ?? "unavailable");
  }

  /** Undefined: no answer. */
  async #step<T>(what: string, step: (server: SimServer) => T): Promise<T | undefined> {
    const done = await this.#calls.call(what, timeoutMs, step);
    return done.ok ? done.value : undefined;
  }
}

const unavailable = fail<StoreFailure>("unavailable");
