import type { Instant } from "#libs/core/time.js";
import { allocate, type Claim, type Market, type RoleClaim } from "./allocator.js";
import type { Agent } from "./agents.js";
import type { Cluster } from "./cluster.js";
import type { Framework } from "./frameworks.js";
import type { Offers } from "./offers.js";
import { headroom } from "./roles.js";

/**
 * Runs an allocation pass whenever something may have become possible: at once when the last one is a pass interval ago,
 * else then, so that what happens close together is shared out together. A pass looks at what is fresh only.
 */
export class Allocation {
  readonly #cluster: Cluster;
  readonly #offers: Offers;
  #lastPassAt = Number.NEGATIVE_INFINITY;
  #passes = 0;
  #wasComplete = false;

  constructor(cluster: Cluster, offers: Offers) {
    this.#cluster = cluster;
    this.#offers = offers;
  }

  run(at: Instant): void {
    this.#lookAtCompleteness();
    if (this.#cluster.recovery.isOn(at)) return;
    const { fresh } = this.#cluster.books;
    if (fresh.isEmpty || at.mono < this.nextDeadline()) return;
    const market = this.#market(at);
    fresh.clear();
    if (market.roles.length === 0 || market.open.length === 0) return;
    this.#lastPassAt = at.mono;
    this.#passes++;
    this.#offers.make(at, allocate(market));
  }

  nextDeadline(): number {
    // When the recovery is over a beat finds out.
    return this.#cluster.recovery.isWaiting || this.#cluster.books.fresh.isEmpty
      ? Number.POSITIVE_INFINITY
      : this.#lastPassAt + this.#cluster.settings.passIntervalMs;
  }

  /** A limit bounds what is used and offered in all: as long as an agent is awaited, we do not know that. */
  #lookAtCompleteness(): void {
    const { agents, frameworks, roles, books } = this.#cluster;
    const isComplete = agents.awaited === 0;
    if (isComplete && !this.#wasComplete)
      for (const { id, role } of frameworks.wanting)
        if (roles.get(role).limit !== undefined) books.fresh.frameworks.add(id);
    this.#wasComplete = isComplete;
  }

  #market(at: Instant): Market<Agent> {
    const { books, filters, shares } = this.#cluster;
    return {
      total: shares.total,
      open: books.open,
      fresh: [...books.fresh.agents],
      turn: this.#passes,
      roles: this.#roleClaims(at),
      blocks: (framework, agent, offered) => filters.blocks(framework, agent, offered),
    };
  }

  #roleClaims(at: Instant): RoleClaim[] {
    const { agents, frameworks, roles, shares } = this.#cluster;
    const claims = new Map<string, Claim[]>();
    for (const framework of frameworks.wanting) {
      if (framework.deafUntil > at.mono || !hasLeft(framework)) continue;
      const claim = this.#claim(framework);
      const others = claims.get(framework.role);
      if (others === undefined) claims.set(framework.role, [claim]);
      else others.push(claim);
    }
    const roleClaims: RoleClaim[] = [];
    for (const [name, all] of claims) {
      const { weight, limit } = roles.get(name);
      if (limit !== undefined && agents.awaited > 0) continue;
      const { amounts: charged, allocations } = shares.role(name);
      const claim = { name, weight, charged, allocations, claims: all };
      roleClaims.push(limit === undefined ? claim : { ...claim, headroom: headroom(limit, charged) });
    }
    return roleClaims;
  }

  #claim({ id, role, wants, outstanding }: Framework): Claim {
    const { books, filters, roles, shares } = this.#cluster;
    const { amounts: charged, allocations } = shares.framework(role, id);
    const { fresh } = books;
    const looksEverywhere =
      fresh.frameworks.has(id) || (fresh.roles.has(role) && roles.get(role).limit !== undefined);
    const hasFilters = filters.has(id);
    return { framework: id, charged, allocations, wants, outstanding, looksEverywhere, hasFilters };
  }
}

const hasLeft = ({ wants, outstanding }: Framework): boolean =>
  wants.some(({ key, count }) => (outstanding.get(key) ?? 0) < count);
