/** A message of the stream of updates. */
export interface Delivery {
  readonly number: number;
  /** Who still needs it: its handling, and each change that is held until it is stored. */
  waiting: number;
}

/**
 * Which messages of the stream may be acknowledged (R5): those whose updates are applied and, where the service holds them,
 * stored. One that comes again meanwhile is the same one.
 */
export class Deliveries {
  #open = new Map<number, Delivery>();
  #finished: number[] = [];

  /** Undefined when it is open already. `done` ends the handling. */
  begin(number: number): Delivery | undefined {
    if (this.#open.has(number)) return undefined;
    const delivery = { number, waiting: 1 };
    this.#open.set(number, delivery);
    return delivery;
  }

  done(delivery: Delivery): void {
    delivery.waiting--;
    if (delivery.waiting > 0 || this.#open.get(delivery.number) !== delivery) return;
    this.#open.delete(delivery.number);
    this.#finished.push(delivery.number);
  }

  /** The stream was made anew: its numbers begin again, and nothing of the former can be acknowledged. */
  forget(): void {
    this.#open.clear();
    this.#finished = [];
  }

  /** Those to be acknowledged now. */
  take(): readonly number[] {
    if (this.#finished.length === 0) return [];
    const finished = this.#finished;
    this.#finished = [];
    return finished;
  }
}
