import type { ExecutorInfo } from "#protocol/offer.js";
import { never, type Instant } from "#libs/core/time.js";
import type { AgentEffect } from "./events.js";

export interface ExecutorsOptions {
  readonly emit: (effect: AgentEffect) => void;
  /** As detected before the start. */
  readonly detected: Detected;
  /** The host can run other things than it could. */
  readonly changed: (at: Instant) => void;
}

/** What can be run here now, and why there is not more: warnings about an executor begin with its kind and a colon. */
export interface Detected {
  readonly executors: readonly ExecutorInfo[];
  readonly warnings: readonly string[];
}

const detectMs = 60_000;

/** What the host can run: looked at once a minute, for engines come and go; the leader is told when it is not what it was. */
export class Executors {
  readonly #options: ExecutorsOptions;
  #detected: Detected;
  #detectAt = never;

  constructor(options: ExecutorsOptions) {
    this.#options = options;
    this.#detected = options.detected;
  }

  get all(): readonly ExecutorInfo[] {
    return this.#detected.executors;
  }

  get warnings(): readonly string[] {
    return this.#detected.warnings;
  }

  begin(at: Instant): void {
    this.#detectAt = at.mono + detectMs;
  }

  detected(at: Instant, { executors, warnings }: Detected): void {
    const isSame = JSON.stringify([executors, warnings]) === JSON.stringify([this.all, this.warnings]);
    this.#detected = { executors, warnings };
    if (!isSame) this.#options.changed(at);
  }

  tick(at: Instant): void {
    if (at.mono < this.#detectAt) return;
    this.#detectAt = at.mono + detectMs;
    this.#options.emit({ type: "detectExecutors" });
  }

  nextDeadline(): number {
    return this.#detectAt;
  }
}
