import { never } from "#libs/core/time.js";
import { contains } from "#libs/core/resources.js";
import type { Resources } from "#protocol/resources.js";
import { Heap } from "./heap.js";

interface Filter {
  readonly framework: string;
  readonly agent: string;
  readonly refused: Resources;
  readonly until: number;
}

/**
 * What frameworks do not want to be shown for a while: an offer from an agent is held back when what was refused there
 * contains it. Something larger is shown: it may serve what the smaller one could not.
 */
export class Filters {
  readonly #byFramework = new Map<string, Map<string, Filter[]>>();
  readonly #deadlines = new Heap<Filter>((a, b) => a.until < b.until);

  refuse(framework: string, agent: string, refused: Resources, until: number): void {
    let agents = this.#byFramework.get(framework);
    if (agents === undefined) this.#byFramework.set(framework, (agents = new Map()));
    const filter: Filter = { framework, agent, refused, until };
    const others = (agents.get(agent) ?? []).filter(
      (other) => other.until > until || !contains(refused, other.refused),
    );
    agents.set(agent, [...others, filter]);
    this.#deadlines.push(filter);
  }

  blocks(framework: string, agent: string, offered: Resources): boolean {
    const filters = this.#byFramework.get(framework)?.get(agent);
    return filters !== undefined && filters.some(({ refused }) => contains(refused, offered));
  }

  /** The latest time until which some refusal of the framework holds there; undefined when there is none. */
  until(framework: string, agent: string): number | undefined {
    const filters = this.#byFramework.get(framework)?.get(agent);
    return filters?.reduce((latest, filter) => Math.max(latest, filter.until), 0);
  }

  agentsOf(framework: string): number {
    return this.#byFramework.get(framework)?.size ?? 0;
  }

  has(framework: string): boolean {
    return this.#byFramework.has(framework);
  }

  clear(framework: string): void {
    this.#byFramework.delete(framework);
  }

  /** Takes away what has expired; the agents about which somebody may think otherwise now. */
  expire(now: number): string[] {
    const agents: string[] = [];
    for (let first = this.#deadlines.peek(); first !== undefined && first.until <= now;) {
      this.#deadlines.pop();
      if (this.#drop(first)) agents.push(first.agent);
      first = this.#deadlines.peek();
    }
    return agents;
  }

  nextDeadline(): number {
    return this.#deadlines.peek()?.until ?? never;
  }

  #drop(filter: Filter): boolean {
    const agents = this.#byFramework.get(filter.framework);
    const filters = agents?.get(filter.agent);
    if (agents === undefined || filters === undefined || !filters.includes(filter)) return false;
    const left = filters.filter((each) => each !== filter);
    if (left.length > 0) agents.set(filter.agent, left);
    else agents.delete(filter.agent);
    if (agents.size === 0) this.#byFramework.delete(filter.framework);
    return true;
  }
}
