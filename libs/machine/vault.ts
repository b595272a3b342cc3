import type { Log } from "#libs/ports/log.js";
import type { Clock } from "#libs/ports/clock.js";
import { delay } from "#libs/ports/clock.js";
import type { Store } from "#libs/ports/store.js";

/**
 * The bucket of a leader. Every value carries the epoch and a write id, every write is a compare-and-set:
 * a write that timed out is looked at before it is tried again, and a write of somebody else's ends our term.
 * On opening, a fence record tells a former leader's next write that it is over.
 */
export class Vault {
  readonly identity: string;
  /** What was loaded on opening: key → value. */
  readonly loaded: ReadonlyMap<string, unknown>;
  readonly #options: VaultOptions;
  readonly #revisions: Map<string, number>;
  /** The last write of each key that is under way: the next one of the key waits for it. */
  readonly #writing = new Map<string, Promise<WriteOutcome>>();
  #writes = 0;

  private constructor(
    options: VaultOptions,
    identity: string,
    loaded: Map<string, unknown>,
    revisions: Map<string, number>,
  ) {
    this.#options = options;
    this.identity = identity;
    this.loaded = loaded;
    this.#revisions = revisions;
  }

  /** Tries until the store answers or we lead no more; then undefined. */
  static async open(options: VaultOptions): Promise<Vault | undefined> {
    const { store, bucket, replicas, clock, mayAct, log } = options;
    for (; mayAct(); await delay(clock, retryMs)) {
      try {
        const { identity } = await store.ensure({ name: bucket, replicas });
        const vault = new Vault(options, identity, new Map(), new Map());
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
    const { store, bucket, epoch, mayAct } = this.#options;
    const before = await store.get(bucket, fenceKey);
    if (!before.ok) return false;
    this.#revisions.set(fenceKey, before.value?.revision ?? 0);
    if ((await this.#write(fenceKey, { epoch })) === "deposed" || !mayAct()) return false;
    const all = await store.entries(bucket);
    if (!all.ok) return false;
    for (const { key, bytes, revision } of all.value) {
      this.#revisions.set(key, revision);
      if (key !== fenceKey) (this.loaded as Map<string, unknown>).set(key, opened(bytes)?.value);
    }
    return true;
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
    const { store, bucket, epoch, writer, clock, mayAct } = this.#options;
    const write = `${writer}.${++this.#writes}`;
    const bytes = new TextEncoder().encode(JSON.stringify({ epoch, write, value } satisfies Envelope));
    for (; mayAct(); await delay(clock, retryMs)) {
      const put = await store.put(bucket, key, bytes, this.#revisions.get(key) ?? 0);
      if (put.ok) return this.#written(key, put.value);
      const found = await store.get(bucket, key);
      if (!found.ok) continue;
      if (found.value !== undefined && opened(found.value.bytes)?.write === write)
        return this.#written(key, found.value.revision);
      if (put.error === "conflict") return "deposed";
    }
    return "deposed";
  }

  #written(key: string, revision: number): WriteOutcome {
    this.#revisions.set(key, revision);
    return "stored";
  }

  async #remove(key: string): Promise<WriteOutcome> {
    const { store, bucket, clock, mayAct } = this.#options;
    for (; mayAct(); await delay(clock, retryMs)) {
      const removed = await store.remove(bucket, key, this.#revisions.get(key) ?? 0);
      const gone = removed.ok || (await this.#isGone(key));
      if (gone) {
        this.#revisions.delete(key);
        return "stored";
      }
      if (!removed.ok && removed.error === "conflict") return "deposed";
    }
    return "deposed";
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
}

interface Envelope {
  readonly epoch: number;
  readonly write: string;
  readonly value: unknown;
}

const fenceKey = "fence";
const retryMs = 200;

function opened(bytes: Uint8Array): Envelope | undefined {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as Envelope;
  } catch {
    return undefined;
  }
}
