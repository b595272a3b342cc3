import type { Report } from "#protocol/agent.js";

/**
 * The last report of every agent that is heard, for whoever leads next: what is in use where, as of now. Of an agent that is not
 * heard for ten minutes the registry knows as much: a leader writes down what was in use when it declares an agent lost.
 */
export class LastReports {
  /** In the order in which they came. */
  readonly #byAgent = new Map<string, { readonly report: Report; readonly at: number }>();
  /** Nobody is to be dropped before, monotonic ms. A look with each report would cost: the first of a map lies behind all that was taken out. */
  #lookAt = 0;

  get(agent: string): Report | undefined {
    return this.#byAgent.get(agent)?.report;
  }

  get size(): number {
    return this.#byAgent.size;
  }

  /** Messages that did not decode at those agents, in all. */
  undecoded(): number {
    let sum = 0;
    for (const { report } of this.#byAgent.values()) sum += report.undecoded ?? 0;
    return sum;
  }

  /** `now`: monotonic ms. */
  heard(now: number, agent: string, report: Report): void {
    const known = this.get(agent);
    if (known === undefined || !isOlder(report, known)) {
      this.#byAgent.delete(agent);
      this.#byAgent.set(agent, { report, at: now });
    }
    if (now >= this.#lookAt) this.#dropOld(now);
  }

  #dropOld(now: number): void {
    for (const [id, { at }] of this.#byAgent) {
      this.#lookAt = at + keptMs + 1;
      if (now - at <= keptMs) return;
      this.#byAgent.delete(id);
    }
  }
}

const keptMs = 600_000;

const isOlder = (report: Report, known: Report): boolean =>
  report.generation < known.generation ||
  (report.generation === known.generation && report.sequence < known.sequence);
