import type { Need } from "#protocol/framework.js";
import type { Offer } from "#protocol/offer.js";
import type { Attributes } from "#protocol/resources.js";
import { seenAttributes } from "#libs/core/constraint.js";
import { fractionOf } from "#libs/core/hash.js";
import type { Instant } from "#libs/core/time.js";
import { boundedNeeds } from "#libs/framework/bounded-needs.js";
import { launchesOf, OfferRoom } from "#libs/framework/offer-room.js";
import type { Launch, TaskIds } from "#libs/framework/scheduler.js";
import type { ManagedApp } from "./managed-app.js";
import { choose, type Room, roomLacks } from "./placement.js";
import { SeenAgents } from "./seen-agents.js";
import type { Shape } from "./shape.js";
import { taskSpec } from "./task-spec.js";

/** Turns what apps lack into needs, and offers into launches. Who waits longest is served first. */
export class Launcher {
  readonly #seen = new SeenAgents();

  needs(apps: Iterable<ManagedApp>): readonly Need[] {
    const needs = new Map<string, { need: Need; count: number }>();
    for (const { asked, shape } of byWaiting(apps)) {
      if (asked === 0) continue;
      const known = needs.get(shape.kind);
      if (known === undefined) needs.set(shape.kind, { need: shape.need, count: asked });
      else known.count += asked;
    }
    return boundedNeeds(Array.from(needs.values(), ({ need, count }) => ({ ...need, count })));
  }

  /** Of the agents that could be had lately. */
  seen(at: Instant): readonly Attributes[] {
    return this.#seen.attributes(at.mono);
  }

  place(at: Instant, offers: readonly Offer[], apps: Iterable<ManagedApp>, ids: TaskIds): Launch[] {
    const rooms = offers.map((offer) => new OpenRoom(offer));
    for (const { offer, attributes } of rooms) this.#seen.see(offer.agent, attributes, at.mono);
    const seen = this.#seen.attributes(at.mono);
    for (const app of byWaiting(apps)) placeApp(app, app.launchable(at.mono), rooms, seen, ids);
    return launchesOf(rooms);
  }
}

const byWaiting = (apps: Iterable<ManagedApp>): ManagedApp[] =>
  [...apps].toSorted((a, b) => a.wantingSince! - b.wantingSince! || (a.id < b.id ? -1 : 1));

function placeApp(
  managed: ManagedApp,
  count: number,
  rooms: readonly OpenRoom[],
  seen: readonly Attributes[],
  ids: TaskIds,
): void {
  if (count === 0) return;
  const { app, shape } = managed;
  const { placement } = app.definition;
  const counted = managed.counted(seen);
  const refusals: string[] = [];
  let open = rooms.filter((room) => {
    const lacks = room.lacks(shape);
    if (lacks !== undefined) refusals.push(lacks);
    return lacks === undefined;
  });
  for (let placed = 0; placed < count; placed++) {
    const taskId = open.length > 0 ? ids.next(taskPrefix(managed.id)) : "";
    const choice = choose(open, { shape, placement, counted, draw: fractionOf(taskId) });
    const { room } = choice;
    if (room === undefined) {
      managed.refusals = [...refusals, ...choice.refusals];
      return;
    }
    room.take(taskSpec(app, shape, { taskId, left: room.left, attributes: room.offer.attributes }));
    counted.add(room.attributes);
    if (room.lacks(shape) !== undefined) open = open.filter((each) => each !== room);
  }
  managed.refusals = [];
}

/** `/demo/web` → `demo_web`: the task's id stays within what sandboxes and containers may be called. */
const taskPrefix = (id: string): string => id.slice(1, 97).replaceAll("/", "_");

/** An offer that is being filled, on an agent as constraints see it. */
class OpenRoom extends OfferRoom implements Room {
  readonly attributes: Attributes;

  constructor(offer: Offer) {
    super(offer);
    this.attributes = seenAttributes({ id: offer.agent, host: offer.host, attributes: offer.attributes });
  }

  lacks(shape: Shape): string | undefined {
    return this.fullness ?? roomLacks(this, shape);
  }
}
