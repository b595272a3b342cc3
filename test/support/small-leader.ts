import type { AgentStanding } from "#protocol/framework.js";
import type { Session } from "#protocol/offer.js";
import { ok } from "#protocol/result.js";
import type { FrameworkEffect } from "#libs/framework/effects.js";
import type { FrameworkEvent, LeaderWord } from "#libs/framework/events.js";
import type { SmallAgents } from "./small-agents.js";

type ToLeader =
  | "subscribe"
  | "renew"
  | "revive"
  | "suppress"
  | "decline"
  | "askAgents"
  | "askAgentsAfter"
  | "answerLeader";

/** The leading master as one framework knows it. It offers all that is free whenever something may have changed. */
export class SmallLeader {
  readonly #agents: SmallAgents;
  readonly #emit: (event: FrameworkEvent) => void;
  #session: Session = { epoch: 7, counter: 0 };
  #isSuppressed = true;
  #hasNews = false;
  #words = 0;

  constructor(agents: SmallAgents, emit: (event: FrameworkEvent) => void) {
    this.#agents = agents;
    this.#emit = emit;
  }

  /** Something may allow an offer. */
  hearsOfNews(): void {
    this.#hasNews = true;
  }

  /** False: there is nothing to offer, or nobody who wants it. */
  offers(): boolean {
    if (!this.#hasNews || this.#isSuppressed) return false;
    this.#hasNews = false;
    const offers = this.#agents.offers(this.#session).map((offer) => ({
      offer,
      sealed: { body: JSON.stringify(offer), seal: "5".repeat(64) },
    }));
    this.#say({ type: "offers", offers });
    return true;
  }

  tells(agent: AgentStanding): void {
    this.#say({ type: "agent-changed", agent });
  }

  perform(effect: Extract<FrameworkEffect, { readonly type: ToLeader }>): void {
    switch (effect.type) {
      case "subscribe":
        this.#session = { epoch: 7, counter: this.#session.counter + 1 };
        this.#isSuppressed = effect.message.suppressed;
        this.#hasNews = true;
        return this.#emit({
          type: "subscribeAnswered",
          attempt: effect.attempt,
          answer: ok({
            ok: true,
            session: this.#session,
            agents: this.#agents.standings(),
            renewMs: 5000,
          }),
        });
      case "renew":
        return this.#emit({ type: "renewAnswered", session: effect.session, answer: done });
      case "revive":
        this.#isSuppressed = false;
        this.#hasNews = true;
        return this.#emit({ type: "demandAnswered", session: effect.session, answer: done });
      case "suppress":
        this.#isSuppressed = true;
        return this.#emit({ type: "demandAnswered", session: effect.session, answer: done });
      case "decline": {
        const { session, offers } = effect;
        return this.#emit({ type: "declineAnswered", session, offers, answer: done });
      }
      case "askAgents": {
        const { session, agents: asked } = effect;
        const agents = this.#agents.standings().filter(({ agent }) => asked.includes(agent));
        return this.#emit({ type: "agentsAnswered", session, asked, answer: ok({ agents }) });
      }
      case "askAgentsAfter":
        throw new Error("the answer to subscribe names all agents of a small cluster");
      case "answerLeader":
        return;
    }
  }

  #say(word: LeaderWord): void {
    const session = `${this.#session.epoch}-${this.#session.counter}`;
    this.#emit({ type: "leaderSaid", ticket: ++this.#words, session, word });
  }
}

const done = ok(undefined);
