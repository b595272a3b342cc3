import type { Need } from "#protocol/framework.js";
import type { Offer } from "#protocol/offer.js";
import type { TaskSpec } from "#protocol/task.js";
import { misfit } from "#libs/core/fits.js";
import { boundedNeeds } from "#libs/framework/bounded-needs.js";
import { launchesOf, OfferRoom } from "#libs/framework/offer-room.js";
import type { Launch } from "#libs/framework/scheduler.js";
import type { ManagedRun } from "./managed-run.js";
import { shapeOf } from "./shape.js";

/** Runs that wait for the same: served first come, first served. */
export interface Line {
  readonly need: Need;
  readonly runs: Set<ManagedRun>;
  /** Why the last offers were of no use. */
  refusals: readonly string[];
}

/** All runs that wait for an agent, in one line for each kind of need. However many wait, an event costs what it concerns. */
export class Lines {
  readonly #lines = new Map<string, Line>();
  #needs: readonly Need[] | undefined;

  join(run: ManagedRun): void {
    const { kind, need } = shapeOf(run.spec);
    const line = this.#lines.get(kind) ?? { need, runs: new Set(), refusals: [] };
    this.#lines.set(kind, line);
    if (line.runs.has(run)) return;
    line.runs.add(run);
    this.#needs = undefined;
  }

  leave(run: ManagedRun): void {
    const { kind } = shapeOf(run.spec);
    const line = this.#lines.get(kind);
    if (line?.runs.delete(run) !== true) return;
    if (line.runs.size === 0) this.#lines.delete(kind);
    this.#needs = undefined;
  }

  of = (spec: ManagedRun["spec"]): Line | undefined => this.#lines.get(shapeOf(spec).kind);

  /** The same array until it changes. */
  needs(): readonly Need[] {
    this.#needs ??= boundedNeeds(
      Array.from(this.#lines.values(), ({ need, runs }) => ({ ...need, count: runs.size })),
    );
    return this.#needs;
  }

  /** Each run goes where most is left, so that the load is spread. `specOf` makes its task. */
  place(offers: readonly Offer[], specOf: (run: ManagedRun) => TaskSpec): Launch[] {
    const rooms = offers.map((offer) => new Room(offer));
    for (const line of this.#lines.values()) placeLine(line, rooms, specOf);
    return launchesOf(rooms);
  }
}

function placeLine(line: Line, rooms: readonly Room[], specOf: (run: ManagedRun) => TaskSpec): void {
  const refusals: string[] = [];
  let open = rooms.filter((room) => {
    const lacks = room.lacks(line.need);
    if (lacks !== undefined) refusals.push(lacks);
    return lacks === undefined;
  });
  for (const run of line.runs) {
    if (open.length === 0) break;
    const room = open.reduce((a, b) => (b.timesIn(line.need) > a.timesIn(line.need) ? b : a));
    room.take(specOf(run));
    if (room.lacks(line.need) !== undefined) open = open.filter((each) => each !== room);
  }
  line.refusals = refusals;
}

/** An offer that is being filled. */
class Room extends OfferRoom {
  lacks(need: Need): string | undefined {
    const { agent: id, host, attributes, executors } = this.offer;
    return this.fullness ?? misfit(need, { id, host, attributes, executors, resources: this.left })?.text;
  }

  /** How many more would fit, fractions included, by the scarcest resource. */
  timesIn({ resources: { scalars } }: Need): number {
    let least = Number.POSITIVE_INFINITY;
    for (const name in scalars) least = Math.min(least, (this.left.scalars[name] ?? 0) / scalars[name]!);
    return least;
  }
}
