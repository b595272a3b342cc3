import type { Instant } from "#libs/core/time.js";
import type { Agent } from "./agents.js";
import { awaySince } from "./agents.js";
import type { Cluster } from "./cluster.js";
import type { Out } from "./events.js";
import type { News } from "./news.js";
import type { Offers } from "./offers.js";
import { agentKey } from "./registry.js";

/**
 * Forgets agents that have been unreachable or gone for `forgetAfterMs`, by the wall clock since leaders come and go meanwhile.
 * For its frameworks a forgotten agent is gone: they give its tasks up, and keep what they need to end them should it turn up.
 * It is then a new agent, with whatever it says that it runs.
 *
 * Whoever was cut off himself, or has only just begun to lead, forgets nobody (R7): a cluster may have been switched off as a
 * whole, and its agents are on their way.
 */
export class Forgetting {
  readonly #cluster: Cluster;
  readonly #offers: Offers;
  readonly #news: News;
  readonly #out: Out;

  constructor(cluster: Cluster, offers: Offers, news: News, out: Out) {
    this.#cluster = cluster;
    this.#offers = offers;
    this.#news = news;
    this.#out = out;
  }

  beat(at: Instant): void {
    const { agents, began, settings } = this.#cluster;
    if (!this.#maySpeak(at)) return;
    let left = mostPerBeat;
    for (const agent of agents.away()) {
      const since = awaySince(agent) ?? began.wall;
      if (at.wall - since < settings.forgetAfterMs || left-- === 0) return;
      this.#forget(at, agent, since);
    }
  }

  #maySpeak(at: Instant): boolean {
    const { connectivity, settings } = this.#cluster;
    const longEnough = connectivity.totalMs >= Math.min(settings.forgetAfterMs, leadingFirstMs);
    return longEnough && connectivity.heardBy(at, settings.agentTimeoutMs) !== Number.NEGATIVE_INFINITY;
  }

  #forget(at: Instant, agent: Agent, since: number): void {
    const { agents } = this.#cluster;
    this.#offers.voidAll(agent);
    agents.stand(agent, "gone");
    agents.forget(agent);
    this.#out({ type: "forget", key: agentKey(agent.id) });
    this.#news.agentForgotten(at, agent, since);
  }
}

/** A leader is connected for so long in all before it forgets anybody. */
const leadingFirstMs = 3_600_000;
/** Many may have gone at once. */
const mostPerBeat = 100;
