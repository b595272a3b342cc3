import { never } from "./time.js";

/**
 * When each of many keys is due. A binary heap: O(log n) for each change, O(1) for the earliest. What was moved or deleted
 * leaves a stale entry behind, which is dropped when it comes to the top or when stale ones outnumber the others.
 */
export class DueTimes<K> {
  readonly #due = new Map<K, number>();
  #heap: Entry<K>[] = [];

  /** Replaces what was set before; `never` deletes. */
  set(key: K, at: number): void {
    if (this.#due.get(key) === at) return;
    if (at === never) return this.delete(key);
    this.#due.set(key, at);
    this.#push({ key, at });
    if (this.#heap.length > 2 * this.#due.size + 64) this.#rebuild();
  }

  delete(key: K): void {
    this.#due.delete(key);
  }

  /** Of all keys; `never` when there is none. */
  earliest(): number {
    this.#dropStale();
    return this.#heap[0]?.at ?? never;
  }

  /** Removes and returns the keys that are due at `now` or before, earliest first. */
  take(now: number): K[] {
    const taken: K[] = [];
    while (this.earliest() <= now) {
      const { key } = this.#pop();
      this.#due.delete(key);
      taken.push(key);
    }
    return taken;
  }

  #dropStale(): void {
    while (this.#heap.length > 0 && this.#due.get(this.#heap[0]!.key) !== this.#heap[0]!.at) this.#pop();
  }

  #rebuild(): void {
    this.#heap = [];
    for (const [key, at] of this.#due) this.#push({ key, at });
  }

  #push(entry: Entry<K>): void {
    const heap = this.#heap;
    let index = heap.push(entry) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (heap[parent]!.at <= heap[index]!.at) return;
      [heap[parent], heap[index]] = [heap[index]!, heap[parent]!];
      index = parent;
    }
  }

  #pop(): Entry<K> {
    const heap = this.#heap;
    const top = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return top;
    heap[0] = last;
    for (let index = 0; ;) {
      const left = 2 * index + 1;
      let least = index;
      if (left < heap.length && heap[left]!.at < heap[least]!.at) least = left;
      if (left + 1 < heap.length && heap[left + 1]!.at < heap[least]!.at) least = left + 1;
      if (least === index) return top;
      [heap[least], heap[index]] = [heap[index]!, heap[least]!];
      index = least;
    }
  }
}

interface Entry<K> {
  readonly key: K;
  readonly at: number;
}
