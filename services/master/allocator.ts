import type { Resources } from "#protocol/resources.js";
import type { Place } from "#libs/core/fits.js";
import { add, isEmpty, none, subtract } from "#libs/core/resources.js";
import type { Units } from "./agents.js";
import { type Claimant, isPoorer, RoleClaimant, type Wanted } from "./claimants.js";
import type { Want } from "./frameworks.js";
import { Heap } from "./heap.js";
import { clipped, piece, timesIn, worthOffering } from "./pieces.js";
import { Hall, Ring, type Stall } from "./ring.js";

/**
 * Who is offered what: dominant resource fairness, first between roles, then between the frameworks of a role, by
 * progressive filling (Ghodsi et al., "Dominant Resource Fairness", NSDI 2011, algorithm 1): again and again the poorest
 * takes one step, until nobody can take one. Share: the largest fraction of any resource of the cluster that is used or
 * offered, divided by the weight; ties: fewer allocations, then the name.
 *
 * How large a step is decides between hoarding and haste:
 * - A need with a size is met in pieces of it, so that frameworks share an agent and nobody is shown what he would have to
 *   decline. A step is as many pieces as fit, but at most 1/32 of the framework's fair share of the cluster (error of the
 *   shares: about 3 %), and of a counted need not more than its even spread over the agents.
 * - A counted need is offered as often as it is wanted, and on up to `choice` more agents, so that a framework that spreads
 *   may choose (the power of two choices, Mitzenmacher 2001); these come last, when everybody has taken his steps.
 * - Without a size a step is all that is left of one agent: nobody knows what would be too small.
 */
export function allocate<S extends Supply>(market: Market<S>): Grant<S>[] {
  return new Pass(market).run() as Grant<S>[];
}

export interface Supply extends Place {
  /** Its place in `open`. */
  readonly openAt: number;
  /** The last port that was offered there. */
  readonly lastPort: number;
}

export interface Market<S extends Supply = Supply> {
  /** Of the whole cluster. */
  readonly total: Resources;
  /** All agents with something free. */
  readonly open: readonly S[];
  /** Those among them that have something new: all that most claims need to look at. */
  readonly fresh: readonly S[];
  /** The number of the pass: where to begin looking goes round with it. */
  readonly turn: number;
  readonly roles: readonly RoleClaim[];
  /** Whether any of their claims does. */
  readonly someLookEverywhere: boolean;
  /** Whether the framework has said that it does not want this from there. */
  blocks(framework: string, agent: string, offered: Resources): boolean;
}

export interface RoleClaim {
  readonly name: string;
  readonly weight: number;
  /** Used and offered. */
  readonly charged: Resources;
  readonly allocations: number;
  /** What it may still take, where it has a limit. */
  readonly headroom: Record<string, number> | undefined;
  /** Not read before the role's turn comes. At least one. */
  readonly claims: readonly Claim[];
}

export interface Claim {
  readonly framework: string;
  readonly charged: Resources;
  readonly allocations: number;
  readonly wants: readonly Want[];
  /** Units that open offers hold, by the key of the want. */
  readonly outstanding: ReadonlyMap<string, number>;
  /** It has changed: it looks at all agents, not only at the fresh ones. */
  readonly looksEverywhere: boolean;
  readonly hasFilters: boolean;
}

export interface Grant<S extends Supply = Supply> {
  readonly agent: S;
  readonly framework: string;
  readonly role: string;
  readonly resources: Resources;
  readonly units: readonly Units[];
}

/** Agents beyond the count of a need that are shown for choice. */
export const choice = 2;

/** With more fresh agents it costs more to look whether all are sold out than to ask on. */
const askedAfter = 4;

class Pass {
  readonly #market: Market;
  /** By the agent's place in `open`, as far as somebody has looked. */
  readonly #stalls = new Map<number, Stall>();
  readonly #everywhere = new Map<string, Ring>();
  readonly #fresh = new Map<string, Ring>();
  readonly #grants: GrowingGrant[] = [];
  readonly #allHall: Hall;
  readonly #freshHall: Hall;

  constructor(market: Market) {
    this.#market = market;
    this.#allHall = new Hall(market.open);
    this.#freshHall = new Hall(market.fresh);
  }

  run(): Grant[] {
    const weights = this.#market.roles.reduce((sum, { weight }) => sum + weight, 0);
    const roles = new Heap(
      isPoorer,
      this.#market.roles.map((role) => new RoleClaimant(role, this.#market.total, weights)),
    );
    const served: { role: RoleClaimant; claimant: Claimant }[] = [];
    for (let role = roles.peek(); role !== undefined && !this.#isSoldOut(); role = roles.peek()) {
      const claimant = role.claimants.peek();
      if (claimant === undefined) {
        roles.pop();
      } else if (this.#serve(role, claimant)) {
        role.claimants.settleFirst();
        roles.settleFirst();
      } else {
        role.claimants.pop();
        if (claimant.hasGrants) served.push({ role, claimant });
      }
    }
    for (const { role, claimant } of served) this.#serveChoice(role, claimant);
    return this.#grants;
  }

  /** True when a few agents were all that anybody looks at, and nothing is left of them: the rest need not be asked. */
  #isSoldOut(): boolean {
    const { fresh, someLookEverywhere } = this.#market;
    if (someLookEverywhere || fresh.length > askedAfter) return false;
    return fresh.every(({ openAt }) => {
      const stall = this.#stalls.get(openAt);
      return stall !== undefined && isEmpty(stall.left);
    });
  }

  /** One step of the poorest. False when it can take none any more. */
  #serve(role: RoleClaimant, claimant: Claimant): boolean {
    for (let tries = claimant.wants.length; tries > 0; tries--) {
      const want = claimant.nextWant();
      if (want.left > 0 && this.#step(role, claimant, want)) return true;
      want.left = 0;
    }
    return false;
  }

  #serveChoice(role: RoleClaimant, claimant: Claimant): void {
    for (const want of claimant.wants) {
      if (!want.isCounted || want.taken === 0 || want.left > 0) continue;
      want.left = choice;
      while (want.left > 0 && this.#step(role, claimant, want, true));
    }
  }

  #step(role: RoleClaimant, claimant: Claimant, want: Wanted, elsewhere = false): boolean {
    const ring = this.#ring(claimant, want);
    const most = elsewhere ? 1 : want.mostAtOnce(claimant, ring.size, this.#market.total);
    let cut: Cut | undefined;
    const stall = ring.find((stall) => {
      const grant = grantOf(claimant, stall);
      if (elsewhere && grant !== undefined) return false;
      cut = cutFrom(stall, want, most, role.headroom);
      return cut !== undefined && !this.#isBlocked(claimant, stall, grant, cut.resources);
    });
    if (stall === undefined || cut === undefined) return false;
    this.#give(role, claimant, want, stall, cut);
    return true;
  }

  #isBlocked(
    { claim }: Claimant,
    { place }: Stall,
    grant: GrowingGrant | undefined,
    offered: Resources,
  ): boolean {
    if (!claim.hasFilters) return false;
    const whole = grant === undefined ? offered : add(grant.resources, offered);
    return this.#market.blocks(claim.framework, place.id, whole);
  }

  #give(role: RoleClaimant, claimant: Claimant, want: Wanted, stall: Stall, { resources, units }: Cut): void {
    stall.left = resources === stall.left ? none : subtract(stall.left, resources);
    const lastPort = resources.ports.at(-1);
    if (lastPort !== undefined) stall.lastPort = lastPort[1];
    want.left -= units;
    want.taken += units;
    let grant = grantOf(claimant, stall);
    if (grant === undefined) {
      const { framework } = claimant.claim;
      grant = { agent: stall.place, framework, role: role.name, resources, units: [] };
      claimant.hasGrants = true;
      if (stall.grants === nobody) stall.grants = [grant];
      else stall.grants.push(grant);
      this.#grants.push(grant);
    } else grant.resources = add(grant.resources, resources);
    countUnits(grant.units, want.key, units);
    claimant.charge(resources, this.#market.total);
    role.charge(resources);
  }

  #ring(claimant: Claimant, want: Wanted): Ring {
    const rings = claimant.claim.looksEverywhere ? this.#everywhere : this.#fresh;
    let ring = rings.get(want.key);
    if (ring === undefined) {
      const hall = rings === this.#everywhere ? this.#allHall : this.#freshHall;
      ring = new Ring(want.need, hall, this.#market.turn + rings.size, this.#stallOf);
      rings.set(want.key, ring);
    }
    return ring;
  }

  readonly #stallOf = (place: Supply): Stall => {
    let stall = this.#stalls.get(place.openAt);
    if (stall === undefined) {
      stall = { place, left: place.resources, lastPort: place.lastPort, grants: nobody };
      this.#stalls.set(place.openAt, stall);
    }
    return stall;
  };
}

/** Until somebody is granted something there. */
const nobody: GrowingGrant[] = [];

/** Few have something on one agent: looking through them is quicker than any index. */
function grantOf({ name }: Claimant, { grants }: Stall): GrowingGrant | undefined {
  for (const grant of grants) if (grant.framework === name) return grant;
  return undefined;
}

export interface GrowingGrant extends Grant {
  resources: Resources;
  readonly units: { readonly key: string; count: number }[];
}

function countUnits(units: GrowingGrant["units"], key: string, count: number): void {
  const known = units.find((each) => each.key === key);
  if (known === undefined) units.push({ key, count });
  else known.count += count;
}

interface Cut {
  readonly resources: Resources;
  readonly units: number;
}

/** A piece of at most `most` units that the limit of the role allows; undefined when there is none. */
function cutFrom(
  stall: Stall,
  { need, isSized }: Wanted,
  most: number,
  headroom: Record<string, number> | undefined,
): Cut | undefined {
  if (need === undefined || !isSized) {
    const resources = headroom === undefined ? stall.left : clipped(stall.left, headroom);
    return worthOffering(resources) ? { resources, units: 1 } : undefined;
  }
  const allowed = headroom === undefined ? most : Math.min(most, timesUnder(need.resources, headroom));
  const units = Math.min(allowed, timesIn(need, stall.left));
  return units < 1 ? undefined : { resources: piece(need, units, stall.left, stall.lastPort), units };
}

function timesUnder({ scalars }: Resources, headroom: Record<string, number>): number {
  let times = Number.POSITIVE_INFINITY;
  for (const name in headroom) {
    const amount = scalars[name] ?? 0;
    if (amount > 0) times = Math.min(times, Math.floor(headroom[name]! / amount));
  }
  return times;
}
