import type { Use } from "#protocol/agent.js";
import { assert } from "#libs/core/assert.js";
import { contains, none, remainder } from "#libs/core/resources.js";
import type { Agent, OpenOffer } from "./agents.js";
import { worthOffering } from "./pieces.js";
import type { Frameworks } from "./frameworks.js";
import type { Shares } from "./shares.js";

/**
 * The books: what every agent has in use and offered, and what that makes of everybody's share. Whatever changes goes
 * through here, so that agents, shares, outstanding units and what is to be looked at anew never disagree.
 *
 * 1. An offer is only opened on what is free: used + offered ≤ total (R1).
 * 2. An open offer is charged in full until it is settled or voided.
 * 3. `fresh` names all that may allow an offer which was not possible before; nothing else needs to be looked at.
 */
export class Books {
  readonly fresh = new Fresh();
  readonly #frameworks: Frameworks;
  readonly #shares: Shares;
  /** Registered agents with something to give. */
  readonly #open: Agent[] = [];

  constructor(frameworks: Frameworks, shares: Shares) {
    this.#frameworks = frameworks;
    this.#shares = shares;
  }

  get open(): readonly Agent[] {
    return this.#open;
  }

  /** The agent counts from now on: its totals, and what is in use there. */
  enter(agent: Agent): void {
    this.#shares.count(agent.info.totals, 1);
    this.#chargeUse(agent, 1);
    agent.recount();
    this.#weigh(agent, true);
  }

  /** It counts no more: its offers have been voided. */
  leave(agent: Agent): void {
    assert(agent.offers.size === 0, "an agent leaves the books without open offers");
    this.#shares.count(agent.info.totals, -1);
    this.#chargeUse(agent, -1);
    this.#weigh(agent, false);
  }

  setUse(agent: Agent, use: readonly Use[]): void {
    this.#chargeUse(agent, -1);
    agent.keepUse(use);
    this.#chargeUse(agent, 1);
    this.refresh(agent);
  }

  openOffer(agent: Agent, offer: OpenOffer): void {
    const left = agent.resources === offer.resources ? none : remainder(agent.resources, offer.resources);
    assert(left !== undefined, "R1: an offer exceeds what is free");
    agent.offers.set(offer.number, offer);
    agent.lastNumber = offer.number;
    agent.resources = left;
    this.#shares.charge(offer.role, offer.framework, offer.resources, 1, 1);
    this.#outstanding(offer, 1);
    this.#weigh(agent, false);
  }

  /** The offers with these numbers that were still open. What is free is counted by the `setUse` or `refresh` that follows. */
  settle(agent: Agent, numbers: Iterable<number>): OpenOffer[] {
    const settled: OpenOffer[] = [];
    for (const number of numbers) {
      const offer = agent.offers.get(number);
      if (offer === undefined) continue;
      agent.offers.delete(number);
      this.#shares.charge(offer.role, offer.framework, offer.resources, -1);
      this.#outstanding(offer, -1);
      this.fresh.roles.add(offer.role);
      settled.push(offer);
    }
    return settled;
  }

  /** All of them: the agent knows none of these any more. */
  voidOffers(agent: Agent): OpenOffer[] {
    const voided = this.settle(agent, [...agent.offers.keys()]);
    if (voided.length > 0) this.refresh(agent);
    return voided;
  }

  /** Counts what is free anew. */
  refresh(agent: Agent): void {
    const before = agent.resources;
    agent.recount();
    this.#weigh(agent, !contains(before, agent.resources));
  }

  /** Somebody may think otherwise of the agent now. */
  lookAt(agent: Agent): void {
    if (agent.openAt >= 0) this.fresh.agents.add(agent);
  }

  /** @param grew whether there is something that was not there before */
  #weigh(agent: Agent, grew: boolean): void {
    const isOpen = agent.mayOffer && worthOffering(agent.resources);
    const wasOpen = agent.openAt >= 0;
    if (isOpen && !wasOpen) agent.openAt = this.#open.push(agent) - 1;
    else if (!isOpen && wasOpen) this.#close(agent);
    if (isOpen && (grew || !wasOpen)) this.fresh.agents.add(agent);
  }

  /** The last one takes its place: what is open stays without gaps. */
  #close(agent: Agent): void {
    const last = this.#open.pop()!;
    if (last !== agent) {
      this.#open[agent.openAt] = last;
      last.openAt = agent.openAt;
    }
    agent.openAt = -1;
    this.fresh.agents.delete(agent);
  }

  #chargeUse(agent: Agent, times: 1 | -1): void {
    for (const { role, framework, resources } of agent.use) {
      this.#shares.charge(role, framework, resources, times);
      if (times < 0) this.fresh.roles.add(role);
    }
  }

  #outstanding(offer: OpenOffer, times: 1 | -1): void {
    const { framework, units } = offer;
    const known = this.#frameworks.get(framework);
    if (known === undefined) return;
    if (times > 0) known.offers.add(offer);
    else known.offers.delete(offer);
    for (const { key, count } of units) {
      const left = (known.outstanding.get(key) ?? 0) + times * count;
      if (left > 0) known.outstanding.set(key, left);
      else known.outstanding.delete(key);
    }
    const isCounted = known.wants.some((want) => Number.isFinite(want.count));
    if (times < 0 && isCounted) this.fresh.frameworks.add(framework);
  }
}

/** What the next allocation pass has to look at; nothing else can have become possible. */
export class Fresh {
  readonly agents = new Set<Agent>();
  readonly frameworks = new Set<string>();
  /** In which something was freed: matters where there is a limit. */
  readonly roles = new Set<string>();

  get isEmpty(): boolean {
    return this.agents.size === 0 && this.frameworks.size === 0;
  }

  clear(): void {
    this.agents.clear();
    this.frameworks.clear();
    this.roles.clear();
  }
}
