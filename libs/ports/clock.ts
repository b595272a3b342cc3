import type { Instant } from "#libs/core/time.js";

/** Cancels what it was given for; a second call does nothing. */
export type Cancel = () => void;

export interface Clock {
  now(): Instant;
  /** Calls once, not before `now().mono + ms`. */
  after(ms: number, call: () => void): Cancel;
}

/** A promise that is settled when so long has passed. */
export const delay = (clock: Clock, ms: number): Promise<void> =>
  new Promise((done) => void clock.after(ms, done));
