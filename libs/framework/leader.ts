import { unreachable } from "#libs/core/assert.js";
import type { Instant } from "#libs/core/time.js";
import type { Refusal } from "#protocol/errors.js";
import type { Need, Subscribe } from "#protocol/framework.js";
import type { Session } from "#protocol/offer.js";
import type { Result } from "#protocol/result.js";
import type { Demand } from "./demand.js";
import type { FrameworkEffect } from "./effects.js";
import type { FrameworkEvent, LeaderSaid, NoAnswer } from "./events.js";
import type { Kills } from "./kills.js";
import type { Launches } from "./launches.js";
import { isFor, type Offers } from "./offers.js";
import type { Reconciling } from "./reconciling.js";
import { LeaderSession, type SessionStep } from "./session.js";
import type { FrameworkSettings } from "./settings.js";

/** What comes from the master's leader, of itself or as an answer. */
export type LeaderEvent = Extract<
  FrameworkEvent,
  {
    type:
      | "leaderAnnounced"
      | "subscribeAnswered"
      | "renewAnswered"
      | "leaderSaid"
      | "declineAnswered"
      | "demandAnswered"
      | "agentsAnswered"
      | "agentsAfterAnswered";
  }
>;

export interface LeaderOptions {
  readonly settings: FrameworkSettings;
  /** Of what is declined again. */
  readonly filterMs: number;
  readonly offers: Offers;
  readonly demand: Demand;
  readonly agents: Reconciling;
  readonly launches: Launches;
  readonly kills: Kills;
  /** Where tasks of ours are. */
  readonly taskAgents: () => Iterable<string>;
  readonly send: (effect: FrameworkEffect) => void;
  readonly resign: (reason: string) => void;
}

/** What passes between the term and the master's leader: our session, and what its beginning, its end and its words mean to the rest. */
export class Leader {
  readonly #options: LeaderOptions;
  readonly #session: LeaderSession;
  #subscribedWith: readonly Need[] = [];

  constructor(options: LeaderOptions) {
    this.#options = options;
    this.#session = new LeaderSession(options.send, () => this.#subscription());
  }

  get session(): Session | undefined {
    return this.#session.session;
  }

  /** For people; undefined while there is a session. */
  get absence(): string | undefined {
    return this.#session.absence;
  }

  begin(): void {
    this.#session.begin();
  }

  due(at: Instant): void {
    this.#session.due(at);
  }

  /** Somebody says that our session is an old one, or may be: the leader knows. */
  renew(): void {
    this.#session.renew();
  }

  nextDeadline(): number {
    return this.#session.nextDeadline();
  }

  handle(at: Instant, event: LeaderEvent): void {
    const { agents, demand } = this.#options;
    switch (event.type) {
      case "leaderAnnounced":
        return this.#step(at, this.#session.announced(event.epoch));
      case "subscribeAnswered":
        return this.#step(at, this.#session.subscribed(at, event.attempt, event.answer));
      case "renewAnswered":
        if (this.#session.isPresent(event.session) && event.answer.ok)
          agents.shouldHaveHeard(event.answer.value);
        return this.#step(at, this.#session.renewed(at, event.session, event.answer));
      case "leaderSaid":
        return this.#said(at, event);
      case "declineAnswered":
        return this.#declined(at, event);
      case "demandAnswered":
        if (this.#session.isPresent(event.session)) demand.answered(at, event.answer.ok);
        return this.#ifRefused(at, event.session, event.answer);
      case "agentsAnswered":
        if (this.#session.isPresent(event.session))
          agents.leaderAnswered(at, event.asked, event.answer.ok ? event.answer.value : undefined);
        return this.#ifRefused(at, event.session, event.answer);
      case "agentsAfterAnswered":
        if (this.#session.isPresent(event.session))
          agents.pageAnswered(at, event.answer.ok ? event.answer.value : undefined);
        return this.#ifRefused(at, event.session, event.answer);
      default:
        return unreachable(event);
    }
  }

  #subscription(): Subscribe {
    const { id, role, name, failoverTimeoutMs } = this.#options.settings;
    const { needs } = this.#options.demand;
    this.#subscribedWith = needs;
    return {
      framework: id,
      role,
      name,
      needs: [...needs],
      suppressed: needs.length === 0,
      ...(failoverTimeoutMs !== undefined && { failoverTimeoutMs }),
    };
  }

  #step(at: Instant, step: SessionStep): void {
    if (step.type === "none") return;
    const { offers, demand, agents, launches, kills, taskAgents } = this.#options;
    if (step.type === "closed") {
      offers.dropAll();
      demand.closed();
      agents.closed();
      return launches.closed();
    }
    demand.subscribed(this.#subscribedWith);
    agents.begin(at, step.session, step.agents, [...taskAgents(), ...launches.deletedAgents()]);
    kills.opened(at);
    for (const said of step.early) this.#said(at, said);
  }

  #ifRefused(at: Instant, session: Session, answer: Result<unknown, Refusal | NoAnswer>): void {
    if (!answer.ok && typeof answer.error !== "string")
      this.#step(at, this.#session.refused(session, answer.error));
  }

  #declined(at: Instant, { session, offers: ids, answer }: LeaderEvent & { type: "declineAnswered" }): void {
    const { offers, filterMs } = this.#options;
    if (!this.#session.isPresent(session)) return;
    if (answer.ok) offers.heard();
    else if (typeof answer.error === "string") offers.declineAgain(at, ids, filterMs);
    else this.#ifRefused(at, session, answer);
  }

  #said(at: Instant, said: LeaderSaid): void {
    if (this.#session.keepsEarly(said)) return;
    const { ticket, word } = said;
    const { offers, agents, settings, send } = this.#options;
    if (word.type === "superseded") {
      send({ type: "answerLeader", ticket, taken: true });
      if (this.#session.isFencedBy(word.by))
        this.#options.resign("somebody else has subscribed as this framework");
      return;
    }
    const { session } = this.#session;
    const taken = session !== undefined && this.#session.isOurs(said.session);
    send({ type: "answerLeader", ticket, taken });
    if (!taken) return;
    if (word.type === "offers")
      offers.add(word.offers.filter(({ offer }) => isFor(offer, settings.id, session)));
    else if (word.type === "rescinded") offers.rescind(word.offers);
    else {
      const { state, draining } = word.agent;
      if (state !== "registered" || draining !== undefined) offers.dropAgent(word.agent.agent);
      agents.standing(at, word.agent);
      agents.heard(word.change);
    }
  }
}
