import type { TaskStatus } from "#protocol/task.js";
import type { Session } from "#protocol/offer.js";
import type { Agent } from "./agents.js";
import type { FrameworkEffect } from "./effects.js";

/** Agents that are asked at a time. */
const askingMost = 64;

export interface RoundsOptions {
  readonly send: (effect: FrameworkEffect) => void;
  /** Tasks that the agent must know by now. */
  readonly expectedOn: (agent: string) => readonly string[];
}

/** Asks agents what they run of ours, so many at a time, each page after page. Only the present round of an agent counts. */
export class Rounds {
  readonly #options: RoundsOptions;
  readonly #queue = new Set<Agent>();
  #session: Session | undefined;
  #asking = 0;

  constructor(options: RoundsOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#session !== undefined;
  }

  /** All agents are as good as never asked. */
  begin(session: Session): void {
    this.#session = session;
    this.#queue.clear();
    this.#asking = 0;
  }

  /** Nobody is asked any more; what is under way is stopped one by one. */
  closed(): void {
    this.#session = undefined;
  }

  /** At once, or when it is its turn. Only in a session. */
  want(agent: Agent): void {
    this.#queue.add(agent);
    this.next();
  }

  next(): void {
    for (const agent of this.#queue) {
      if (this.#asking >= askingMost || this.#session === undefined) return;
      this.#queue.delete(agent);
      this.#asking++;
      agent.isAsking = true;
      agent.isStale = false;
      agent.round++;
      agent.seen.clear();
      agent.expected = this.#options.expectedOn(agent.id);
      this.#ask(agent, { session: this.#session });
    }
  }

  /** A page has come. True when it was not the last one, and the next is asked for. */
  goesOn(agent: Agent, statuses: readonly TaskStatus[], more: boolean): boolean {
    for (const { spec } of statuses) agent.seen.add(spec.id);
    const last = statuses.at(-1)?.spec.id;
    if (!more || last === undefined || this.#session === undefined) return false;
    this.#ask(agent, { session: this.#session, after: last });
    return true;
  }

  /** It has said all, or does not answer, or need not be asked. */
  stop(agent: Agent): void {
    this.#queue.delete(agent);
    if (!agent.isAsking) return;
    agent.isAsking = false;
    this.#asking--;
  }

  #ask({ id, round }: Agent, message: { session: Session; after?: string }): void {
    this.#options.send({ type: "reconcile", agent: id, round, message });
  }
}
