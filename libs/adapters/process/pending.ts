/** What was asked and is still to be answered. */
export class Pending<K, T> {
  readonly #asked = new Map<K, { promise: Promise<T>; settle: (answer: T) => void }>();

  /** One question a key: who asks again waits for the same answer. */
  ask(key: K): Promise<T> {
    const found = this.#asked.get(key);
    if (found !== undefined) return found.promise;
    let settle!: (answer: T) => void;
    const promise = new Promise<T>((done) => (settle = done));
    this.#asked.set(key, { promise, settle });
    return promise;
  }

  /** Nothing when nobody asked. */
  answer(key: K, answer: T): void {
    this.#asked.get(key)?.settle(answer);
    this.#asked.delete(key);
  }

  answerAll(answerTo: (key: K) => T): void {
    for (const key of this.#asked.keys()) this.answer(key, answerTo(key));
  }
}
