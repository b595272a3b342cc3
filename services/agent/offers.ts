import type { Offer, Session } from "#protocol/offer.js";
import { isOlderSession } from "#protocol/offer.js";
import { type Refusal, refusal } from "#protocol/errors.js";
import type { RestRefused } from "#protocol/agent.js";

const windowMax = 256;
const remembersMax = 20_000;

/**
 * Which offers may still be used: R2.
 *
 * - O1 An offer of another generation, below the floor, used, or void is refused; there is no way back.
 * - O2 A new generation voids all earlier offers in one step; before its first one in this process none is taken.
 * - O3 A session once seen fences off the framework's earlier ones.
 * - O4 The heard epoch only grows (R6).
 */
export class Offers {
  #epoch: number;
  #generation: number;
  #isOpen = false;
  #floor = 1;
  readonly #settled = new Set<number>();
  #refused: RestRefused[] = [];
  readonly #sessions = new Map<string, Session>();

  constructor(epoch = 0, generation = 0) {
    this.#epoch = epoch;
    this.#generation = generation;
  }

  /** Highest that was heard of anybody. */
  get epoch(): number {
    return this.#epoch;
  }

  get generation(): number {
    return this.#generation;
  }

  /** True when the epoch is news. */
  hear(epoch: number): boolean {
    if (epoch <= this.#epoch) return false;
    this.#epoch = epoch;
    return true;
  }

  /** As it was before the agent's process ended. */
  restore({ epoch, generation }: { readonly epoch: number; readonly generation: number }): void {
    this.hear(epoch);
    this.#generation = Math.max(this.#generation, generation);
  }

  /** A new generation. */
  cut(): number {
    this.#generation++;
    this.#floor = 1;
    this.#settled.clear();
    this.#refused = [];
    return this.#generation;
  }

  /** The generation goes to a leader: there will be offers of it. */
  open(): void {
    this.#isOpen = true;
  }

  /** Undefined when the epoch may give orders (R6). */
  epochRefusal(epoch: number): Refusal | undefined {
    return epoch < this.#epoch
      ? {
          ...refusal("stale", `epoch ${epoch} is over: epoch ${this.#epoch} has begun`),
          epoch: this.#epoch,
        }
      : undefined;
  }

  /** Undefined when the session is not older than one that was seen. */
  sessionRefusal(framework: string, session: Session): Refusal | undefined {
    const seen = this.#sessions.get(framework);
    return seen !== undefined && isOlderSession(session, seen)
      ? refusal("stale", `session ${text(session)} of ${framework} is over: session ${text(seen)} has begun`)
      : undefined;
  }

  sees(framework: string, session: Session): void {
    const seen = this.#sessions.get(framework);
    if (seen === undefined || isOlderSession(seen, session)) this.#sessions.set(framework, session);
  }

  /** Undefined when the offer is of this generation and still open. */
  offerRefusal({ number, generation }: Pick<Offer, "number" | "generation">): Refusal | undefined {
    if (generation !== this.#generation || !this.#isOpen)
      return refusal(
        "stale",
        this.#isOpen
          ? `the offer is of generation ${generation}; the agent is in generation ${this.#generation}`
          : "the agent has been started anew and has no offers out yet",
      );
    if (number < this.#floor)
      return refusal("offer-void", `offer ${number} is settled: all below ${this.#floor} are`);
    if (this.#settled.has(number)) return refusal("offer-void", `offer ${number} was used or is void`);
    return undefined;
  }

  /** Used: it and those that it replaces are void from now on. */
  use({ number, floor, replaces }: Pick<Offer, "number" | "floor" | "replaces">): void {
    this.void([number, ...replaces], floor);
  }

  void(numbers: readonly number[], floor: number): void {
    for (const number of numbers) if (number >= this.#floor) this.#settled.add(number);
    if (floor <= this.#floor) return;
    this.#floor = floor;
    for (const number of this.#settled) if (number < floor) this.#settled.delete(number);
    this.#refused = this.#refused.filter(({ offer }) => offer >= floor);
  }

  refuseRest(rest: RestRefused): void {
    this.#refused.push(rest);
    if (this.#refused.length > windowMax) this.#refused = this.#refused.slice(-windowMax);
  }

  /** What reports repeat: the latest, not below the floor. */
  window(): { readonly settled: number[]; readonly refused: RestRefused[] } {
    return { settled: [...this.#settled].slice(-windowMax), refused: [...this.#refused] };
  }

  /** More than is good to remember: time for a new generation, with which all of it can be forgotten. */
  isCrowded(): boolean {
    return this.#settled.size > remembersMax;
  }
}

export const sameSession = (a: Session, b: Session): boolean =>
  a.epoch === b.epoch && a.counter === b.counter;

const text = ({ epoch, counter }: Session): string => `${epoch}-${counter}`;
