import type { Instant } from "#libs/core/time.js";
import { never } from "#libs/core/time.js";
import type { AgentEffect } from "./events.js";
import { type JournalRecord, outlivesHost } from "./records.js";

type Then = (at: Instant) => void;

interface Entry {
  readonly record?: JournalRecord;
  /** What may be done when the record is safe. */
  readonly safe?: Then;
  /** Given: when it cannot be written, it is not tried again but answered for. */
  readonly failed?: (at: Instant, message: string) => void;
}

export interface RecorderOptions {
  readonly emit: (effect: AgentEffect) => void;
  /** The whole state as records, what is still to be written included. */
  readonly snapshot: () => JournalRecord[];
  /** How many records a snapshot would have, about. */
  readonly snapshotSize: () => number;
}

const retryMs = 1000;
const keptMin = 2000;

/**
 * "Store it, then act." What is recorded while a write is under way goes into the next one, so a flood of accepts becomes a
 * few writes, and a lone one is written at once.
 *
 * - J1 One write is under way at a time; what was recorded first is written first.
 * - J2 A `then` runs after its record and all earlier ones are written.
 * - J3 A write that failed has written nothing: its records come first in the next one, but for those that name a `failed`.
 */
export class Recorder {
  readonly #options: RecorderOptions;
  #waiting: Entry[] = [];
  #writing: Entry[] | undefined;
  /** Records that wait and are worth a write of their own. */
  #urgent = 0;
  #length = 0;
  #retryAt = never;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** What is in the journal already. */
  loaded(length: number): void {
    this.#length = length;
  }

  add(record: JournalRecord, then?: Then, failed?: Entry["failed"]): void {
    this.#urgent++;
    this.#waiting.push({ record, ...(then && { safe: then }), ...(failed && { failed }) });
  }

  /** Written together with the next one that is worth it. */
  addLazily(record: JournalRecord): void {
    this.#waiting.push({ record });
  }

  /** When all that was recorded so far is safe; at once when it is. */
  after(at: Instant, then: Then): void {
    if (this.#waiting.length > 0) {
      this.#urgent++;
      this.#waiting.push({ safe: then });
    } else if (this.#writing === undefined) then(at);
    else this.#writing.push({ safe: then });
  }

  isIdle(): boolean {
    return this.#writing === undefined && this.#urgent === 0;
  }

  /** To be called at the end of a turn. */
  flush(at: Instant): void {
    if (this.#writing !== undefined || this.#urgent === 0) return;
    if (this.#retryAt !== never && at.mono < this.#retryAt) return;
    this.#retryAt = never;
    const entries = this.#waiting;
    this.#waiting = [];
    this.#urgent = 0;
    this.#writing = entries;
    const records = entries.flatMap(({ record }) => record ?? []);
    if (this.#length + records.length > keptMin + 4 * this.#options.snapshotSize()) {
      const snapshot = this.#options.snapshot();
      this.#length = snapshot.length;
      this.#options.emit({ type: "compactRecords", records: snapshot });
    } else {
      this.#length += records.length;
      // Who can be answered for has to wait for room; what has happened has to be told.
      const mayUseReserve = entries.every(({ failed }) => failed === undefined);
      this.#options.emit({ type: "appendRecords", records, sync: records.some(outlivesHost), mayUseReserve });
    }
  }

  written(at: Instant): void {
    const entries = this.#writing ?? [];
    this.#writing = undefined;
    for (const { safe } of entries) safe?.(at);
  }

  writeFailed(at: Instant, message: string): void {
    const entries = this.#writing ?? [];
    this.#writing = undefined;
    this.#retryAt = at.mono + retryMs;
    this.#waiting = [...entries.filter(({ failed }) => failed === undefined), ...this.#waiting];
    this.#urgent = this.#waiting.length;
    for (const { failed } of entries) failed?.(at, message);
  }

  nextDeadline(): number {
    return this.#writing === undefined && this.#urgent > 0 ? this.#retryAt : never;
  }
}
