import type { Instant } from "#libs/core/time.js";

/**
 * Since when we have been connected without a break, and for how long in all (R7): whoever may be cut off himself counts
 * nobody's silence. A gap between two looks at the clock of more than two beats counts as having been cut off: the
 * process stood still, or its host slept.
 */
export class Connectivity {
  readonly #beatMs: number;
  #connected: boolean;
  #since: number;
  #lookedAt: number;
  #totalMs = 0;

  constructor(at: Instant, beatMs: number) {
    this.#beatMs = beatMs;
    this.#connected = true;
    this.#since = at.mono;
    this.#lookedAt = at.mono;
  }

  /** With every event: at least one comes with each beat. */
  look(at: Instant): void {
    const gap = at.mono - this.#lookedAt;
    this.#lookedAt = at.mono;
    if (gap > 2 * this.#beatMs) this.#since = at.mono;
    else if (this.#connected) this.#totalMs += gap;
  }

  changed(at: Instant, connected: boolean): void {
    if (connected && !this.#connected) this.#since = at.mono;
    this.#connected = connected;
  }

  /** Whoever was last heard at this time or before has been silent for `ms`, all of which we could have heard; −∞ while we cannot tell. */
  heardBy(at: Instant, ms: number): number {
    const since = at.mono - ms;
    return this.#connected && this.#since <= since ? since : Number.NEGATIVE_INFINITY;
  }

  /** Connected time of this term in all. */
  get totalMs(): number {
    return this.#totalMs;
  }
}
