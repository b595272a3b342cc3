import type { Need } from "#protocol/framework.js";
import type { Resources } from "#protocol/resources.js";
import { constraintHolds, seenAttribute } from "#libs/core/constraint.js";
import { executorFits, resourcesFit } from "#libs/core/fits.js";
import type { GrowingGrant, Supply } from "./allocator.js";
import { hasSize, worthOffering } from "./pieces.js";

/** An agent within one pass: what is left of it. */
export interface Stall {
  readonly place: Supply;
  left: Resources;
  lastPort: number;
  grants: GrowingGrant[];
}

/**
 * The agents on which one kind of need may still fit, shared by all who have that need: each search goes on behind the
 * last find, so that everybody's pieces spread over the agents. Within a pass what is free only shrinks: an agent that did
 * not fit once is never looked at again, whoever asks.
 *
 *   never looked at yet (from #start, round)      looked at and still possible
 *   ├──────────── #seen ──────────►┤              #alive: laps, the dead dropped on the way
 */
export class Ring {
  readonly #need: Need | undefined;
  readonly #hall: Hall;
  readonly #stallOf: (place: Supply) => Stall;
  readonly #start: number;
  readonly #takesWhole: boolean;
  readonly #suits: Uint8Array | undefined;
  #sieve: Sieve | undefined;
  #seen = 0;
  /** The present lap: [0, kept) were looked at in it, [next, length) are still to come. */
  readonly #alive: number[] = [];
  #kept = 0;
  #next = 0;
  /** Of [0, 1): where the next one goes when a lap is mixed. */
  #mix = 0;

  /** @param turn where to begin: other numbers, other places, evenly spread */
  constructor(need: Need | undefined, hall: Hall, turn: number, stallOf: (place: Supply) => Stall) {
    this.#need = need;
    this.#hall = hall;
    this.#stallOf = stallOf;
    this.#start = Math.floor(((turn * goldenRatio) % 1) * hall.places.length);
    this.#takesWhole = need === undefined || !hasSize(need);
    this.#suits = need === undefined || isAnyHost(need) ? undefined : hall.suits(need);
  }

  /** How many may still fit. */
  get size(): number {
    return this.#hall.places.length - this.#seen + this.#kept + this.#alive.length - this.#next;
  }

  /** The next one on which the need fits and that `accepts`; undefined after once around. */
  find(accepts: (stall: Stall) => boolean): Stall | undefined {
    return this.#findNew(accepts) ?? this.#findAgain(accepts);
  }

  #findNew(accepts: (stall: Stall) => boolean): Stall | undefined {
    const count = this.#hall.places.length;
    while (this.#seen < count) {
      const past = this.#start + this.#seen++;
      const index = past < count ? past : past - count;
      if (this.#isHopeless(index)) continue;
      const stall = this.#fitting(index);
      if (stall === undefined) continue;
      this.#kept = this.#next = this.#alive.push(index);
      if (accepts(stall)) return stall;
    }
    return undefined;
  }

  /** Told from arrays, without a look at the agent itself. */
  #isHopeless(index: number): boolean {
    if (this.#suits !== undefined && this.#suits[index] === unsuited) return true;
    if (this.#seen <= sievedAfter || this.#need === undefined) return false;
    this.#sieve ??= this.#hall.sieve(this.#need);
    return !this.#sieve.mayPass(index);
  }

  #findAgain(accepts: (stall: Stall) => boolean): Stall | undefined {
    const alive = this.#alive;
    for (let looks = this.#kept + alive.length - this.#next; looks > 0; looks--) {
      if (this.#next === alive.length) this.#beginLap(looks);
      const index = alive[this.#next++]!;
      const stall = this.#fitting(index);
      if (stall === undefined) continue;
      alive[this.#kept++] = index;
      if (accepts(stall)) return stall;
    }
    return undefined;
  }

  /**
   * Each lap goes another way: agents come free in the order in which frameworks gave them back, and those ask in turn, so
   * that along one way everybody could meet all that he himself has refused, again and again. A search that began in the last
   * lap has not looked at the first so many: they stay in front, or it would end without having looked at all.
   */
  #beginLap(unseen: number): void {
    const alive = this.#alive;
    alive.length = this.#kept;
    this.#kept = this.#next = 0;
    this.#mixUp(0, unseen);
    this.#mixUp(unseen, alive.length);
  }

  #mixUp(from: number, end: number): void {
    const alive = this.#alive;
    for (let last = end - 1; last - from >= mixedFrom; last--) {
      this.#mix = (this.#mix + goldenRatio) % 1;
      const other = from + Math.floor(this.#mix * (last - from + 1));
      const index = alive[last]!;
      alive[last] = alive[other]!;
      alive[other] = index;
    }
  }

  #fitting(index: number): Stall | undefined {
    const place = this.#hall.places[index]!;
    const need = this.#need;
    if (need !== undefined && !this.#isSuited(need, place, index)) return undefined;
    if (need !== undefined && !resourcesFit(need, place.resources)) return undefined;
    const stall = this.#stallOf(place);
    if (this.#takesWhole && !worthOffering(stall.left)) return undefined;
    const isTouched = stall.left !== place.resources;
    return need !== undefined && isTouched && !resourcesFit(need, stall.left) ? undefined : stall;
  }

  #isSuited(need: Need, place: Supply, index: number): boolean {
    const suits = this.#suits;
    if (suits === undefined) return true;
    if (suits[index] === unknown) suits[index] = this.#hostFits(need, place, index) ? suited : unsuited;
    return suits[index] === suited;
  }

  /** As `hostFits` of libs/core, with the attributes from columns that all rings share. */
  #hostFits(need: Need, place: Supply, index: number): boolean {
    for (const constraint of need.constraints)
      if (!constraintHolds(constraint, this.#hall.attribute(constraint.attribute, index))) return false;
    return executorFits(need, place);
  }
}

/** All agents of a pass, and what many rings want to know of them. */
export class Hall {
  readonly places: readonly Supply[];
  readonly #suits = new Map<string, Uint8Array>();
  /** null: looked for, and not there. */
  readonly #attributes = new Map<string, (string | null | undefined)[]>();
  readonly #columns = new Map<string, Float64Array>();

  constructor(places: readonly Supply[]) {
    this.places = places;
  }

  /** Whether each agent itself (executor, JDK, attributes) fits, as far as somebody has looked: the same for all with these wishes. */
  suits({ executor, jdk, constraints }: Need): Uint8Array {
    const key = JSON.stringify([executor, jdk, constraints]);
    let suits = this.#suits.get(key);
    if (suits === undefined) this.#suits.set(key, (suits = new Uint8Array(this.places.length)));
    return suits;
  }

  /** Reading it off an agent costs more than comparing it: everybody's is read once. */
  attribute(name: string, index: number): string | undefined {
    let column = this.#attributes.get(name);
    if (column === undefined)
      this.#attributes.set(name, (column = Array.from({ length: this.places.length })));
    const known = column[index];
    if (known !== undefined) return known === null ? undefined : known;
    const found = seenAttribute(this.places[index]!, name);
    column[index] = found ?? null;
    return found;
  }

  sieve({ resources: { scalars } }: Need): Sieve {
    const names = Object.keys(scalars).filter((name) => scalars[name]! > 0);
    return new Sieve(
      names.map((name) => this.#column(name)),
      names.map((name) => scalars[name]!),
    );
  }

  #column(name: string): Float64Array {
    let column = this.#columns.get(name);
    if (column === undefined) {
      column = Float64Array.from(this.places, ({ resources }) => resources.scalars[name] ?? 0);
      this.#columns.set(name, column);
    }
    return column;
  }
}

/** Tells quickly who cannot have enough, from what was free when the pass began; who may pass is looked at properly. */
class Sieve {
  readonly #columns: readonly Float64Array[];
  readonly #amounts: readonly number[];

  constructor(columns: readonly Float64Array[], amounts: readonly number[]) {
    this.#columns = columns;
    this.#amounts = amounts;
  }

  mayPass(index: number): boolean {
    for (let at = 0; at < this.#columns.length; at++)
      if (this.#columns[at]![index]! < this.#amounts[at]!) return false;
    return true;
  }
}

const unknown = 0;
const suited = 1;
const unsuited = 2;

/** Among fewer nobody meets many. */
const mixedFrom = 32;

/** Making a sieve pays after so many looks. */
const sievedAfter = 128;

const goldenRatio = (Math.sqrt(5) - 1) / 2;

const isAnyHost = ({ executor, constraints }: Need): boolean =>
  executor === undefined && constraints.length === 0;
