import type { Resources } from "#protocol/resources.js";
import { dominantShare } from "#libs/core/resources.js";
import type { Claim, RoleClaim } from "./allocator.js";
import type { Want } from "./frameworks.js";
import { Heap } from "./heap.js";
import { hasSize } from "./pieces.js";

/** Who takes part in one pass of the allocator, the poorest first: the roles, and the frameworks of each. */

/** A step is at most this part of a fair share. */
const stepsPerShare = 32;

interface Ranked {
  readonly name: string;
  rank: number;
  allocations: number;
}

export const isPoorer = (a: Ranked, b: Ranked): boolean =>
  a.rank !== b.rank
    ? a.rank < b.rank
    : a.allocations !== b.allocations
      ? a.allocations < b.allocations
      : a.name < b.name;

/** A role within one pass. */
export class RoleClaimant implements Ranked {
  readonly name: string;
  readonly headroom: Record<string, number> | undefined;
  readonly #role: RoleClaim;
  readonly #total: Resources;
  readonly #weights: number;
  readonly #purse: Purse;
  #claimants: Heap<Claimant> | undefined;
  rank: number;
  allocations: number;

  /** @param weights of all roles that take part */
  constructor(role: RoleClaim, total: Resources, weights: number) {
    this.name = role.name;
    this.#role = role;
    this.#total = total;
    this.#weights = weights;
    this.#purse = new Purse(role.charged);
    this.headroom = role.headroom && { ...role.headroom };
    this.rank = this.#purse.share(total) / role.weight;
    this.allocations = role.allocations;
  }

  /** Made when its turn comes, as its claims are. */
  get claimants(): Heap<Claimant> {
    if (this.#claimants === undefined) {
      const { claims, weight } = this.#role;
      const stepShare = weight / this.#weights / claims.length / stepsPerShare;
      const claimants = claims.map((claim) => new Claimant(claim, this.#total, stepShare));
      this.#claimants = new Heap(isPoorer, claimants);
    }
    return this.#claimants;
  }

  charge(resources: Resources): void {
    this.#purse.add(resources);
    this.rank = this.#purse.share(this.#total) / this.#role.weight;
    this.allocations++;
    const headroom = this.headroom;
    if (headroom === undefined) return;
    for (const name in headroom)
      headroom[name] = Math.max(0, headroom[name]! - (resources.scalars[name] ?? 0));
  }
}

/** A framework within one pass. */
export class Claimant implements Ranked {
  readonly claim: Claim;
  readonly name: string;
  hasGrants = false;
  /** Most of the cluster that it takes in one step. */
  readonly stepShare: number;
  readonly #purse: Purse;
  #wants: readonly Wanted[] | undefined;
  #turn = 0;
  rank: number;
  allocations: number;

  constructor(claim: Claim, total: Resources, stepShare: number) {
    this.claim = claim;
    this.name = claim.framework;
    this.stepShare = stepShare;
    this.#purse = new Purse(claim.charged);
    this.rank = this.#purse.share(total);
    this.allocations = claim.allocations;
  }

  /** Made when its turn comes: most do not have one in a pass over a single agent. */
  get wants(): readonly Wanted[] {
    const { wants, outstanding } = this.claim;
    this.#wants ??= wants.map((want) => new Wanted(want, outstanding.get(want.key) ?? 0));
    return this.#wants;
  }

  /** In turns, so that each kind of need is served. */
  nextWant(): Wanted {
    return this.wants[this.#turn++ % this.wants.length]!;
  }

  charge(resources: Resources, total: Resources): void {
    this.#purse.add(resources);
    this.rank = this.#purse.share(total);
    this.allocations++;
  }
}

/** A need of a framework within one pass, and how much of it is left to be met. */
export class Wanted {
  readonly key: string;
  readonly need: Want["need"];
  readonly isSized: boolean;
  readonly isCounted: boolean;
  /** Units still wanted. */
  left: number;
  taken = 0;
  #mostAtOnce: number | undefined;

  constructor({ key, need, count }: Want, outstanding: number) {
    this.key = key;
    this.need = need;
    this.isSized = need !== undefined && hasSize(need);
    this.isCounted = Number.isFinite(count);
    this.left = Math.max(0, count - outstanding);
  }

  mostAtOnce({ stepShare }: Claimant, agents: number, total: Resources): number {
    this.#mostAtOnce ??= Math.max(1, Math.min(this.#perStep(stepShare, total), this.#evenly(agents)));
    return Math.min(this.left, this.#mostAtOnce);
  }

  #perStep(stepShare: number, total: Resources): number {
    const share = this.need === undefined ? 0 : dominantShare(this.need.resources, total);
    return share > 0 ? Math.floor(stepShare / share) : 1;
  }

  #evenly(agents: number): number {
    return this.isCounted ? Math.ceil(this.left / Math.max(1, agents)) : Number.POSITIVE_INFINITY;
  }
}

/** What somebody has, counted on within the pass. Scalars only: ports are no part of a share. */
class Purse {
  #held: Resources;
  #isOurs = false;

  constructor(held: Resources) {
    this.#held = held;
  }

  add({ scalars }: Resources): void {
    if (!this.#isOurs) this.#held = { scalars: { ...this.#held.scalars }, ports: [] };
    this.#isOurs = true;
    const mine = this.#held.scalars;
    for (const name in scalars) mine[name] = (mine[name] ?? 0) + scalars[name]!;
  }

  share(total: Resources): number {
    return dominantShare(this.#held, total);
  }
}
