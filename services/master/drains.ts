import type { Instant } from "#libs/core/time.js";
import type { Agent } from "./agents.js";
import type { Cluster } from "./cluster.js";
import { orderOf } from "./drain.js";
import type { MasterEvent, Out } from "./events.js";
import type { News } from "./news.js";
import type { Offers } from "./offers.js";
import { agentKey, type DrainRecord } from "./registry.js";

/**
 * Agents that an operator wants empty: no offers of them are made, those that are out are rescinded, the frameworks that have
 * something there are told, and so is the agent, which ends by itself what still runs at the deadline: it holds though the
 * frameworks are dead, and so are we.
 *
 * 1. An order is in the registry before anybody is told of it.
 * 2. It is repeated until the agent has recorded it. One that registers hears it with the answer.
 * 3. Orders about one agent are numbered, so that what comes late changes nothing.
 * 4. One that is activated is offered when it has recorded that: before, it would refuse what is launched.
 * 5. Drained is one that has recorded the order, has settled all offers, and reports no task: nothing can come there any more.
 */
export class Drains {
  readonly #cluster: Cluster;
  readonly #offers: Offers;
  readonly #news: News;
  readonly #out: Out;
  /** When those that are not known to have recorded their last order were told last. */
  readonly #toldAt = new WeakMap<Agent, number>();

  constructor(cluster: Cluster, offers: Offers, news: News, out: Out) {
    this.#cluster = cluster;
    this.#offers = offers;
    this.#news = news;
    this.#out = out;
  }

  /** Counts at once here; `stored`, to be called when the registry has it, tells it. */
  drain(at: Instant, agent: Agent, deadlineMs: number | undefined): void {
    const number = (agent.drain?.number ?? 0) + 1;
    const deadline = deadlineMs === undefined ? {} : { deadlineMs };
    this.#order(agent, { number, draining: true, since: at.wall, ...deadline });
    for (const offer of agent.offers.values()) this.#offers.rescind(offer, true);
  }

  /** The same for one that shall take tasks again. */
  activate(at: Instant, agent: Agent): void {
    if (!agent.isDraining) return;
    this.#order(agent, { number: agent.drain!.number + 1, draining: false, since: at.wall });
  }

  stored(at: Instant, agent: Agent): void {
    agent.ordersUnstored = Math.max(0, agent.ordersUnstored - 1);
    // A later order came meanwhile: it is told when it is stored itself.
    if (agent.ordersUnstored > 0) return;
    this.#tell(at, agent);
    if (agent.isDraining) this.#news.agentDraining(at, agent);
    else this.#news.agentActivated(at, agent);
  }

  answered({ agent: id, drain }: Extract<MasterEvent, { type: "drainAnswered" }>): void {
    const { agents, books } = this.#cluster;
    const agent = agents.get(id);
    if (agent === undefined || agent.drain?.number !== drain.order.number) return;
    this.#toldAt.delete(agent);
    agents.drain(agent, agent.drain, true);
    if (agent.standing === "registered") books.refresh(agent);
  }

  failed({ agent, why, epoch }: Extract<MasterEvent, { type: "drainFailed" }>): void {
    if (epoch !== undefined && epoch > this.#cluster.epoch) this.#out({ type: "hearEpoch", epoch });
    const fields = { agent, why };
    this.#out({ type: "log", level: "debug", message: "an agent did not answer to its drain", fields });
  }

  beat(at: Instant): void {
    const { draining, unrecorded } = this.#cluster.agents;
    for (const agent of unrecorded) this.#tell(at, agent);
    for (const agent of draining) if (this.#isEmptied(agent)) this.#emptied(at, agent);
  }

  #order(agent: Agent, order: DrainRecord): void {
    this.#cluster.agents.drain(agent, order, false);
    this.#toldAt.delete(agent);
    agent.ordersUnstored++;
    if (agent.standing === "registered") this.#cluster.books.refresh(agent);
  }

  #tell(at: Instant, agent: Agent): void {
    if (agent.ordersUnstored > 0) return;
    const toldAt = this.#toldAt.get(agent) ?? Number.NEGATIVE_INFINITY;
    if (agent.standing !== "registered" || at.mono - toldAt < this.#cluster.settings.retryMs) return;
    this.#toldAt.set(agent, at.mono);
    const drain = { epoch: this.#cluster.epoch, order: orderOf(agent.drain!, at.wall) };
    this.#out({ type: "orderDrain", agent: agent.id, drain });
  }

  #isEmptied(agent: Agent): boolean {
    if (agent.drain?.drainedAt !== undefined || agent.standing !== "registered") return false;
    return agent.hasRecorded && agent.offers.size === 0 && agent.users.length === 0;
  }

  #emptied(at: Instant, agent: Agent): void {
    this.#cluster.agents.drain(agent, { ...agent.drain!, drainedAt: at.wall }, true);
    this.#out({ type: "store", key: agentKey(agent.id), value: agent.record() });
    this.#news.agentDrained(at, agent);
  }
}
