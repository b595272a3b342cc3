import { unreachable } from "#libs/core/assert.js";
import { type Instant } from "#libs/core/time.js";
import type { Machine, Tick } from "#libs/machine/machine.js";
import type { Agent } from "./agents.js";
import { Allocation } from "./allocation.js";
import { Answers } from "./answers.js";
import { Cluster, type TermOptions } from "./cluster.js";
import { Departures } from "./departures.js";
import { Drains } from "./drains.js";
import type { MasterEffect, MasterEvent, Out } from "./events.js";
import { Forgetting } from "./forgetting.js";
import { News } from "./news.js";
import { Offers } from "./offers.js";
import { Registration } from "./registration.js";
import { Silence } from "./silence.js";
import { Subscriptions } from "./subscriptions.js";

/**
 * The leading master of one term. It knows who is there and what is free, and decides who is offered what; no task passes
 * through it. This file passes events to the parts and asks them for what is due; it decides nothing itself.
 *
 * 1. In its books used + offered never exceeds total (R1): `books.ts`.
 * 2. An offer is charged until its agent settles it, or it is void (settling): `offers.ts`.
 * 3. One registration, one generation; a cut voids what was before it: `registration.ts`.
 * 4. One session a framework; the older is fenced: `subscriptions.ts`.
 * 5. Nobody is declared lost by someone who may be cut off (R7): `silence.ts`, `connectivity.ts`.
 * 6. An agent that drains is offered to nobody, and its order told until it is recorded: `drains.ts`.
 * 7. Whatever may allow an offer leads to a pass within the pass interval; a pass looks at what is fresh: `allocation.ts`.
 */
export class MasterMachine implements Machine<MasterEvent, MasterEffect> {
  readonly #cluster: Cluster;
  readonly #registration: Registration;
  readonly #subscriptions: Subscriptions;
  readonly #offers: Offers;
  readonly #silence: Silence;
  readonly #departures: Departures;
  readonly #forgetting: Forgetting;
  readonly #drains: Drains;
  readonly #answers: Answers;
  readonly #allocation: Allocation;
  readonly #news: News;
  readonly #out: Out = (effect) => void this.#effects.push(effect);
  #effects: MasterEffect[] = [];
  #nextBeat: number;
  #nextAnnouncement: number;

  constructor(at: Instant, options: TermOptions) {
    const cluster = new Cluster(at, options);
    const out = this.#out;
    this.#cluster = cluster;
    this.#news = new News(cluster, out);
    this.#offers = new Offers(cluster, out);
    this.#registration = new Registration(cluster, this.#offers, this.#news, out);
    this.#subscriptions = new Subscriptions(cluster, this.#offers, this.#news, out);
    this.#silence = new Silence(cluster, this.#offers, this.#news, out);
    this.#departures = new Departures(cluster, this.#offers, this.#news, out);
    this.#forgetting = new Forgetting(cluster, this.#offers, this.#news, out);
    this.#drains = new Drains(cluster, this.#offers, this.#news, out);
    const parts = { departures: this.#departures, drains: this.#drains, news: this.#news };
    this.#answers = new Answers(cluster, parts, out);
    this.#allocation = new Allocation(cluster, this.#offers);
    this.#nextBeat = at.mono + options.settings.beatMs;
    this.#nextAnnouncement = at.mono;
  }

  handle(at: Instant, event: MasterEvent | Tick): readonly MasterEffect[] {
    this.#effects = [];
    this.#cluster.connectivity.look(at);
    this.#dispatch(at, event);
    this.#lookAtDeadlines(at);
    this.#allocation.run(at);
    this.#offers.flush(at);
    return this.#effects;
  }

  /** For checks from outside: what the books hold of each agent. */
  get agents(): Iterable<Agent> {
    return this.#cluster.agents.all();
  }

  nextDeadline(): number {
    return Math.min(
      this.#nextBeat,
      this.#nextAnnouncement,
      this.#offers.nextDeadline(),
      this.#cluster.filters.nextDeadline(),
      this.#allocation.nextDeadline(),
    );
  }

  #dispatch(at: Instant, event: MasterEvent | Tick): void {
    switch (event.type) {
      case "tick":
        return;
      case "termBegan":
        this.#cluster.recovery.begin(this.#out);
        return this.#news.leadTaken(at);
      case "connectionChanged":
        return this.#cluster.connectivity.changed(at, event.connected);
      case "agentRegistering":
        return this.#registration.registering(at, event.ask, event.agent, event.register);
      case "agentLost":
        return this.#silence.stored(at, event.agent, event.silentMs);
      case "agentStored":
        return this.#registration.stored(at, event.ask, event.agent, event.register);
      case "agentReported":
        return this.#registration.reported(at, event.agent, event.report);
      case "rescindAnswered":
        return this.#registration.rescinded(at, event.agent, event.rescind, event.report);
      case "rescindFailed":
        return this.#offers.failed(at, event);
      case "drainAnswered":
        return this.#drains.answered(event);
      case "drainFailed":
        return this.#drains.failed(event);
      case "frameworkSubscribing":
        return this.#subscriptions.subscribing(event.ask, event.framework, event.subscribe);
      case "frameworkPrepared":
        return this.#subscriptions.prepared(at, event);
      case "sessionRenewed":
      case "offersDeclined":
      case "offersRevived":
      case "offersSuppressed":
      case "agentsAsked":
        return this.#subscriptions.spoken(at, event);
      case "offersUndelivered":
        return this.#subscriptions.undelivered(at, event);
      case "callAsked":
        return this.#answers.asked(at, event.ask, event.call);
      case "callStored":
        return this.#answers.stored(at, event.ask, event.call);
      default:
        return unreachable(event);
    }
  }

  #lookAtDeadlines(at: Instant): void {
    const { filters, agents, books, settings } = this.#cluster;
    for (const id of filters.expire(at.mono)) {
      const agent = agents.get(id);
      if (agent !== undefined) books.lookAt(agent);
    }
    this.#offers.expire(at);
    if (at.mono >= this.#nextAnnouncement) {
      this.#nextAnnouncement = at.mono + settings.announceMs;
      this.#effects.push(this.#registration.announcement());
    }
    if (at.mono < this.#nextBeat) return;
    this.#nextBeat = at.mono + settings.beatMs;
    this.#silence.beat(at);
    this.#subscriptions.beat(at);
    this.#departures.beat(at);
    this.#forgetting.beat(at);
    this.#registration.beat();
    this.#drains.beat(at);
  }
}
