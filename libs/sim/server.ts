import type { Cancel } from "#libs/ports/clock.js";
import type { SeededRandom } from "./random.js";
import type { Schedule } from "./schedule.js";
import { ServerStore } from "./server-store.js";
import { ServerStreams } from "./server-streams.js";
import { SubjectTree } from "./subject-tree.js";

/** A message under way between a node and the server. */
export interface Parcel {
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
    const receivers = this.#subscriptions.match(parcel.subject);
    for (const deliver of receivers) deliver(parcel);
    const kept = this.streams.keep(parcel.subject, parcel.bytes);
    if (receivers.length === 0 && !kept && parcel.reply !== undefined)
      this.publish({ subject: parcel.reply, bytes: nothing, failure: "no-responders" });
  }

  /** As after kill -9: what is in memory only is gone. */
  forgetConnections(): void {
    this.#subscriptions = new SubjectTree();
    this.streams.forgetConnections();
  }
}

const nothing = new Uint8Array();
