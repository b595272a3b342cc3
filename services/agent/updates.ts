import { type StatusBatch } from "#protocol/status.js";
import type { TaskUpdate } from "#protocol/task.js";
import { type Backoff, backoffMs } from "#libs/core/backoff.js";
import { DueTimes } from "#libs/core/due-times.js";
import type { Instant } from "#libs/core/time.js";
import type { AgentEffect } from "./events.js";

interface Queue {
  readonly waiting: TaskUpdate[];
  unstored: StatusBatch | undefined;
  failures: number;
}

export interface UpdatesOptions {
  readonly agent: string;
  readonly emit: (effect: AgentEffect) => void;
  readonly generation: () => number;
  /** The stream has these. */
  readonly stored: (at: Instant, updates: readonly TaskUpdate[]) => void;
}

const again: Backoff = { firstMs: 100, factor: 2, mostMs: 5000 };
const updatesMax = 512;
/** Of the updates of a batch, so that the message stays well under 256 KB. */
const bytesMax = 200_000;

/**
 * The way of updates to their frameworks: R5.
 *
 * - U1 Only what the journal has is published.
 * - U2 Of a framework one batch is under way; the next one has what came meanwhile, in order.
 * - U3 A batch is repeated as it was, under its own number, until the stream has it.
 * - U4 No two batches of one number: the numbers go on for the life of the process, and each process has generations of its own.
 */
export class Updates {
  readonly #options: UpdatesOptions;
  readonly #queues = new Map<string, Queue>();
  readonly #ready = new Set<string>();
  readonly #retries = new DueTimes<string>();
  #batches = 0;
  #isConnected = false;

  constructor(options: UpdatesOptions) {
    this.#options = options;
  }

  add(framework: string, update: TaskUpdate): void {
    let queue = this.#queues.get(framework);
    if (queue === undefined) {
      queue = { waiting: [], unstored: undefined, failures: 0 };
      this.#queues.set(framework, queue);
    }
    queue.waiting.push(update);
    if (queue.unstored === undefined) this.#ready.add(framework);
  }

  /** What the stream may not have, in the order in which it happened. */
  restore(tasks: Iterable<{ readonly framework: string; readonly unstored: readonly TaskUpdate[] }>): void {
    const unstored = [...tasks].flatMap(({ framework, unstored: updates }) => {
      // Somebody may have set the clock back between two updates of a task: the later one stays the later one.
      let at = Number.NEGATIVE_INFINITY;
      return updates.map((update) => ({ framework, update, at: (at = Math.max(at, update.at)) }));
    });
    for (const { framework, update } of unstored.toSorted((a, b) => a.at - b.at)) this.add(framework, update);
  }

  /** To be called at the end of a turn. */
  flush(): void {
    if (!this.#isConnected) return;
    for (const framework of this.#ready) {
      const queue = this.#queues.get(framework)!;
      queue.unstored ??= this.#nextBatch(framework, queue);
      this.#options.emit({ type: "publishBatch", batch: queue.unstored });
    }
    this.#ready.clear();
  }

  stored(at: Instant, framework: string, batch: number): void {
    const queue = this.#queues.get(framework);
    if (queue?.unstored?.batch !== batch) return;
    const { updates } = queue.unstored;
    queue.unstored = undefined;
    queue.failures = 0;
    this.#retries.delete(framework);
    if (queue.waiting.length > 0) this.#ready.add(framework);
    else this.#queues.delete(framework);
    this.#options.stored(at, updates);
  }

  failed(at: Instant, framework: string, batch: number): void {
    const queue = this.#queues.get(framework);
    if (queue?.unstored?.batch !== batch) return;
    queue.failures++;
    this.#retries.set(framework, at.mono + backoffMs(again, queue.failures));
  }

  connected(): void {
    this.#isConnected = true;
    this.#retry(this.#queues.keys());
  }

  disconnected(): void {
    this.#isConnected = false;
  }

  tick(at: Instant): void {
    this.#retry(this.#retries.take(at.mono));
  }

  nextDeadline(): number {
    return this.#retries.earliest();
  }

  /** Nothing is left to be stored. */
  isEmpty(): boolean {
    return this.#queues.size === 0;
  }

  #retry(frameworks: Iterable<string>): void {
    for (const framework of frameworks) {
      this.#retries.delete(framework);
      this.#ready.add(framework);
    }
  }

  #nextBatch(framework: string, { waiting }: Queue): StatusBatch {
    let count = 0;
    for (let bytes = 0; count < waiting.length && count < updatesMax; count++) {
      bytes += bytesMostOf(waiting[count]!);
      if (bytes > bytesMax && count > 0) break;
    }
    return {
      agent: this.#options.agent,
      framework,
      generation: this.#options.generation(),
      batch: ++this.#batches,
      updates: waiting.splice(0, count),
    };
  }
}

/** Without its words an update is small; a character of them is six bytes at most. */
const bytesMostOf = ({ message = "" }: TaskUpdate): number => 400 + 6 * message.length;
