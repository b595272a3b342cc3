import { DeliverPolicy, DiscardPolicy, headers, nanos } from "nats";
import { randomUUID } from "node:crypto";
import type { BusFailure } from "#libs/ports/bus.js";
import type { BucketConfig, Entry, Store, StoreFailure } from "#libs/ports/store.js";
import { fail, ok, type Result } from "#protocol/result.js";
import { type ApiFault, faults, type JetStream, unlessMissing } from "./jetstream.js";
import { pull } from "./pull.js";
import { ensureStream, readOnly } from "./streams.js";

const timeoutMs = 3000;
/** Without any entry for so long a reading of all of them is over. */
const quietMs = 1000;

/** Sees to it that a bucket is there; throws when it cannot. */
export type MakeBucket = (config: BucketConfig) => Promise<void>;

/**
 * Buckets are JetStream streams in the layout of NATS KV (`KV_<bucket>`, `$KV.<bucket>.<key>`, one message a key), so that its tools read
 * them. An entry is removed by deleting its message: no marker stays behind, and the message's number makes it a compare-and-set.
 * Only where entries run out a marker takes its place, which runs out too: several principals share such a bucket, and who may
 * delete messages of a stream may delete every one.
 */
export class NatsStore implements Store {
  readonly #js: JetStream;
  readonly #make: MakeBucket;
  /** Those with a time-to-live. */
  readonly #expiring = new Set<string>();

  /** @param make in place of making buckets ourselves, for who may not */
  constructor(js: JetStream, make: MakeBucket = (config) => ensureStream(js, bucketStream(config))) {
    this.#js = js;
    this.#make = make;
  }

  async ensure(config: BucketConfig): Promise<{ readonly identity: string }> {
    const { name, ttlMs } = config;
    if (ttlMs !== undefined) this.#expiring.add(name);
    await this.#make(config);
    return { identity: ttlMs === undefined ? await this.#identity(name) : await this.#madeAt(name) };
  }

  async get(bucket: string, key: string): Promise<Result<Entry | undefined, StoreFailure>> {
    const last = await this.#last(bucket, key);
    return last.ok && last.value?.isMarker === true ? ok(undefined) : last;
  }

  async entries(bucket: string): Promise<Result<Entry[], StoreFailure>> {
    try {
      const { name, num_pending } = await this.#js.manage(({ consumers }) =>
        consumers.add(`KV_${bucket}`, {
          ...readOnly,
          deliver_policy: DeliverPolicy.LastPerSubject,
          filter_subject: `$KV.${bucket}.>`,
        }),
      );
      return num_pending === 0 ? ok([]) : await this.#readAll(bucket, name);
    } catch (cause) {
      this.#js.link.log.warn("cannot read a bucket", { bucket, cause });
      return unavailable;
    }
  }

  async put(
    bucket: string,
    key: string,
    bytes: Uint8Array,
    expected: number,
  ): Promise<Result<number, StoreFailure>> {
    const stored = await this.#put(bucket, key, bytes, expected);
    if (stored.ok) return ok(stored.value.seq);
    if (!isFault(stored.error, faults.wrongLastSequence)) return this.#refused(bucket, stored.error);
    const marker = expected === 0 ? await this.#marker(bucket, key) : undefined;
    return marker === undefined ? conflict : this.put(bucket, key, bytes, marker);
  }

  async remove(bucket: string, key: string, expected: number): Promise<Result<void, StoreFailure>> {
    const found = await this.get(bucket, key);
    if (!found.ok) return found;
    if (found.value === undefined) return ok(undefined);
    if (found.value.revision !== expected) return conflict;
    if (this.#expiring.has(bucket)) return this.#mark(bucket, key, expected);
    const removed = await this.#delete(bucket, expected);
    if (removed.ok) return ok(undefined);
    // Overwritten or removed since we looked: the next look tells.
    if (typeof removed.error !== "string") return this.remove(bucket, key, expected);
    return unavailable;
  }

  async #last(bucket: string, key: string): Promise<Result<LastMessage | undefined, StoreFailure>> {
    const found = await this.#js.call<{ message: { data?: string; seq: number; hdrs?: string } }>(
      `STREAM.MSG.GET.KV_${bucket}`,
      { last_by_subj: `$KV.${bucket}.${key}` },
      timeoutMs,
    );
    if (!found.ok) return isFault(found.error, faults.messageNotFound) ? ok(undefined) : unavailable;
    const { data = "", seq, hdrs = "" } = found.value.message;
    return ok({
      key,
      bytes: new Uint8Array(Buffer.from(data, "base64")),
      revision: seq,
      isMarker: Buffer.from(hdrs, "base64").includes(markerHeader),
    });
  }

  async #mark(bucket: string, key: string, expected: number): Promise<Result<void, StoreFailure>> {
    const marked = await this.#put(bucket, key, new Uint8Array(), expected, { [markerHeader]: "DEL" });
    if (marked.ok) return ok(undefined);
    // Overwritten since we looked, or run out: the next look tells.
    return isFault(marked.error, faults.wrongLastSequence) ? this.remove(bucket, key, expected) : unavailable;
  }

  #put(
    bucket: string,
    key: string,
    bytes: Uint8Array,
    expected: number,
    more: Readonly<Record<string, string>> = {},
  ): Promise<Result<{ readonly seq: number }, BusFailure | ApiFault>> {
    const told = headers();
    told.set("Nats-Expected-Last-Subject-Sequence", String(expected));
    for (const [name, value] of Object.entries(more)) told.set(name, value);
    return this.#js.ask(`$KV.${bucket}.${key}`, bytes, timeoutMs, told);
  }

  /** The revision of a marker that stands under the key. */
  async #marker(bucket: string, key: string): Promise<number | undefined> {
    const last = await this.#last(bucket, key);
    return last.ok && last.value?.isMarker === true ? last.value.revision : undefined;
  }

  #delete(bucket: string, seq: number): Promise<Result<unknown, BusFailure | ApiFault>> {
    return this.#js.call(`STREAM.MSG.DELETE.KV_${bucket}`, { seq, no_erase: true }, timeoutMs);
  }

  #readAll(bucket: string, consumer: string): Promise<Result<Entry[], StoreFailure>> {
    const prefix = `$KV.${bucket}.`.length;
    const entries: Entry[] = [];
    let heard = 0;
    return new Promise((resolve) => {
      const settle = (result: Result<Entry[], StoreFailure>) => {
        clearTimeout(timer);
        stop();
        void this.#js.call(`CONSUMER.DELETE.KV_${bucket}.${consumer}`, {});
        resolve(result);
      };
      // What is removed while we read is counted as left, and never comes.
      const lookAgain = async () => {
        const all = (await this.#delivered(bucket, consumer)) === heard;
        settle(all ? ok(entries) : unavailable);
      };
      const timer = setTimeout(() => void lookAgain(), quietMs);
      const stop = pull({
        link: this.#js.link,
        stream: `KV_${bucket}`,
        consumer,
        missing: () => settle(unavailable),
        message: (message) => {
          const { subject, bytes, sequence, left } = message;
          if (++heard % 256 === 0) timer.refresh();
          const key = subject.slice(prefix);
          if (key !== identityKey && message.header(markerHeader) === undefined)
            entries.push({ key, bytes, revision: sequence });
          if (left === 0) settle(ok(entries));
        },
      });
    });
  }

  async #delivered(bucket: string, consumer: string): Promise<number | undefined> {
    const found = await this.#js.call<{ delivered: { consumer_seq: number } }>(
      `CONSUMER.INFO.KV_${bucket}.${consumer}`,
      {},
    );
    return found.ok ? found.value.delivered.consumer_seq : undefined;
  }

  /** A random text under a key of its own, made once: gone with everything else when the bucket is deleted or emptied. */
  async #identity(bucket: string): Promise<string> {
    const mine = new TextEncoder().encode(randomUUID());
    for (;;) {
      const found = await this.get(bucket, identityKey);
      if (!found.ok) throw new Error(`bucket ${bucket} does not answer`);
      if (found.value !== undefined) return new TextDecoder().decode(found.value.bytes);
      await this.put(bucket, identityKey, mine, 0);
    }
  }

  /** A bucket whose entries run out cannot keep its identity in one of them. */
  async #madeAt(bucket: string): Promise<string> {
    const found = await this.#js.manage(({ streams }) => unlessMissing(streams.info(`KV_${bucket}`)));
    if (found === undefined) throw new Error(`bucket ${bucket} was removed`);
    return found.created;
  }

  #refused(bucket: string, error: ApiFault | string): Result<never, StoreFailure> {
    if (typeof error !== "string")
      this.#js.link.log.error("a bucket refuses a write", { bucket, reason: error.description });
    return unavailable;
  }
}

const bucketStream = ({ name, ttlMs, replicas }: BucketConfig) => ({
  name: `KV_${name}`,
  subjects: [`$KV.${name}.>`],
  max_msgs_per_subject: 1,
  discard: DiscardPolicy.New,
  allow_rollup_hdrs: true,
  num_replicas: replicas,
  ...(ttlMs !== undefined && {
    max_age: nanos(ttlMs),
    duplicate_window: nanos(Math.min(ttlMs, 120_000)),
  }),
});

/** No encoded id holds a slash. */
const identityKey = "/identity";
const conflict = fail<StoreFailure>("conflict");
const unavailable = fail<StoreFailure>("unavailable");

const isFault = (error: ApiFault | string, code: number): boolean =>
  typeof error !== "string" && error.code === code;

/** Of the markers that the tools of NATS KV leave in the place of what they delete. */
const markerHeader = "KV-Operation";

interface LastMessage extends Entry {
  readonly isMarker: boolean;
}
