import { type MonoTypeOperatorFunction, Observable } from "rxjs";
import type { Cancel, Clock } from "#libs/ports/clock.js";

export interface PacedOptions<T> {
  readonly clock: Clock;
  /** Who asks: of what waits, his latest counts. */
  readonly keyOf: (value: T) => string;
  /** Who has waited for so long has given up, ms. */
  readonly patienceMs: number;
  /** Most of a turn that is spent on these, ms. 50 unless given. */
  readonly sliceMs?: number;
}

/**
 * For requests that may come all at once: passes them on for a slice of each turn of the event loop, so that everything else that the
 * process does has its turn. They go in their order; but when the first has waited for half of the patience, the latest goes first:
 * he will still be there for the answer, and whoever has given up asks again ("adaptive LIFO", B. Maurer, "Fail at Scale", ACM Queue
 * 13(8), 2015). An answer that came too late would be work for nothing, and the request that follows it the next one.
 */
export function paced<T>({
  clock,
  keyOf,
  patienceMs,
  sliceMs = 50,
}: PacedOptions<T>): MonoTypeOperatorFunction<T> {
  return (source) =>
    new Observable((receiver) => {
      const line = new Line<T>(patienceMs);
      let rest: Cancel | undefined;
      const serve = () => {
        rest = clock.after(0, () => {
          rest = undefined;
          if (!line.isEmpty) serve();
        });
        const end = clock.now().mono + sliceMs;
        for (let now = end - sliceMs; now < end; now = clock.now().mono) {
          const next = line.take(now);
          if (next === undefined) return;
          receiver.next(next.value);
        }
      };
      receiver.add(
        source.subscribe({
          next(value) {
            line.add(keyOf(value), value, clock.now().mono);
            if (rest === undefined) serve();
          },
          error: (cause) => receiver.error(cause),
          complete: () => receiver.complete(),
        }),
      );
      receiver.add(() => rest?.());
    });
}

interface Waiting<T> {
  readonly key: string;
  readonly value: T;
  /** Monotonic ms */
  readonly since: number;
}

class Line<T> {
  readonly #patienceMs: number;
  /** In the order in which they came, from `first` on. */
  #all: Waiting<T>[] = [];
  #first = 0;
  /** The one of each key that counts. */
  readonly #latest = new Map<string, Waiting<T>>();

  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  get isEmpty(): boolean {
    return this.#latest.size === 0;
  }

  add(key: string, value: T, now: number): void {
    const waiting = { key, value, since: now };
    this.#all.push(waiting);
    this.#latest.set(key, waiting);
  }

  take(now: number): Waiting<T> | undefined {
    for (;;) {
      const oldest = this.#all[this.#first];
      if (oldest === undefined) return this.#clear();
      const waited = now - oldest.since;
      const isLate = waited > this.#patienceMs / 2 && waited <= this.#patienceMs;
      const taken = isLate ? this.#all.pop()! : oldest;
      if (!isLate) this.#leaveFirst();
      if (this.#latest.get(taken.key) !== taken) continue;
      this.#latest.delete(taken.key);
      if (now - taken.since <= this.#patienceMs) return taken;
    }
  }

  #leaveFirst(): void {
    this.#first++;
    if (this.#first < 1024 || this.#first * 2 < this.#all.length) return;
    this.#all = this.#all.slice(this.#first);
    this.#first = 0;
  }

  #clear(): undefined {
    this.#all = [];
    this.#first = 0;
  }
}
