import type { Cancel } from "#libs/ports/clock.js";
import type { StoredMessage, StreamConfig } from "#libs/ports/stream.js";
import type { Schedule } from "./schedule.js";
import { ServerConsumer } from "./server-consumer.js";
import { subjectMatches } from "./subject-tree.js";

/** Messages with one id within so long are stored once. */
const duplicateWindowMs = 120_000;

/** Streams on the server's side. Each call is one step that nobody interrupts. */
export class ServerStreams {
  readonly #schedule: Schedule;
  readonly #wall: () => number;
  readonly #streams = new Map<string, ServerStream>();
  /** For checks: told of all that comes for a stream, also of what it has got already. */
  came: (subject: string, bytes: Uint8Array) => void = () => {};

  constructor(schedule: Schedule, wall: () => number) {
    this.#schedule = schedule;
    this.#wall = wall;
  }

  ensure(config: StreamConfig): void {
    const found = this.#streams.get(config.name);
    if (found !== undefined) found.config = config;
    else this.#streams.set(config.name, new ServerStream(config, this.#schedule, this.#wall()));
  }

  /** For scenarios: an operator's mistake, or a disk that was lost. */
  drop(name: string): void {
    const stream = this.#streams.get(name);
    if (stream === undefined)
      throw new Error(`no stream ${name}: there are ${[...this.#streams.keys()].join(", ") || "none"}`);
    stream.forgetConnections();
    this.#streams.delete(name);
  }

  clear(): void {
    for (const name of this.#streams.keys()) this.drop(name);
  }

  named(name: string): ServerStream | undefined {
    return this.#streams.get(name);
  }

  /** The sequence; `full` when the stream takes no more; undefined when there is no stream for it. */
  append(subject: string, bytes: Uint8Array, id: string): number | "full" | undefined {
    this.came(subject, bytes);
    return this.#of(subject)?.append(subject, bytes, id);
  }

  /** What is published without asking for an answer is kept all the same. */
  keep(subject: string, bytes: Uint8Array): boolean {
    const stream = this.#of(subject);
    stream?.append(subject, bytes, undefined);
    return stream !== undefined;
  }

  forgetConnections(): void {
    for (const stream of this.#streams.values()) stream.forgetConnections();
  }

  #of(subject: string): ServerStream | undefined {
    for (const stream of this.#streams.values())
      if (stream.config.subjects.some((pattern) => subjectMatches(pattern, subject))) return stream;
    return undefined;
  }
}

interface Kept extends StoredMessage {
  readonly at: number;
}

interface Reader {
  readonly filter: string;
  readonly deliver: (message: StoredMessage) => void;
}

export class ServerStream {
  config: StreamConfig;
  /** Wall ms. */
  readonly madeAt: number;
  readonly #schedule: Schedule;
  readonly #messages = new Map<number, Kept>();
  readonly #ids = new Map<string, { readonly sequence: number; readonly at: number }>();
  readonly #consumers = new Map<string, ServerConsumer>();
  readonly #readers = new Set<Reader>();
  #last = 0;
  #bytes = 0;

  constructor(config: StreamConfig, schedule: Schedule, madeAt: number) {
    this.config = config;
    this.#schedule = schedule;
    this.madeAt = madeAt;
  }

  /** How many messages it holds. */
  get count(): number {
    return this.#messages.size;
  }

  get last(): number {
    return this.#last;
  }

  append(subject: string, bytes: Uint8Array, id: string | undefined): number | "full" {
    this.#expire();
    const known = id === undefined ? undefined : this.#ids.get(id);
    if (known !== undefined) return known.sequence;
    if (!this.#makeRoom(bytes.length)) return "full";
    const sequence = ++this.#last;
    const message: Kept = { subject, bytes, sequence, at: this.#schedule.now };
    this.#messages.set(sequence, message);
    this.#bytes += bytes.length;
    if (id !== undefined) this.#ids.set(id, { sequence, at: message.at });
    for (const consumer of this.#consumers.values()) consumer.offer(message);
    for (const { filter, deliver } of this.#readers) if (subjectMatches(filter, subject)) deliver(message);
    return sequence;
  }

  ensureConsumer(name: string, filter: string): void {
    if (this.#consumers.has(name)) return;
    const consumer = new ServerConsumer(this.#schedule, filter, (sequence) => {
      if (this.config.kind === "queue") this.#remove(sequence);
    });
    this.#consumers.set(name, consumer);
    for (const message of this.#messages.values()) consumer.offer(message);
  }

  removeConsumer(name: string): void {
    const consumer = this.#consumers.get(name);
    if (consumer === undefined) return;
    consumer.forgetConnections();
    this.#consumers.delete(name);
    for (const sequence of consumer.waiting()) this.#remove(sequence);
  }

  consumer(name: string): ServerConsumer | undefined {
    return this.#consumers.get(name);
  }

  /** All after the sequence, then what comes. */
  read(after: number, filter: string, deliver: (message: StoredMessage) => void): Cancel {
    this.#expire();
    for (const message of this.#messages.values())
      if (message.sequence > after && subjectMatches(filter, message.subject)) deliver(message);
    const reader = { filter, deliver };
    this.#readers.add(reader);
    return () => void this.#readers.delete(reader);
  }

  forgetConnections(): void {
    this.#readers.clear();
    for (const consumer of this.#consumers.values()) consumer.forgetConnections();
  }

  #makeRoom(bytes: number): boolean {
    const { kind, maxBytes } = this.config;
    while (this.#bytes + bytes > maxBytes) {
      const oldest = this.#messages.keys().next();
      if (kind === "queue" || oldest.done === true) return false;
      this.#remove(oldest.value);
    }
    return true;
  }

  #expire(): void {
    const now = this.#schedule.now;
    for (const { sequence, at } of this.#messages.values()) {
      if (now - at < this.config.maxAgeMs) break;
      this.#remove(sequence);
    }
    for (const [id, { at }] of this.#ids) {
      if (now - at < Math.min(duplicateWindowMs, this.config.maxAgeMs)) break;
      this.#ids.delete(id);
    }
  }

  #remove(sequence: number): void {
    const message = this.#messages.get(sequence);
    if (message === undefined) return;
    this.#messages.delete(sequence);
    this.#bytes -= message.bytes.length;
    for (const consumer of this.#consumers.values()) consumer.drop(sequence);
  }
}
