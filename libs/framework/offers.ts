import { type Backoff, backoffMs } from "#libs/core/backoff.js";
import { type Instant, never } from "#libs/core/time.js";
import type { Offer, Session } from "#protocol/offer.js";
import { offerId } from "#protocol/offer.js";
import type { FrameworkEffect } from "./effects.js";
import type { HeldOffer } from "./events.js";

/** As many ids as surely fit one message. */
const declineMost = 1000;

/** A leader that cannot be reached answers at once that it did not hear. */
const retry: Backoff = { firstMs: 200, factor: 2, mostMs: 10_000 };

/** The offers that may be used now, and those that the leader is to have back. */
export class Offers {
  readonly #held = new Map<string, HeldOffer>();
  /** By how long they are not wanted. */
  readonly #declined = new Map<number, string[]>();
  readonly #send: (effect: FrameworkEffect) => void;
  #failures = 0;
  #notBefore = -never;

  constructor(send: (effect: FrameworkEffect) => void) {
    this.#send = send;
  }

  get isEmpty(): boolean {
    return this.#held.size === 0;
  }

  /** An offer takes the place of those that it replaces: using it voids them. */
  add(offers: readonly HeldOffer[]): void {
    for (const held of offers) {
      const { agent, epoch, replaces } = held.offer;
      for (const number of replaces) this.#held.delete(offerId({ agent, epoch, number }));
      this.#held.set(offerId(held.offer), held);
    }
  }

  rescind(ids: readonly string[]): void {
    for (const id of ids) this.#held.delete(id);
  }

  dropAgent(agent: string): void {
    for (const [id, { offer }] of this.#held) if (offer.agent === agent) this.#held.delete(id);
  }

  /** The session is over, and all offers with it. */
  dropAll(): void {
    this.#held.clear();
    this.#declined.clear();
    this.heard();
  }

  /** All of them, by name; none are held afterwards: they are used or declined. */
  take(): Map<string, HeldOffer> {
    const taken = new Map(this.#held);
    this.#held.clear();
    return taken;
  }

  decline(ids: Iterable<string>, filterMs: number): void {
    const declined = this.#declined.get(filterMs) ?? [];
    declined.push(...ids);
    if (declined.length > 0) this.#declined.set(filterMs, declined);
  }

  /** The leader may not have heard it: said again after a pause, or they stay out until they time out. */
  declineAgain(at: Instant, ids: readonly string[], filterMs: number): void {
    this.decline(ids, filterMs);
    this.#notBefore = at.mono + backoffMs(retry, ++this.#failures);
  }

  /** The leader has heard what was declined. */
  heard(): void {
    this.#failures = 0;
    this.#notBefore = -never;
  }

  /** What was not tried before goes with the event that declines it. */
  nextDeadline(): number {
    return this.#failures === 0 || this.#declined.size === 0 ? never : this.#notBefore;
  }

  /** Tells the leader, all at once. */
  flush(at: Instant, session: Session | undefined): void {
    if (session === undefined || this.#declined.size === 0 || at.mono < this.#notBefore) return;
    for (const [filterMs, offers] of this.#declined)
      for (let first = 0; first < offers.length; first += declineMost)
        this.#send({
          type: "decline",
          session,
          offers: offers.slice(first, first + declineMost),
          filterMs,
        });
    this.#declined.clear();
  }
}

/** What makes an offer ours to use. */
export const isFor = (offer: Offer, framework: string, session: Session): boolean =>
  offer.framework === framework &&
  offer.epoch === session.epoch &&
  offer.session.epoch === session.epoch &&
  offer.session.counter === session.counter;
