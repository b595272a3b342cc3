import type { Breach } from "./breaches.js";

/** R6 At most one master acts in an epoch, whatever it says to whom; an agent obeys none of an older epoch than it has heard of. */
export class LeadersRule {
  readonly #breach: Breach;
  readonly #leaders = new Map<number, string>();
  /** Where the answer to an order goes → the epoch of the order. */
  readonly #orders = new Map<string, number>();

  constructor(breach: Breach) {
    this.#breach = breach;
  }

  /** A master's word, and where the answer goes, if one is expected. */
  speaks(master: string, epoch: number, reply?: string): void {
    const known = this.#leaders.get(epoch) ?? master;
    if (known !== master) this.#breach(`R6: ${known} and ${master} both lead in epoch ${epoch}`);
    this.#leaders.set(epoch, known);
    if (reply !== undefined) this.#orders.set(reply, epoch);
  }

  isAnswer(subject: string): boolean {
    return this.#orders.has(subject);
  }

  /** An agent has done what was ordered, and says which epoch it has heard of. */
  obeyed(subject: string, agent: string, heard: number): void {
    const epoch = this.#orders.get(subject) ?? heard;
    if (epoch < heard)
      this.#breach(`R6: agent ${agent} obeys a master of epoch ${epoch}, and has heard of epoch ${heard}`);
  }
}
