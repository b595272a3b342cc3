import type { Need } from "#protocol/framework.js";
import { hostFits, type Place, resourcesFit } from "#libs/core/fits.js";
import type { Resources } from "#protocol/resources.js";
import { hasSize, worthOffering } from "./pieces.js";

/** An agent within one pass: what is left of it. */
export interface Stall {
  readonly place: Place;
  left: Resources;
  lastPort: number;
}

/**
 * The agents on which one kind of need may still fit, shared by all who have that need: each search goes on behind the
 * last find, so that everybody's pieces spread over the agents. Within a pass what is free only shrinks: an agent that did
 * not fit once is taken out and never looked at again, whoever asks.
 */
export class Ring {
  readonly #need: Need | undefined;
  readonly #places: readonly Place[];
  readonly #stallOf: (place: Place) => Stall;
  readonly #next: Int32Array;
  /** 1 when the agent itself (executor, attributes) is known to fit. */
  readonly #suits: Uint8Array;
  #left: number;
  #at: number;

  constructor(need: Need | undefined, places: readonly Place[], stallOf: (place: Place) => Stall) {
    this.#need = need;
    this.#places = places;
    this.#stallOf = stallOf;
    this.#left = places.length;
    this.#at = places.length - 1;
    this.#suits = new Uint8Array(places.length);
    this.#next = new Int32Array(places.length);
    for (let index = 0; index < places.length; index++) this.#next[index] = index + 1;
    if (places.length > 0) this.#next[places.length - 1] = 0;
  }

  /** How many may still fit. */
  get size(): number {
    return this.#left;
  }

  /** The next one on which the need fits and that `accepts`; undefined after once around. */
  find(accepts: (stall: Stall) => boolean): Stall | undefined {
    let before = this.#at;
    let found: Stall | undefined;
    for (let looks = this.#left; looks > 0 && found === undefined; looks--) {
      const index = this.#next[before]!;
      const stall = this.#fitting(index);
      if (stall === undefined) {
        this.#next[before] = this.#next[index]!;
        this.#left--;
      } else {
        before = index;
        if (accepts(stall)) found = stall;
      }
    }
    this.#at = before;
    return found;
  }

  #fitting(index: number): Stall | undefined {
    const place = this.#places[index]!;
    const need = this.#need;
    if (need !== undefined && !resourcesFit(need, place.resources)) return undefined;
    const stall = this.#stallOf(place);
    if (need === undefined) return worthOffering(stall.left) ? stall : undefined;
    if (stall.left !== place.resources && !resourcesFit(need, stall.left)) return undefined;
    if (!hasSize(need) && !worthOffering(stall.left)) return undefined;
    if (this.#suits[index] === 0) {
      if (!hostFits(need, place)) return undefined;
      this.#suits[index] = 1;
    }
    return stall;
  }
}
