import type { Instant } from "#libs/core/time.js";
import type { Agent } from "./agents.js";
import type { Cluster } from "./cluster.js";
import type { Out } from "./events.js";
import { LossBudget } from "./loss-budget.js";
import type { News } from "./news.js";
import type { Offers } from "./offers.js";
import { agentKey } from "./registry.js";

/**
 * Declares agents unreachable (R7): those that we could have heard for one whole agent time-out and did not, the longest
 * silent first, and never more than a set share of all within a minute. Who is held back stays as he is, and we say so.
 * What leaders before us declared within that minute counts too.
 */
export class Silence {
  readonly #cluster: Cluster;
  readonly #offers: Offers;
  readonly #news: News;
  readonly #out: Out;
  readonly #budget: LossBudget;
  #saidHeldBackAt = Number.NEGATIVE_INFINITY;

  constructor(cluster: Cluster, offers: Offers, news: News, out: Out) {
    this.#cluster = cluster;
    this.#offers = offers;
    this.#news = news;
    this.#out = out;
    this.#budget = new LossBudget(cluster.settings.removalShare);
    const { mono, wall } = cluster.began;
    for (const { lostAt } of cluster.agents.all())
      if (lostAt !== undefined) this.#budget.spend(mono - Math.max(0, wall - lostAt));
  }

  beat(at: Instant): void {
    const { agents, connectivity, settings } = this.#cluster;
    const silent = [...agents.silentSince(connectivity.heardBy(at, settings.agentTimeoutMs))];
    if (silent.length === 0) return;
    const left = this.#budget.left(at.mono, agents.known);
    for (const agent of silent.slice(0, left)) this.#lose(at, agent);
    if (silent.length > left) this.#sayHeldBack(at, silent.length - left);
  }

  #lose(at: Instant, agent: Agent): void {
    const { agents, books } = this.#cluster;
    this.#budget.spend(at.mono);
    agents.stand(agent, "unreachable");
    agent.lostAt = at.wall;
    const offeredTo = Array.from(agent.offers.values(), ({ framework }) => framework);
    this.#offers.voidAll(agent);
    books.leave(agent);
    agent.lostTo = [...new Set([...agent.users, ...offeredTo])];
    const done = { type: "agentLost", agent: agent.id, silentMs: at.mono - agent.heardAt } as const;
    this.#out({ type: "store", key: agentKey(agent.id), value: agent.record(), done });
  }

  /** Told only now: a leader after us counts what was told, and the share of a minute holds for both together. */
  stored(at: Instant, id: string, silentMs: number): void {
    const agent = this.#cluster.agents.get(id);
    if (agent?.standing === "unreachable") this.#news.agentUnreachable(at, agent, silentMs);
  }

  #sayHeldBack(at: Instant, count: number): void {
    if (at.mono - this.#saidHeldBackAt < saidEveryMs) return;
    this.#saidHeldBackAt = at.mono;
    const known = this.#cluster.agents.known;
    const most = this.#budget.mostPerMinute(known);
    const message =
      `${count} more of ${known} agents are silent but not declared unreachable yet: at most ${most} a minute, ` +
      `because so many at once are rather a fault of the network or of ours`;
    this.#out({ type: "log", level: "warn", message });
    this.#news.lossHeldBack(at, message);
  }
}

const saidEveryMs = 60_000;
