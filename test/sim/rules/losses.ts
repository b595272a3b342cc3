import type { Breach } from "./breaches.js";

export interface LossesRuleOptions {
  readonly breach: Breach;
  /** Virtual ms. */
  readonly now: () => number;
  /** Without a report for so long an agent is unreachable. */
  readonly agentTimeoutMs: number;
  /** Most agents that may be declared unreachable within a minute. */
  readonly mostPerMinute: number;
}

/** A minute from decision to decision. We hear of a loss when it is stored, which no leader waits for longer than its lease lasts. */
const minuteMs = 60_000 - 5000;

/**
 * R7 Nobody is declared lost by someone who may be cut off himself: who says so was connected for one whole agent time-out. And no more
 * than a set share within a minute, by all masters together: a loss is told when it is stored, with the wall clock, and the next
 * leader counts it.
 */
export class LossesRule {
  readonly #options: LossesRuleOptions;
  /** When each agent was given up last, and by which process. One that is given up again is still one. */
  readonly #losses = new Map<string, { readonly at: number; readonly by: WatchedMaster }>();
  /** From then on no process can tell when another gave somebody up, nor when it did so itself before it was started again: each counts its own. */
  #clocksDiffer = false;

  constructor(options: LossesRuleOptions) {
    this.#options = options;
  }

  /** `isConnected`: what the node's link says, now and whenever it changes. */
  watch(master: string): WatchedMaster {
    const { breach, now, agentTimeoutMs, mostPerMinute } = this.#options;
    let since = Number.POSITIVE_INFINITY;
    const losses = this.#losses;
    const watched: WatchedMaster = {
      connection: (isConnected) => {
        since = isConnected ? Math.min(since, now()) : Number.POSITIVE_INFINITY;
      },
      clockSet: () => {
        this.#clocksDiffer = true;
        losses.clear();
      },
      lost: (agent) => {
        const forMs = now() - since;
        if (forMs < agentTimeoutMs)
          breach(`R7: ${master} gives up agent ${agent}, and was itself connected for ${forMs} ms only`);
        for (const [each, loss] of losses) if (now() - loss.at >= minuteMs) losses.delete(each);
        losses.set(agent, { at: now(), by: watched });
        const counted = [...losses.values()].filter(({ by }) => !this.#clocksDiffer || by === watched).length;
        if (counted > mostPerMinute)
          breach(`R7: ${master} gives up ${counted} agents within a minute, and ${mostPerMinute} may go`);
      },
    };
    return watched;
  }
}

export interface WatchedMaster {
  readonly connection: (isConnected: boolean) => void;
  /** Somebody has set its wall clock: it cannot tell any more when others gave somebody up. */
  readonly clockSet: () => void;
  readonly lost: (agent: string) => void;
}
