import { type Backoff, backoffMs } from "#libs/core/backoff.js";
import { DueTimes } from "#libs/core/due-times.js";
import { fractionOf } from "#libs/core/hash.js";
import { type Instant, never } from "#libs/core/time.js";
import type { AgentStanding, Draining } from "#protocol/framework.js";
import type { ReconcileReply } from "#protocol/launch.js";
import type { Session } from "#protocol/offer.js";
import type { Result } from "#protocol/result.js";
import type { TaskStatus } from "#protocol/task.js";
import { type Agent, newAgent } from "./agents.js";
import type { FrameworkEffect } from "./effects.js";
import type { AgentsPage, AgentsTold, NoAnswer } from "./events.js";
import { Inquiries } from "./inquiries.js";
import { Rounds } from "./rounds.js";

const retry: Backoff = { firstMs: 500, factor: 2, mostMs: 15_000 };
const periodMs = 300_000;
const spreadMs = 60_000;
/** How often about those that it called unreachable: its word that they are back may have been lost. */
const askUnreachableEveryMs = 30_000;

export interface ReconcilingOptions {
  readonly send: (effect: FrameworkEffect) => void;
  /** Tasks that the agent must know by now. */
  readonly expectedOn: (agent: string) => readonly string[];
  /** It has something of ours: it has to be asked now and then. */
  readonly hasAny: (agent: string) => boolean;
  readonly found: (at: Instant, agent: string, statuses: readonly TaskStatus[]) => void;
  /** It has said all of what it has of ours: it was expected to know the `missing` ones too. */
  readonly told: (at: Instant, agent: string, missing: readonly string[], seen: ReadonlySet<string>) => void;
  /** Monotonic ms since when it is unreachable; undefined: it is back. */
  readonly reached: (at: Instant, agent: string, since: number | undefined) => void;
  /** An operator wants it empty; undefined: not any more. */
  readonly drained: (at: Instant, agent: string, draining: Draining | undefined) => void;
  readonly gone: (at: Instant, agent: string) => void;
  /** An agent has seen a newer session of ours. */
  readonly fenced: () => void;
}

/**
 * What agents really run of ours.
 *
 * - Q1 Each new session asks every agent that has, or may have, something of ours: a cut, for the agent voids the offers of
 *   former sessions. Until each has answered in full or is unreachable, `isSettled` is false and nothing is launched.
 * - Q2 The leader answers for agents (unreachable, gone), agents for tasks; silence is no answer (R7).
 * - Q3 An agent with tasks of ours is asked every few minutes, and when updates may have been lost.
 */
export class Reconciling {
  readonly #options: ReconcilingOptions;
  readonly #agents = new Map<string, Agent>();
  readonly #due = new DueTimes<string>();
  readonly #inquiries: Inquiries;
  readonly #rounds: Rounds;
  #unsettled = 0;

  constructor(options: ReconcilingOptions) {
    this.#options = options;
    this.#inquiries = new Inquiries(options.send);
    this.#rounds = new Rounds(options);
  }

  get isSettled(): boolean {
    return this.#unsettled === 0 && this.#inquiries.isComplete;
  }

  /** Agents that have yet to say what they run, and how many there are. */
  get unsettled(): { readonly agents: number; readonly of: number } {
    return { agents: this.#unsettled, of: this.#agents.size };
  }

  isUnreachable(agent: string): boolean {
    return this.#agents.get(agent)?.unreachableSince !== undefined;
  }

  draining(agent: string): Draining | undefined {
    return this.#agents.get(agent)?.draining;
  }

  /** A new session: those that the leader names, and those where we know of tasks. */
  begin(at: Instant, session: Session, page: AgentsPage, known: Iterable<string>): void {
    const standings = page.agents;
    this.#inquiries.begin(session);
    this.#rounds.begin(session);
    for (const id of [...known, ...standings.map(({ agent }) => agent)]) this.#agent(id);
    this.#unsettled = this.#agents.size;
    for (const agent of this.#agents.values()) {
      agent.isSettled = false;
      agent.isAsking = false;
      agent.failures = 0;
      // It may drain no more, and the leader names it only if it has something of ours.
      if (!this.#options.hasAny(agent.id)) agent.draining = undefined;
    }
    for (const standing of standings) this.#stand(at, standing);
    for (const agent of this.#agents.values()) if (!agent.isSettled) this.#want(at, agent);
    this.#goOn(at, page);
  }

  /** The next of those that the leader names; undefined: it did not answer, and is asked again. */
  pageAnswered(at: Instant, page: AgentsPage | undefined): void {
    this.#inquiries.answered();
    if (page === undefined || this.#inquiries.isOver(page)) return this.#inquiries.pageUnanswered(at);
    for (const standing of page.agents) {
      if (this.#agents.has(standing.agent)) this.#named(at, standing);
      else {
        const agent = this.#agent(standing.agent);
        this.#unsettled++;
        this.#stand(at, standing);
        if (!agent.isSettled) this.#want(at, agent);
      }
    }
    this.#goOn(at, page);
  }

  /** Of those that it has not named when it has named all, it is asked by name. */
  #goOn(at: Instant, page: AgentsPage): void {
    this.#inquiries.paged(at, page);
    if (!this.#inquiries.isComplete) return;
    for (const { id, isSettled, standing } of this.#agents.values())
      if (!isSettled && (standing === "unreachable" || standing === "unknown")) this.doubt(id);
  }

  /** The leader's `change`-th word about agents came. */
  heard(change: number | undefined): void {
    if (this.#inquiries.missedBefore(change)) this.#inquiries.doubt(this.#agents.keys());
  }

  /** The leader has said so many words about agents in this session. */
  shouldHaveHeard(changes: number | undefined): void {
    if (this.#inquiries.missedOf(changes)) this.#inquiries.doubt(this.#agents.keys());
  }

  /** What is under way was asked in the session that is over: answers to it do not count. */
  closed(): void {
    this.#rounds.closed();
    this.#inquiries.closed();
    for (const agent of this.#agents.values()) this.#rounds.stop(agent);
  }

  /** The leader says that an agent was lost, is back, or is gone. */
  standing(at: Instant, standing: AgentStanding): void {
    const { agent: id, state } = standing;
    if (!this.#agents.has(id)) {
      const hasAny = this.#options.hasAny(id);
      // One that was gone may have come back with what was given up there, or the leader has only now heard of it: then it may
      // run what nobody knew of.
      if (!hasAny && state !== "registered") return;
      this.#agent(id).isSettled = hasAny;
      if (!hasAny) this.#unsettled++;
    }
    this.#stand(at, standing);
    const agent = this.#agents.get(id);
    if (state === "registered" && agent !== undefined) this.#want(at, agent);
  }

  /** A task came to an agent: from now on it is asked now and then. */
  watch(at: Instant, id: string): void {
    if (this.#agents.has(id)) return;
    const agent = this.#agent(id);
    agent.isSettled = true;
    this.#due.set(id, at.mono + periodMs + fractionOf(id) * spreadMs);
  }

  /** Updates may have been lost: everybody is asked. */
  all(at: Instant): void {
    for (const agent of this.#agents.values())
      if (agent.unreachableSince === undefined) this.#want(at, agent);
  }

  /** Nothing is heard of it. */
  doubt(id: string): void {
    this.#inquiries.doubt([id]);
  }

  due(at: Instant): void {
    for (const id of this.#due.take(at.mono)) {
      const agent = this.#agents.get(id);
      if (agent === undefined) continue;
      if (!this.#options.hasAny(id) && agent.isSettled) this.#forget(agent);
      else if (agent.unreachableSince !== undefined) {
        this.doubt(id);
        this.#due.set(id, at.mono + askUnreachableEveryMs);
      } else this.#want(at, agent);
    }
  }

  answered(at: Instant, id: string, round: number, answer: Result<ReconcileReply, NoAnswer>): void {
    const agent = this.#agents.get(id);
    if (agent === undefined || !agent.isAsking || agent.round !== round) return;
    if (!answer.ok) {
      this.#failed(at, agent);
      this.doubt(id);
    } else if (!answer.value.ok) {
      this.#failed(at, agent);
      if (answer.value.error.code === "stale") this.#options.fenced();
    } else this.#page(at, agent, answer.value.tasks, answer.value.more);
    this.#rounds.next();
  }

  /** Those that were asked about and are not among the standings are unknown to the leader: they offer nothing. */
  leaderAnswered(at: Instant, asked: readonly string[], told: AgentsTold | undefined): void {
    this.#inquiries.answered();
    if (told === undefined || this.#inquiries.isOver(told)) return this.#inquiries.doubt(asked);
    for (const standing of told.agents) this.#named(at, standing);
    const named = new Set(told.agents.map(({ agent }) => agent));
    for (const id of asked) {
      const agent = this.#agents.get(id);
      if (agent === undefined || named.has(id)) continue;
      agent.standing = "unreachable";
      this.#unreachable(at, agent);
    }
  }

  /** Asks the agents whose turn it is, and the leader about those that are in doubt, not too often. */
  act(at: Instant): void {
    this.#rounds.next();
    this.#inquiries.act(at);
  }

  nextDeadline(): number {
    if (!this.#rounds.isOpen) return never;
    return Math.min(this.#due.earliest(), this.#inquiries.nextDeadline());
  }

  #agent(id: string): Agent {
    const known = this.#agents.get(id);
    if (known !== undefined) return known;
    const agent = newAgent(id);
    this.#agents.set(id, agent);
    return agent;
  }

  /** What it runs is asked anew if it is back. */
  #named(at: Instant, standing: AgentStanding): void {
    const wasUnreachable = this.isUnreachable(standing.agent);
    const agent = this.#agents.get(standing.agent);
    this.#stand(at, standing);
    if (wasUnreachable && standing.state === "registered" && agent !== undefined) this.#want(at, agent);
  }

  #stand(at: Instant, { agent: id, state, draining }: AgentStanding): void {
    const agent = this.#agents.get(id);
    if (agent === undefined) return;
    agent.standing = state;
    agent.draining = draining;
    this.#options.drained(at, id, draining);
    switch (state) {
      case "unreachable":
        this.#unreachable(at, agent);
        break;
      case "gone":
        this.#settle(agent);
        this.#forget(agent);
        this.#options.gone(at, id);
        break;
      case "registered":
        this.#back(at, agent);
        break;
      case "awaited":
        break;
    }
  }

  #unreachable(at: Instant, agent: Agent): void {
    this.#settle(agent);
    this.#rounds.stop(agent);
    this.#due.set(agent.id, at.mono + askUnreachableEveryMs);
    if (agent.unreachableSince !== undefined) return;
    agent.unreachableSince = at.mono;
    this.#options.reached(at, agent.id, at.mono);
  }

  #back(at: Instant, agent: Agent): void {
    if (agent.unreachableSince === undefined) return;
    agent.unreachableSince = undefined;
    agent.failures = 0;
    this.#options.reached(at, agent.id, undefined);
  }

  /** Asks it, at once or when it is its turn. */
  #want(at: Instant, agent: Agent): void {
    if (agent.isAsking) agent.isStale = true;
    else if (this.#rounds.isOpen) {
      this.#due.delete(agent.id);
      this.#rounds.want(agent);
    } else this.#due.set(agent.id, at.mono);
  }

  #page(at: Instant, agent: Agent, statuses: readonly TaskStatus[], more: boolean): void {
    agent.failures = 0;
    this.#back(at, agent);
    this.#options.found(at, agent.id, statuses);
    if (this.#rounds.goesOn(agent, statuses, more)) return;
    this.#rounds.stop(agent);
    const missing = agent.expected.filter((id) => !agent.seen.has(id));
    this.#options.told(at, agent.id, missing, agent.seen);
    agent.expected = [];
    agent.seen.clear();
    this.#settle(agent);
    if (agent.isStale) this.#want(at, agent);
    else this.#due.set(agent.id, at.mono + periodMs + fractionOf(agent.id) * spreadMs);
  }

  #failed(at: Instant, agent: Agent): void {
    this.#rounds.stop(agent);
    this.#due.set(agent.id, at.mono + backoffMs(retry, ++agent.failures));
  }

  #settle(agent: Agent): void {
    if (agent.isSettled) return;
    agent.isSettled = true;
    this.#unsettled--;
  }

  #forget(agent: Agent): void {
    this.#rounds.stop(agent);
    this.#agents.delete(agent.id);
    this.#due.delete(agent.id);
    this.#inquiries.forget(agent.id);
  }
}
