import {
  AckPolicy,
  type ConsumerConfig,
  DeliverPolicy,
  DiscardPolicy,
  headers,
  nanos,
  RetentionPolicy,
  type StreamConfig as NatsStreamConfig,
} from "nats";
import { Observable } from "rxjs";
import type { BusFailure } from "#libs/ports/bus.js";
import type { Delivery, StoredMessage, StreamConfig, Streams } from "#libs/ports/stream.js";
import { fail, ok, type Result } from "#protocol/result.js";
import { follow } from "./follow.js";
import { faultOf, faults, type JetStream, unlessMissing } from "./jetstream.js";

const appendTimeoutMs = 5000;
const redeliverAfterMs = 30_000;
/** Messages with one id within so long are stored once. */
const duplicateWindowMs = 120_000;

/** Durable streams over JetStream. */
export class NatsStreams implements Streams {
  readonly #js: JetStream;
  #complained = 0;

  constructor(js: JetStream) {
    this.#js = js;
  }

  ensure(config: StreamConfig): Promise<void> {
    return ensureStream(this.#js, streamConfig(config));
  }

  async append(
    subject: string,
    bytes: Uint8Array,
    messageId: string,
  ): Promise<Result<{ readonly sequence: number }, BusFailure>> {
    const id = headers();
    id.set("Nats-Msg-Id", messageId);
    const answer = await this.#js.ask<{ seq: number }>(subject, bytes, appendTimeoutMs, id);
    if (answer.ok) return ok({ sequence: answer.value.seq });
    if (typeof answer.error === "string") return fail(answer.error);
    this.#complain(subject, answer.error.description);
    return fail("timeout");
  }

  async ensureConsumer(stream: string, consumer: string, filter: string): Promise<void> {
    const config: Partial<ConsumerConfig> = {
      durable_name: consumer,
      filter_subject: filter,
      ack_policy: AckPolicy.Explicit,
      ack_wait: nanos(redeliverAfterMs),
      deliver_policy: DeliverPolicy.All,
      max_ack_pending: 16_384,
    };
    await this.#js.manage(async ({ consumers }) => {
      try {
        await consumers.add(stream, config);
      } catch (cause) {
        if (faultOf(cause) !== faults.consumerExists) throw cause;
        await consumers.update(stream, consumer, config);
      }
    });
  }

  async removeConsumer(stream: string, consumer: string): Promise<void> {
    await this.#js.manage(async ({ streams, consumers }) => {
      const found = await unlessMissing(consumers.info(stream, consumer));
      if (found === undefined) return;
      const { filter_subject } = found.config;
      await unlessMissing(consumers.delete(stream, consumer));
      // What waited for it would stay until it is too old, and come to a new consumer of the same subjects.
      if (filter_subject !== undefined)
        await unlessMissing(streams.purge(stream, { filter: filter_subject }));
    });
  }

  consume(stream: string, consumer: string): Observable<Delivery> {
    return new Observable((receiver) =>
      follow({
        link: this.#js.link,
        stream,
        // A pull from a consumer that is not there is answered by silence.
        consumer: async () =>
          (await this.#js.manage(({ consumers }) => unlessMissing(consumers.info(stream, consumer))))?.name,
        message: (message) => {
          receiver.next(message);
          return true;
        },
      }),
    );
  }

  read(
    stream: string,
    { after, filter }: { readonly after?: number; readonly filter?: string },
  ): Observable<StoredMessage> {
    return new Observable((receiver) => {
      const reader = new LogReader(this.#js, stream, after, filter);
      return follow({
        link: this.#js.link,
        stream,
        consumer: () => reader.consumer(),
        message: (message) => {
          if (message.delivery !== reader.delivered + 1) return false;
          reader.delivered++;
          reader.last = message.sequence;
          receiver.next({ subject: message.subject, bytes: message.bytes, sequence: message.sequence });
          return true;
        },
      });
    });
  }

  async madeAt(stream: string): Promise<number | undefined> {
    const found = await this.#js.manage(({ streams }) => unlessMissing(streams.info(stream)));
    return found === undefined ? undefined : Date.parse(found.created);
  }

  /** Once a minute: a stream that is full refuses all of many messages. */
  #complain(subject: string, description: string): void {
    if (performance.now() - this.#complained < 60_000) return;
    this.#complained = performance.now();
    this.#js.link.log.error("a stream refuses messages", { subject, reason: description });
  }
}

/** Where a reader of a log stands. Each session has a short-lived consumer of its own, made from there on. */
class LogReader {
  /** Sequence of the last message that was read; undefined before the first look at a stream that is read from its end. */
  last: number | undefined;
  /** How many messages the present consumer has delivered. */
  delivered = 0;
  readonly #js: JetStream;
  readonly #stream: string;
  readonly #filter: string | undefined;
  #made: string | undefined;

  constructor(js: JetStream, stream: string, after: number | undefined, filter: string | undefined) {
    this.#js = js;
    this.#stream = stream;
    this.last = after;
    this.#filter = filter;
  }

  consumer(): Promise<string | undefined> {
    return this.#js.manage(async ({ streams, consumers }) => {
      const stream = await unlessMissing(streams.info(this.#stream));
      if (stream === undefined) return undefined;
      // A stream that was made anew counts from 1 again: nothing of it has been read.
      if (this.#made !== undefined && this.#made !== stream.created) this.last = 0;
      this.#made = stream.created;
      this.last ??= stream.state.last_seq;
      if (this.last > stream.state.last_seq) this.last = stream.state.last_seq;
      this.delivered = 0;
      const { name } = await consumers.add(this.#stream, {
        ...readOnly,
        deliver_policy: DeliverPolicy.StartSequence,
        opt_start_seq: this.last + 1,
        ...(this.#filter === undefined ? {} : { filter_subject: this.#filter }),
      });
      return name;
    });
  }
}

/** Of consumers that are made for one reading. */
export const readOnly: Partial<ConsumerConfig> = {
  ack_policy: AckPolicy.None,
  inactive_threshold: nanos(30_000),
  mem_storage: true,
  num_replicas: 1,
};

/** Makes a stream, or brings it up to date. */
export async function ensureStream(
  js: JetStream,
  config: Partial<NatsStreamConfig> & { name: string },
): Promise<void> {
  await js.manage(async ({ streams }) => {
    try {
      await streams.add(config);
    } catch (cause) {
      if (faultOf(cause) !== faults.streamNameInUse) throw cause;
      await streams.update(config.name, config);
    }
  });
}

const streamConfig = ({ name, subjects, kind, maxAgeMs, maxBytes, replicas }: StreamConfig) => ({
  name,
  subjects: [...subjects],
  retention: kind === "queue" ? RetentionPolicy.Workqueue : RetentionPolicy.Limits,
  discard: kind === "queue" ? DiscardPolicy.New : DiscardPolicy.Old,
  max_age: nanos(maxAgeMs),
  max_bytes: maxBytes,
  num_replicas: replicas,
  duplicate_window: nanos(Math.min(duplicateWindowMs, maxAgeMs)),
});
