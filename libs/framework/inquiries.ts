import { type Instant, never } from "#libs/core/time.js";
import type { Session } from "#protocol/offer.js";
import type { FrameworkEffect } from "./effects.js";
import type { AgentsPage, AgentsTold } from "./events.js";

/** How often the leader is asked about agents of which nothing is heard. */
const askEveryMs = 1000;
/** Agents that are asked about at a time. */
const askedMost = 1000;

/**
 * What the leader is asked about agents, one question at a time: first the rest of those that it began to name when it gave us
 * the session, then those in doubt. It counts its words about agents (`agent-changed`), and says the count whenever we renew:
 * when we have heard fewer, some were lost, and all our agents are in doubt.
 */
export class Inquiries {
  readonly #send: (effect: FrameworkEffect) => void;
  readonly #doubted = new Set<string>();
  #session: Session | undefined;
  /** After which agent the leader goes on naming; undefined when it has named all. */
  #nextPage: string | undefined;
  #pageDueAt = -never;
  #askedAt = -never;
  #isAsking = false;
  #changes = 0;

  constructor(send: (effect: FrameworkEffect) => void) {
    this.#send = send;
  }

  /** The leader has named all agents with something of ours. */
  get isComplete(): boolean {
    return this.#nextPage === undefined;
  }

  begin(session: Session): void {
    this.#session = session;
    this.#nextPage = undefined;
    this.#isAsking = false;
    this.#changes = 0;
  }

  closed(): void {
    this.#session = undefined;
  }

  doubt(agents: Iterable<string>): void {
    for (const agent of agents) this.#doubted.add(agent);
  }

  forget(agent: string): void {
    this.#doubted.delete(agent);
  }

  paged(at: Instant, { agents, more }: AgentsPage): void {
    this.#nextPage = more ? agents.at(-1)?.agent : undefined;
    this.#pageDueAt = at.mono;
  }

  /** The question is answered, or was not. */
  answered(): void {
    this.#isAsking = false;
  }

  pageUnanswered(at: Instant): void {
    this.#pageDueAt = at.mono + askEveryMs;
  }

  /** Its `change`-th word about agents came; true when one before it did not. */
  missedBefore(change: number | undefined): boolean {
    if (change === undefined || change <= this.#changes) return false;
    const isMissing = change > this.#changes + 1;
    this.#changes = change;
    return isMissing;
  }

  /** It has said so many words about agents; true when some of them did not come. */
  missedOf(changes: number | undefined): boolean {
    if (changes === undefined || changes <= this.#changes) return false;
    this.#changes = changes;
    return true;
  }

  /** Said before a change that we have heard of: an answer may be overtaken by a later word. */
  isOver({ changes }: AgentsTold): boolean {
    return changes !== undefined && changes < this.#changes;
  }

  act(at: Instant): void {
    if (this.#session === undefined || at.mono < this.#dueAt()) return;
    const session = this.#session;
    this.#isAsking = true;
    if (this.#nextPage !== undefined)
      return this.#send({ type: "askAgentsAfter", session, after: this.#nextPage });
    this.#askedAt = at.mono;
    const agents = [...this.#doubted].slice(0, askedMost);
    for (const agent of agents) this.#doubted.delete(agent);
    this.#send({ type: "askAgents", session, agents });
  }

  nextDeadline(): number {
    return this.#session === undefined ? never : this.#dueAt();
  }

  #dueAt(): number {
    if (this.#isAsking) return never;
    if (this.#nextPage !== undefined) return this.#pageDueAt;
    return this.#doubted.size === 0 ? never : this.#askedAt + askEveryMs;
  }
}
