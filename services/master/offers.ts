import type { Rescind } from "#protocol/agent.js";
import { type Offer, offerId, type Session } from "#protocol/offer.js";
import { never, type Instant } from "#libs/core/time.js";
import type { Agent, OpenOffer } from "./agents.js";
import type { Grant } from "./allocator.js";
import type { Cluster } from "./cluster.js";
import type { MasterEvent, OfferName, Out } from "./events.js";
import type { Framework } from "./frameworks.js";

/**
 * Offers from their making to their settling.
 *
 * 1. An offer is settled by a report or by the answer to a rescind, and voided by a new generation or by unreachability;
 *    never by a belief of ours: until then it stays charged (what it holds may be running already).
 * 2. A rescind is repeated until the agent answers, or its offers are void for another reason.
 * 3. One rescind at a time is under way to an agent.
 */
export class Offers {
  readonly #cluster: Cluster;
  readonly #out: Out;
  /** Those that nobody answered yet, oldest first. */
  readonly #waiting = new Set<OpenOffer>();
  /** None of them expires before, monotonic ms. Not looked up with each event: the first of a set lies behind all that was taken out. */
  #expireAt = never;
  /** Agents that are to be asked at the end of this event. */
  readonly #toAsk = new Set<Agent>();
  /** Those that are being asked. */
  readonly #asked = new Set<Agent>();
  /** Those that did not answer, and when to ask again; in this order. */
  readonly #toAskAgain = new Map<Agent, number>();
  /** What is to be told to sessions at the end of this event. */
  #toTell = new Map<string, string[]>();

  constructor(cluster: Cluster, out: Out) {
    this.#cluster = cluster;
    this.#out = out;
  }

  make(at: Instant, grants: readonly Grant<Agent>[]): void {
    const batches = new Map<string, Offer[]>();
    for (const grant of grants) {
      let batch = batches.get(grant.framework);
      if (batch === undefined) batches.set(grant.framework, (batch = []));
      const session = batch[0]?.session ?? this.#cluster.frameworks.get(grant.framework)!.session!;
      batch.push(this.#open(at, session, grant));
    }
    const size = this.#cluster.settings.offersPerMessage;
    for (const [framework, batch] of batches) {
      const session = batch[0]!.session;
      for (let from = 0; from < batch.length; from += size)
        this.#out({ type: "sendOffers", framework, session, offers: batch.slice(from, from + size) });
    }
  }

  /** The agent has settled these: what they held is used, or free again. */
  settle(agent: Agent, numbers: Iterable<number>): OpenOffer[] {
    const settled = this.#cluster.books.settle(agent, numbers);
    for (const offer of settled) this.#waiting.delete(offer);
    return settled;
  }

  /** The agent honours none of them any more, or cannot be asked. Their sessions are told. */
  voidAll(agent: Agent): void {
    for (const offer of this.#cluster.books.voidOffers(agent)) {
      this.#waiting.delete(offer);
      this.#tell(offer);
    }
    this.#toAsk.delete(agent);
    this.#asked.delete(agent);
    this.#toAskAgain.delete(agent);
  }

  /** Asks the agent to void it; the answer settles it. */
  rescind(offer: OpenOffer, tellSession: boolean): void {
    if (offer.state === "rescinding") return;
    offer.state = "rescinding";
    this.#waiting.delete(offer);
    if (tellSession) this.#tell(offer);
    this.sweep(this.#cluster.agents.get(offer.agent)!);
  }

  rescindOf(framework: Framework): void {
    for (const offer of framework.offers) this.rescind(offer, false);
  }

  /** Has the agent void all that is not open in our books, and say what it has. */
  sweep(agent: Agent): void {
    if (!this.#asked.has(agent) && !this.#toAskAgain.has(agent)) this.#toAsk.add(agent);
  }

  answered(agent: Agent): void {
    this.#asked.delete(agent);
    this.#toAskAgain.delete(agent);
    if (this.#toRescind(agent).length > 0) this.sweep(agent);
  }

  failed(
    at: Instant,
    { agent: id, rescind, why, epoch }: Extract<MasterEvent, { type: "rescindFailed" }>,
  ): void {
    if (epoch !== undefined && epoch > this.#cluster.epoch) this.#out({ type: "hearEpoch", epoch });
    const agent = this.#cluster.agents.get(id);
    if (agent === undefined || !this.#asked.delete(agent)) return;
    if (agent.standing === "registered")
      this.#toAskAgain.set(agent, at.mono + this.#cluster.settings.retryMs);
    const fields = { agent: id, offers: rescind.offers.length, why };
    this.#out({ type: "log", level: "debug", message: "an agent did not answer a rescind", fields });
  }

  undelivered(names: readonly OfferName[]): void {
    for (const { agent, number } of names) {
      const offer = this.#cluster.agents.get(agent)?.offers.get(number);
      if (offer !== undefined) this.rescind(offer, false);
    }
  }

  /** Rescinds what was not answered for the offer time-out. */
  expire(at: Instant): void {
    if (at.mono < this.#expireAt) return;
    this.#expireAt = never;
    for (const offer of this.#waiting) {
      const expireAt = offer.madeAt + this.#cluster.settings.offerTimeoutMs;
      if (expireAt > at.mono) return void (this.#expireAt = expireAt);
      this.rescind(offer, true);
    }
  }

  /** Sends what has gathered in this event. */
  flush(at: Instant): void {
    for (const [agent, againAt] of this.#toAskAgain) {
      if (againAt > at.mono) break;
      this.#toAskAgain.delete(agent);
      this.#toAsk.add(agent);
    }
    for (const agent of this.#toAsk) {
      this.#asked.add(agent);
      this.#out({ type: "rescind", agent: agent.id, rescind: this.#rescindOf(agent) });
    }
    this.#toAsk.clear();
    if (this.#toTell.size === 0) return;
    for (const [framework, offers] of this.#toTell) this.#tellRescinded(framework, offers);
    this.#toTell = new Map();
  }

  nextDeadline(): number {
    const [againAt = never] = this.#toAskAgain.values();
    return Math.min(againAt, this.#waiting.size === 0 ? never : this.#expireAt);
  }

  #open(at: Instant, session: Session, grant: Grant<Agent>): Offer {
    const { agent, framework, role, resources, units } = grant;
    const { epoch, books } = this.#cluster;
    const number = agent.lastNumber + 1;
    const open: OpenOffer = {
      number,
      agent: agent.id,
      framework,
      session,
      role,
      resources,
      units,
      madeAt: at.mono,
      state: "out",
    };
    books.openOffer(agent, open);
    this.#waiting.add(open);
    this.#expireAt = Math.min(this.#expireAt, at.mono + this.#cluster.settings.offerTimeoutMs);
    return agent.offer(epoch, open);
  }

  #toRescind(agent: Agent): number[] {
    const numbers: number[] = [];
    for (const { number, state } of agent.offers.values()) if (state === "rescinding") numbers.push(number);
    return numbers;
  }

  #rescindOf(agent: Agent): Rescind {
    const { generation, floor } = agent;
    return { epoch: this.#cluster.epoch, generation, offers: this.#toRescind(agent), floor };
  }

  #tell(offer: OpenOffer): void {
    const name = offerId({ agent: offer.agent, epoch: this.#cluster.epoch, number: offer.number });
    const names = this.#toTell.get(offer.framework);
    if (names === undefined) this.#toTell.set(offer.framework, [name]);
    else names.push(name);
  }

  #tellRescinded(id: string, offers: string[]): void {
    const framework = this.#cluster.frameworks.get(id);
    if (framework?.session === undefined || !framework.connected) return;
    const { epoch } = this.#cluster;
    for (let from = 0; from < offers.length; from += rescindedPerMessage)
      this.#out({
        type: "tellFramework",
        framework: id,
        session: framework.session,
        event: { type: "rescinded", epoch, offers: offers.slice(from, from + rescindedPerMessage) },
      });
  }
}

const rescindedPerMessage = 500;
