import { type Instant, never } from "#libs/core/time.js";
import type { Agent } from "./agents.js";
import type { Cluster } from "./cluster.js";
import type { MasterEvent, Out } from "./events.js";
import type { Framework } from "./frameworks.js";
import type { News } from "./news.js";
import type { Offers } from "./offers.js";
import { frameworkKey } from "./registry.js";

/**
 * Frameworks that go for good: removed by an operator, or away for longer than they asked for (their failover time-out,
 * which counts our connected time of this term only). Every agent where they have tasks is told to end them, again until
 * its reports show none; an agent that comes back later is told then. After the last one the framework is forgotten.
 */
export class Departures {
  readonly #cluster: Cluster;
  readonly #offers: Offers;
  readonly #news: News;
  readonly #out: Out;
  /** When each agent was told last, by framework. */
  readonly #leaving = new Map<Framework, Map<string, number>>();

  constructor(cluster: Cluster, offers: Offers, news: News, out: Out) {
    this.#cluster = cluster;
    this.#offers = offers;
    this.#news = news;
    this.#out = out;
    for (const framework of cluster.frameworks.sorted())
      if (framework.removed) this.#leaving.set(framework, new Map());
  }

  /** @param done follows when it is stored */
  remove(at: Instant, framework: Framework, why: string, done?: MasterEvent): void {
    if (framework.removed) return done && this.#store(framework, done);
    framework.removed = true;
    framework.connected = false;
    this.#cluster.frameworks.changed(framework);
    this.#offers.rescindOf(framework);
    this.#leaving.set(framework, new Map());
    this.#store(framework, done);
    this.#news.frameworkRemoved(at, framework, why);
    this.#follow(at, framework);
  }

  beat(at: Instant): void {
    const { totalMs } = this.#cluster.connectivity;
    for (const framework of this.#cluster.frameworks.awayWithTimeout) {
      const { failoverTimeoutMs = never, lastSeenMs } = framework;
      if (totalMs - lastSeenMs >= failoverTimeoutMs)
        this.remove(at, framework, `away for its failover time-out of ${failoverTimeoutMs / 1000} s`);
    }
    for (const framework of this.#leaving.keys()) this.#follow(at, framework);
  }

  /** How many agents still have something of it. */
  leftOf(framework: Framework): number {
    return [...this.#holders(framework)].length;
  }

  #store(framework: Framework, done?: MasterEvent): void {
    const { id } = framework;
    this.#out({ type: "store", key: frameworkKey(id), value: framework.record(), ...(done && { done }) });
  }

  #follow(at: Instant, framework: Framework): void {
    const told = this.#leaving.get(framework)!;
    let left = 0;
    for (const agent of this.#holders(framework)) {
      left++;
      const toldAt = told.get(agent.id) ?? Number.NEGATIVE_INFINITY;
      if (agent.standing !== "registered" || at.mono - toldAt < againMs) continue;
      told.set(agent.id, at.mono);
      const removal = { epoch: this.#cluster.epoch, framework: framework.id };
      this.#out({ type: "removeFromAgent", agent: agent.id, removal });
    }
    if (left === 0) this.#forget(framework);
  }

  #forget(framework: Framework): void {
    this.#leaving.delete(framework);
    this.#cluster.frameworks.forget(framework);
    this.#cluster.filters.clear(framework.id);
    this.#out({ type: "forget", key: frameworkKey(framework.id) });
    this.#out({ type: "dropConsumer", framework: framework.id });
  }

  *#holders({ id, offers }: Framework): Iterable<Agent> {
    const offering = new Set([...offers].map(({ agent }) => agent));
    for (const agent of this.#cluster.agents.all())
      if (agent.standing !== "gone" && (agent.has(id) || offering.has(agent.id))) yield agent;
  }
}

/** Tasks take their grace to end: asking more often would change nothing. */
const againMs = 10_000;
