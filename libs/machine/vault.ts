import type { Log } from "#libs/ports/log.js";
import type { Clock } from "#libs/ports/clock.js";
import { delay } from "#libs/ports/clock.js";
import type { Entry, Store } from "#libs/ports/store.js";

/**
 * The bucket of a leader.
 *
 * V1 Every value carries the epoch and a write id, every write is a compare-and-set: a write that timed out is looked at
 *    before it is tried again, and a write of somebody else's ends our term.
 * V2 Opening writes a fence record, and what is loaded is no older than it. A fence of our epoch or a later one was written by
 *    somebody who led above us: the lease has forgotten epochs, and we must stand again above that one.
 * V3 A bucket that does not take a write for `patienceMs`, while we lead, ends our term: opening it anew makes what is missing.
 */
export class Vault {
  readonly identity: string;
  /** What was loaded on opening: key → value. */
  readonly loaded: ReadonlyMap<string, unknown>;
  readonly #options: VaultOptions;
  readonly #loaded = new Map<string, unknown>();
  readonly #revisions = new Map<string, number>();
  /** The last write of each key that is under way: the next one of the key waits for it. */
  readonly #writing = new Map<string, Promise<WriteOutcome>>();
  #writes = 0;

  private constructor(options: VaultOptions, identity: string) {
    this.#options = options;
    this.identity = identity;
    this.loaded = this.#loaded;
  }

  /** Tries until the store answers or we lead no more; then undefined. */
  static async open(options: VaultOptions): Promise<Vault | undefined> {
    const { store, bucket, replicas, clock, mayAct, log } = options;
    for (; mayAct(); await delay(clock, retryMs)) {
      try {
        const { identity } = await store.ensure({ name: bucket, replicas });
        const vault = new Vault(options, identity);
        if (await vault.#load()) return vault;
      } catch (cause) {
        log.warn("the store does not answer, trying again", { bucket, cause: String(cause) });
      }
    }
    return undefined;
  }

  /** Stored, or `deposed`: somebody else has written, or we lead no more. Writes of one key happen in their order. */
  put(key: string, value: unknown): Promise<WriteOutcome> {
    return this.#inTurn(key, () => this.#write(key, value));
  }

  remove(key: string): Promise<WriteOutcome> {
    return this.#inTurn(key, () => this.#remove(key));
  }

  async #load(): Promise<boolean> {
    const { store, bucket, epoch } = this.#options;
    const before = await store.get(bucket, fenceKey);
    if (!before.ok || this.#isOutdated(before.value)) return false;
    this.#revisions.set(fenceKey, before.value?.revision ?? 0);
    if ((await this.#write(fenceKey, { epoch })) === "deposed") return false;
    const all = await store.entries(bucket);
    return all.ok && this.#hasFence(all.value) && this.#take(all.value);
  }

  /** A replica that lags behind gives what it has, without our fence. */
  #hasFence(entries: readonly Entry[]): boolean {
    const fence = this.#revisions.get(fenceKey);
    return entries.some(({ key, revision }) => key === fenceKey && revision === fence);
  }

  #take(entries: readonly Entry[]): true {
    for (const { key, bytes, revision } of entries) {
      this.#revisions.set(key, revision);
      if (key !== fenceKey) this.#loaded.set(key, opened(bytes)?.value);
    }
    return true;
  }

  #isOutdated(fence: Entry | undefined): boolean {
    const { epoch, writer, heard, log, bucket } = this.#options;
    const former = fence === undefined ? undefined : opened(fence.bytes);
    if (former === undefined || former.epoch < epoch || former.write.startsWith(`${writer}.`)) return false;
    log.warn("the bucket was led in a later epoch", { bucket, epoch, later: former.epoch });
    heard?.(Math.max(former.epoch, epoch + 1));
    return heard !== undefined;
  }

  #inTurn(key: string, write: () => Promise<WriteOutcome>): Promise<WriteOutcome> {
    const turn = (this.#writing.get(key) ?? Promise.resolve()).then(write);
    this.#writing.set(key, turn);
    void turn.finally(() => {
      if (this.#writing.get(key) === turn) this.#writing.delete(key);
    });
    return turn;
  }

  async #write(key: string, value: unknown): Promise<WriteOutcome> {
    const { store, bucket, epoch, writer } = this.#options;
    const write = `${writer}.${++this.#writes}`;
    const bytes = new TextEncoder().encode(JSON.stringify({ epoch, write, value } satisfies Envelope));
    return this.#untilKnown(key, async () => {
      const put = await store.put(bucket, key, bytes, this.#revisions.get(key) ?? 0);
      if (put.ok) return this.#written(key, put.value);
      const found = await store.get(bucket, key);
      if (!found.ok) return undefined;
      if (found.value !== undefined && opened(found.value.bytes)?.write === write)
        return this.#written(key, found.value.revision);
      return put.error === "conflict" ? "deposed" : undefined;
    });
  }

  /** Tries again while the outcome is not known, we lead, and patience lasts. */
  async #untilKnown(key: string, attempt: () => Promise<WriteOutcome | undefined>): Promise<WriteOutcome> {
    const { clock, mayAct, log, bucket } = this.#options;
    const giveUpAt = clock.now().mono + patienceMs;
    for (; mayAct(); await delay(clock, retryMs)) {
      const outcome = await attempt();
      if (outcome !== undefined) return outcome;
      if (clock.now().mono >= giveUpAt) {
        log.error("the bucket takes no writes", { bucket, key, forMs: patienceMs });
        return "deposed";
      }
    }
    return "deposed";
  }

  #written(key: string, revision: number): WriteOutcome {
    this.#revisions.set(key, revision);
    return "stored";
  }

  #remove(key: string): Promise<WriteOutcome> {
    const { store, bucket } = this.#options;
    return this.#untilKnown(key, async () => {
      const removed = await store.remove(bucket, key, this.#revisions.get(key) ?? 0);
      if (removed.ok || (await this.#isGone(key))) {
        this.#revisions.delete(key);
        return "stored";
      }
      return removed.error === "conflict" ? "deposed" : undefined;
    });
  }

  async #isGone(key: string): Promise<boolean> {
    const found = await this.#options.store.get(this.#options.bucket, key);
    return found.ok && found.value === undefined;
  }
}

export type WriteOutcome = "stored" | "deposed";

export interface VaultOptions {
  readonly store: Store;
  readonly bucket: string;
  readonly replicas: number;
  readonly epoch: number;
  /** Unique to this process and term: names our writes. */
  readonly writer: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Whether we lead. */
  readonly mayAct: () => boolean;
  /** Told of a later epoch that the bucket shows: the lease's `heard`. Unless given, such a bucket is taken over all the same. */
  readonly heard?: (epoch: number) => void;
}

interface Envelope {
  readonly epoch: number;
  readonly write: string;
  readonly value: unknown;
}

const fenceKey = "fence";
const retryMs = 200;
const patienceMs = 10_000;

function opened(bytes: Uint8Array): Envelope | undefined {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as Envelope;
  } catch {
    return undefined;
  }
}
