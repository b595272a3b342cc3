import type { Instant } from "#libs/core/time.js";

/** Time has come to look at the deadlines. */
export interface Tick {
  readonly type: "tick";
}

/**
 * Decides, and does nothing else: it is handed what happened and when, changes its own state at once, and returns what is
 * to be done. It never waits, reads a clock, rolls dice or logs, so the same events give the same effects.
 */
export interface Machine<Event, Effect> {
  handle(at: Instant, event: Event | Tick): readonly Effect[];
  /**
   * After the events of one turn, however many came: what is better done once for all of them, such as one write for what they
   * had recorded. Between an event and its turn's end nothing but events of the same turn happens.
   */
  settle?(at: Instant): readonly Effect[];
  /** Monotonic ms at which it wants a tick; `never` when only an event can change anything. */
  nextDeadline(): number;
}
