import type { Cancel } from "#libs/ports/clock.js";

interface Due {
  readonly at: number;
  /** Of two that are due at one time the one that was asked for first comes first. */
  readonly order: number;
  run: (() => void) | undefined;
}

/** Times are multiples of this part of a millisecond, so that adding them is exact and a deadline is never missed by a rounding. */
const grain = 1024;

/** The virtual time: what is to happen, in order. Nothing happens between two events. */
export class Schedule {
  readonly #heap: Due[] = [];
  #now = 0;
  #count = 0;

  /** Virtual ms since the beginning. */
  get now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): Cancel {
    return this.at(this.#now + ms, run);
  }

  at(time: number, run: () => void): Cancel {
    const at = Math.ceil(Math.max(this.#now, time) * grain) / grain;
    const due: Due = { at, order: this.#count++, run };
    this.#push(due);
    return () => {
      due.run = undefined;
    };
  }

  /** When the next thing happens; undefined when nothing will. */
  next(): number | undefined {
    while (this.#heap.length > 0 && this.#heap[0]!.run === undefined) this.#pop();
    return this.#heap[0]?.at;
  }

  /** Goes to the next event and lets it happen. */
  step(): void {
    if (this.next() === undefined) return;
    const { at, run } = this.#pop();
    this.#now = at;
    run?.();
  }

  /** Lets time pass in which nothing happens. */
  advanceTo(time: number): void {
    this.#now = Math.max(this.#now, Math.ceil(time * grain) / grain);
  }

  #push(due: Due): void {
    const heap = this.#heap;
    let at = heap.push(due) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(due, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = due;
  }

  #pop(): Due {
    const heap = this.#heap;
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length > 0) this.#sink(last);
    return first;
  }

  #sink(due: Due): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, due)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = due;
  }
}

const isBefore = (a: Due, b: Due): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
