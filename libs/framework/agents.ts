import type { AgentStanding, Draining } from "#protocol/framework.js";

/** An agent where the framework has something. */
export interface Agent {
  readonly id: string;
  /** As the leader says; `unknown` to it, or not yet heard. */
  standing: AgentStanding["state"] | "unknown";
  /** Monotonic ms. Defined while it is unreachable. */
  unreachableSince: number | undefined;
  /** Defined while an operator wants it empty. */
  draining: Draining | undefined;
  /** In the present session it has said all that it runs of ours, or nobody can ask it. */
  isSettled: boolean;
  /** Number of the present or last question; answers to others do not count. */
  round: number;
  isAsking: boolean;
  /** To be asked again as soon as the present answer is there. */
  isStale: boolean;
  /** Tasks that it must know, unless they end meanwhile. */
  expected: readonly string[];
  readonly seen: Set<string>;
  failures: number;
}

export const newAgent = (id: string): Agent => ({
  id,
  standing: "unknown",
  unreachableSince: undefined,
  draining: undefined,
  isSettled: false,
  round: 0,
  isAsking: false,
  isStale: false,
  expected: [],
  seen: new Set(),
  failures: 0,
});
