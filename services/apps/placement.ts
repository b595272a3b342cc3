import type { AppDefinition } from "#protocol/app.js";
import type { Offer } from "#protocol/offer.js";
import type { Attributes, Resources } from "#protocol/resources.js";
import { misfit } from "#libs/core/fits.js";
import { ruleBroken } from "#libs/core/counting.js";
import { portCount } from "#libs/core/resources.js";
import type { Counted } from "./counting.js";
import type { Shape } from "./shape.js";

/** An offer, and what of it is left after what was placed there already. */
export interface Room {
  readonly offer: Offer;
  readonly left: Resources;
  /** Of its agent, `@agent` and `@host` among them. */
  readonly attributes: Attributes;
}

/** Undefined when the room holds one more instance, whatever the others of the app do; else why not. */
export function roomLacks({ offer, left }: Room, { need, ports }: Shape): string | undefined {
  const { agent: id, host, attributes, executors } = offer;
  const bad = misfit(need, { id, host, attributes, executors, resources: left });
  if (bad !== undefined) return bad.text;
  const portsFree = portCount(left.ports);
  return portsFree < ports.length ? `ports: ${ports.length} asked, ${portsFree} free` : undefined;
}

export interface Wish {
  readonly shape: Shape;
  readonly placement: AppDefinition["placement"];
  readonly counted: Counted;
  /** 0 ≤ x < 1: which one, when the placement is random. */
  readonly draw: number;
}

/** `room` is the best; without one `refusals` says why each is none. */
export interface Choice<R extends Room> {
  readonly room: R | undefined;
  readonly refusals: readonly string[];
}

/**
 * The best of the rooms, which hold one more instance, or why the rules on counts rule out each.
 * - spread: where the fewest of the app are; then where most is left, so that the load is spread too;
 * - binpack: where least is left; then where most of the app are;
 * - random: any.
 * Ties go to the first agent by id, so that one state gives one answer.
 */
export function choose<R extends Room>(rooms: readonly R[], wish: Wish): Choice<R> {
  const refusals: string[] = [];
  const allowed =
    wish.shape.counting.length === 0 ? rooms : rooms.filter((room) => isAllowed(room, wish, refusals));
  if (allowed.length === 0) return { room: undefined, refusals };
  if (wish.placement === "random") {
    const sorted = allowed.toSorted(byAgent);
    return { room: sorted[Math.floor(wish.draw * sorted.length)], refusals };
  }
  const own = wish.counted.by("@agent");
  const isSpread = wish.placement === "spread";
  const ranked = allowed.map((room) => ({
    room,
    own: own.get(room.offer.agent) ?? 0,
    left: timesIn(room.left, wish.shape),
  }));
  const best = ranked.reduce((a, b) => {
    const order = isSpread ? a.own - b.own || b.left - a.left : a.left - b.left || b.own - a.own;
    return (order || byAgent(a.room, b.room)) <= 0 ? a : b;
  });
  return { room: best.room, refusals };
}

function isAllowed(room: Room, { shape, counted }: Wish, refusals: string[]): boolean {
  for (const rule of shape.counting) {
    const broken = ruleBroken(rule, room.attributes, counted);
    if (broken === undefined) continue;
    refusals.push(broken);
    return false;
  }
  return true;
}

/** How many more instances of the shape would fit, fractions included, by the scarcest resource. */
function timesIn(left: Resources, { scalars }: Shape): number {
  let least = Number.POSITIVE_INFINITY;
  for (const name in scalars) least = Math.min(least, (left.scalars[name] ?? 0) / scalars[name]!);
  return least;
}

const byAgent = (a: Room, b: Room): number =>
  a.offer.agent < b.offer.agent ? -1 : a.offer.agent > b.offer.agent ? 1 : a.offer.number - b.offer.number;
