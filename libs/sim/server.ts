import type { Cancel } from "#libs/ports/clock.js";
import type { SeededRandom } from "./random.js";
import type { Schedule } from "./schedule.js";
import { ServerStore } from "./server-store.js";
import { ServerStreams } from "./server-streams.js";
import { subjectMatches, SubjectTree } from "./subject-tree.js";

/** A message under way between a node and the server. */
export interface Parcel {
  /** The node that sent it; the server itself unless given. */
  readonly from?: string;
  readonly subject: string;
  readonly bytes: Uint8Array;
  readonly reply?: string;
  /** What an answer says that is none: nobody listens there, or it was too large to be sent. */
  readonly failure?: "no-responders" | "too-large";
}

/** Largest message that the server takes, bytes. */
export const payloadMax = 1_048_576;

/**
 * What nats-server does, as far as the ports show it. Subscriptions and readers live as long as their connection; streams,
 * their consumers and buckets are on disk.
 */
export class SimServer {
  readonly streams: ServerStreams;
  readonly store: ServerStore;
  /** For checks: told of every message that comes, before anybody gets it. */
  came: (parcel: Parcel) => void = () => {};
  readonly #detentions = new Set<Detention>();
  #subscriptions = new SubjectTree<(parcel: Parcel) => void>();

  constructor(schedule: Schedule, random: SeededRandom, wall: () => number) {
    this.streams = new ServerStreams(schedule, wall);
    this.store = new ServerStore(() => schedule.now, random);
  }

  subscribe(subject: string, deliver: (parcel: Parcel) => void): Cancel {
    return this.#subscriptions.add(subject, deliver);
  }

  /** To all subscribers, and into the stream that keeps such messages. */
  publish(parcel: Parcel): void {
    this.came(parcel);
    for (const detention of this.#detentions) if (detention.takes(parcel)) return;
    this.#deliver(parcel);
  }

  /** For scenarios: what is sent to such subjects is kept back, in order, until it is let go. */
  detain(pattern: string): Detention {
    const detention = new Detention(pattern, (parcels) => {
      this.#detentions.delete(detention);
      for (const parcel of parcels) this.#deliver(parcel);
    });
    this.#detentions.add(detention);
    return detention;
  }

  #deliver(parcel: Parcel): void {
    const receivers = this.#subscriptions.match(parcel.subject);
    for (const deliver of receivers) deliver(parcel);
    const kept = this.streams.keep(parcel.subject, parcel.bytes);
    if (receivers.length === 0 && !kept && parcel.reply !== undefined)
      this.#deliver({ subject: parcel.reply, bytes: nothing, failure: "no-responders" });
  }

  /** For scenarios, while it is down. */
  loseDisk(): void {
    this.streams.clear();
    this.store.clear();
  }

  /** As after kill -9: what is in memory only is gone. */
  forgetConnections(): void {
    this.#subscriptions = new SubjectTree();
    this.streams.forgetConnections();
  }
}

/** Messages that are kept back. */
export class Detention {
  readonly parcels: Parcel[] = [];
  readonly #pattern: string;
  readonly #released: (parcels: readonly Parcel[]) => void;

  constructor(pattern: string, released: (parcels: readonly Parcel[]) => void) {
    this.#pattern = pattern;
    this.#released = released;
  }

  takes(parcel: Parcel): boolean {
    const isOurs = subjectMatches(this.#pattern, parcel.subject);
    if (isOurs) this.parcels.push(parcel);
    return isOurs;
  }

  /** They go on their way, and what comes from now on is not kept back. */
  letGo(): void {
    this.#released(this.parcels.splice(0));
  }

  /** They are lost. */
  drop(): void {
    this.parcels.length = 0;
    this.#released([]);
  }
}

const nothing = new Uint8Array();
