/** How a master behaves. All times in ms; the defaults are in `defaultSettings`. */
export interface MasterSettings {
  /** Asked of agents: at least one report in so long. */
  readonly reportIntervalMs: number;
  /** Without a report for so long, while we were connected for so long, an agent is unreachable (R7). */
  readonly agentTimeoutMs: number;
  /** Most agents that may be declared unreachable within a minute, as a share of the known ones; one is always allowed (R7). */
  readonly removalShare: number;
  /** Whoever is unreachable or gone for so long is forgotten: the registry does not grow with what is gone. */
  readonly forgetAfterMs: number;
  /** Asked of frameworks: one renewal in so long. */
  readonly renewMs: number;
  /** Without a word of its session for so long, while we were connected, a framework is disconnected: its offers are rescinded. */
  readonly sessionTimeoutMs: number;
  /** An offer that is not answered for so long is rescinded. */
  readonly offerTimeoutMs: number;
  /** A rescind that an agent did not answer is sent again after so long. */
  readonly retryMs: number;
  /** A framework whose session does not take offers gets none for so long, or until it speaks. */
  readonly deafMs: number;
  /** Shortest time from one allocation pass to the next: what happens within is served together. The first is served at once. */
  readonly passIntervalMs: number;
  readonly announceMs: number;
  /** Between two looks at the clock; a gap of more than two of them counts as having been cut off (R7). */
  readonly beatMs: number;
  /** The use of an agent is written to the registry at most so often, apart from its registrations. */
  readonly saveUseMs: number;
  /** Offers in one message to a framework. */
  readonly offersPerMessage: number;
}

export const defaultSettings: MasterSettings = {
  reportIntervalMs: 5_000,
  agentTimeoutMs: 15_000,
  removalShare: 0.1,
  forgetAfterMs: 7 * 24 * 3600 * 1000,
  renewMs: 5_000,
  sessionTimeoutMs: 15_000,
  offerTimeoutMs: 60_000,
  retryMs: 1_000,
  deafMs: 5_000,
  passIntervalMs: 5,
  announceMs: 5_000,
  beatMs: 1_000,
  saveUseMs: 60_000,
  offersPerMessage: 20,
};
