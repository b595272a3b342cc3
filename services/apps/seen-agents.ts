import type { Attributes } from "#protocol/resources.js";

/**
 * Attributes of the agents that were offered lately, by agent: the values over which GROUP_BY spreads. What somebody still
 * wants is offered again within seconds, so an agent that was not offered for a minute has no room.
 */
export class SeenAgents {
  readonly #agents = new Map<string, { readonly attributes: Attributes; readonly at: number }>();

  see(agent: string, attributes: Attributes, now: number): void {
    this.#agents.delete(agent);
    this.#agents.set(agent, { attributes, at: now });
  }

  attributes(now: number): Attributes[] {
    // In the order in which they were seen: the oldest come first.
    for (const [agent, { at }] of this.#agents) {
      if (now - at <= keptMs) break;
      this.#agents.delete(agent);
    }
    return Array.from(this.#agents.values(), ({ attributes }) => attributes);
  }
}

const keptMs = 60_000;
