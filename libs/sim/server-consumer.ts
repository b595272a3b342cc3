import type { Cancel } from "#libs/ports/clock.js";
import type { StoredMessage } from "#libs/ports/stream.js";
import type { Schedule } from "./schedule.js";
import { subjectMatches } from "./subject-tree.js";

const redeliverAfterMs = 30_000;
/** How many may be delivered and not acknowledged. */
const windowMost = 16_384;

interface Session {
  readonly deliver: (message: StoredMessage) => void;
}

/** A durable consumer on the server's side: what waits, what was delivered and is not acknowledged. */
export class ServerConsumer {
  readonly #schedule: Schedule;
  readonly #filter: string;
  readonly #acknowledged: (sequence: number) => void;
  readonly #waiting = new Map<number, StoredMessage>();
  readonly #unacknowledged = new Map<number, { readonly message: StoredMessage; readonly until: number }>();
  #sessions: Session[] = [];
  #timer: Cancel | undefined;

  constructor(schedule: Schedule, filter: string, acknowledged: (sequence: number) => void) {
    this.#schedule = schedule;
    this.#filter = filter;
    this.#acknowledged = acknowledged;
  }

  offer(message: StoredMessage): void {
    if (!subjectMatches(this.#filter, message.subject)) return;
    this.#waiting.set(message.sequence, message);
    this.#deliver();
  }

  /** It is not in the stream any more. */
  drop(sequence: number): void {
    this.#waiting.delete(sequence);
    this.#unacknowledged.delete(sequence);
  }

  /** Everything that has not been acknowledged. */
  waiting(): number[] {
    return [...this.#unacknowledged.keys(), ...this.#waiting.keys()];
  }

  attach(deliver: (message: StoredMessage) => void): Cancel {
    const session = { deliver };
    this.#sessions.push(session);
    this.#deliver();
    return () => {
      this.#sessions = this.#sessions.filter((each) => each !== session);
    };
  }

  acknowledge(sequence: number): void {
    if (!this.#unacknowledged.delete(sequence)) return;
    this.#acknowledged(sequence);
    this.#deliver();
  }

  forgetConnections(): void {
    this.#sessions = [];
  }

  #deliver(): void {
    const [session] = this.#sessions;
    if (session === undefined) return;
    for (const [sequence, message] of this.#waiting) {
      if (this.#unacknowledged.size >= windowMost) break;
      this.#waiting.delete(sequence);
      this.#unacknowledged.set(sequence, { message, until: this.#schedule.now + redeliverAfterMs });
      session.deliver(message);
    }
    this.#arm();
  }

  /** The oldest delivery is the first to run out. */
  #arm(): void {
    const oldest = this.#unacknowledged.values().next();
    if (this.#timer !== undefined || oldest.done === true) return;
    this.#timer = this.#schedule.at(oldest.value.until, () => {
      this.#timer = undefined;
      this.#takeBack();
      this.#deliver();
      this.#arm();
    });
  }

  /** What ran out goes before what has not been delivered yet. */
  #takeBack(): void {
    const back: StoredMessage[] = [];
    for (const { message, until } of this.#unacknowledged.values())
      if (until <= this.#schedule.now) back.push(message);
    const later = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const message of [...back, ...later]) this.#waiting.set(message.sequence, message);
    for (const { sequence } of back) this.#unacknowledged.delete(sequence);
  }
}
