import type { Resources } from "#protocol/resources.js";
import type { Instant } from "#libs/core/time.js";
import { allocate, type Claim, type Grant, type RoleClaim } from "./allocator.js";
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
    const grants = this.#grants(at);
    fresh.clear();
    if (grants !== undefined) this.#offers.make(at, grants);
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
      for (const [role, wanting] of frameworks.wanting)
        if (roles.get(role).limit !== undefined) for (const { id } of wanting) books.fresh.frameworks.add(id);
    this.#wasComplete = isComplete;
  }

  /** Undefined when there is nobody who wants something, or nothing to give: that is no pass. */
  #grants(at: Instant): Grant<Agent>[] | undefined {
    const { books, filters, shares } = this.#cluster;
    const roles = this.#demands(at);
    if (roles.length === 0 || books.open.length === 0) return undefined;
    this.#lastPassAt = at.mono;
    return allocate({
      total: shares.total,
      open: books.open,
      fresh: [...books.fresh.agents],
      turn: this.#passes++,
      roles,
      someLookEverywhere: this.#someLookEverywhere(at, roles),
      blocks: (framework, agent, offered) => filters.blocks(framework, agent, offered),
    });
  }

  #demands(at: Instant): Demand[] {
    const { agents, frameworks, roles } = this.#cluster;
    const demands: Demand[] = [];
    for (const [role, wanting] of frameworks.wanting) {
      if (roles.get(role).limit !== undefined && agents.awaited > 0) continue;
      const demand = new Demand(this.#cluster, at, role, wanting);
      if (!demand.isEmpty) demands.push(demand);
    }
    return demands;
  }

  #someLookEverywhere(at: Instant, demands: readonly Demand[]): boolean {
    if (demands.some(({ hasRoom }) => hasRoom)) return true;
    const { books, frameworks } = this.#cluster;
    for (const id of books.fresh.frameworks) {
      const framework = frameworks.get(id);
      if (framework?.wantsOffers === true && takesPart(at, framework)) return true;
    }
    return false;
  }
}

function takesPart(at: Instant, { deafUntil, wants, outstanding }: Framework): boolean {
  if (deafUntil > at.mono) return false;
  return wants.some(({ key, count }) => (outstanding.get(key) ?? 0) < count);
}

/** What the frameworks of one role want in this pass. */
class Demand implements RoleClaim {
  readonly name: string;
  readonly weight: number;
  readonly charged: Resources;
  readonly allocations: number;
  readonly headroom: Record<string, number> | undefined;
  /** Something was freed under the limit of the role: all look everywhere. */
  readonly hasRoom: boolean;
  readonly #cluster: Cluster;
  readonly #at: Instant;
  readonly #wanting: ReadonlySet<Framework>;
  #claims: readonly Claim[] | undefined;

  constructor(cluster: Cluster, at: Instant, name: string, wanting: ReadonlySet<Framework>) {
    const { books, roles, shares } = cluster;
    const { weight, limit } = roles.get(name);
    const { amounts: charged, allocations } = shares.role(name);
    this.name = name;
    this.weight = weight;
    this.charged = charged;
    this.allocations = allocations;
    this.headroom = limit && headroom(limit, charged);
    this.#cluster = cluster;
    this.#at = at;
    this.#wanting = wanting;
    this.hasRoom = limit !== undefined && books.fresh.roles.has(name);
  }

  get isEmpty(): boolean {
    for (const framework of this.#wanting) if (takesPart(this.#at, framework)) return false;
    return true;
  }

  /** Made when the role's turn comes: for a single agent that is mostly the turn of one role only. */
  get claims(): readonly Claim[] {
    this.#claims ??= [...this.#wanting]
      .filter((framework) => takesPart(this.#at, framework))
      .map((framework) => this.#claim(framework));
    return this.#claims;
  }

  #claim({ id, wants, outstanding }: Framework): Claim {
    const { books, filters, shares } = this.#cluster;
    const { amounts: charged, allocations } = shares.framework(this.name, id);
    const looksEverywhere = this.hasRoom || books.fresh.frameworks.has(id);
    const hasFilters = filters.has(id);
    return { framework: id, charged, allocations, wants, outstanding, looksEverywhere, hasFilters };
  }
}
