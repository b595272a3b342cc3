import type { Observable } from "rxjs";
import type { Result } from "#protocol/result.js";
import type { BusFailure } from "./bus.js";

export interface StreamConfig {
  readonly name: string;
  readonly subjects: readonly string[];
  /** queue: a message goes when its consumer has acknowledged it; log: it stays until it is too old. */
  readonly kind: "queue" | "log";
  readonly maxAgeMs: number;
  readonly maxBytes: number;
  readonly replicas: number;
}

export interface Delivery {
  readonly subject: string;
  readonly bytes: Uint8Array;
  /** Of the message in its stream: 1, 2, … */
  readonly sequence: number;
  /** Not delivered again from now on. Safe to repeat. */
  acknowledge(): void;
}

export interface StoredMessage {
  readonly subject: string;
  readonly bytes: Uint8Array;
  readonly sequence: number;
}

/** Durable streams: a message counts as said when the stream has stored it. What sets up and looks up throws when there was no answer for 10 s. */
export interface Streams {
  /** Makes the stream, or brings its limits up to date. Safe to repeat and from several processes. */
  ensure(config: StreamConfig): Promise<void>;
  /** Stored when the promise is kept. The same `messageId` within two minutes is stored once. `no-responders`: there is no such stream. */
  append(
    subject: string,
    bytes: Uint8Array,
    messageId: string,
  ): Promise<Result<{ readonly sequence: number }, BusFailure>>;
  /** Makes a durable consumer of a queue stream for the subjects of `filter`. Safe to repeat. */
  ensureConsumer(stream: string, consumer: string, filter: string): Promise<void>;
  /** Forgets a consumer and what waits for it. Safe to repeat. */
  removeConsumer(stream: string, consumer: string): Promise<void>;
  /**
   * What the consumer has to read, in order; what is not acknowledged within 30 s comes again. Survives reconnects and
   * a consumer or stream that is made later. Without end.
   */
  consume(stream: string, consumer: string): Observable<Delivery>;
  /** A log stream from `after` on (0: from the beginning; undefined: only what comes new), in order; `filter` narrows the subjects. Without end. */
  read(
    stream: string,
    options: { readonly after?: number; readonly filter?: string },
  ): Observable<StoredMessage>;
  /** When the stream was made, wall ms: one that was made anew has lost what the former held. Undefined: no such stream. */
  madeAt(stream: string): Promise<number | undefined>;
}
