import { type Backoff, backoffMs } from "#libs/core/backoff.js";
import { type Instant, never } from "#libs/core/time.js";
import type { Need } from "#protocol/framework.js";
import type { Session } from "#protocol/offer.js";
import type { FrameworkEffect } from "./effects.js";

/** Kind of a need → how many are wanted. */
type Counts = ReadonlyMap<string, number>;

const retry: Backoff = { firstMs: 200, factor: 2, mostMs: 10_000 };
/** Revives of more of the same come no faster: each has the leader forget what we declined. */
const revivesEveryMs = 100;
/** So long a kind must be gone before the leader is told: it costs a revive. */
const goneAfterMs = 1000;

/**
 * Tells the leader what is wanted: revive when something new or more is, suppress when nothing is. Less of the same is not
 * told; the leader's picture only has to be enough. One request at a time, so that they cannot overtake each other.
 */
export class Demand {
  readonly #send: (effect: FrameworkEffect) => void;
  #needs: readonly Need[] = [];
  #counts: Counts = new Map();
  /** What the leader knows: nothing without a session; no kinds: suppressed. */
  #told: Counts | undefined;
  #asking = false;
  #grown = false;
  #goneSince = never;
  #revivedAt = -never;
  #failures = 0;
  #notBefore = -never;

  constructor(send: (effect: FrameworkEffect) => void) {
    this.#send = send;
  }

  get needs(): readonly Need[] {
    return this.#needs;
  }

  /** The needs as the scheduler has them now. */
  look(at: Instant, needs: readonly Need[]): void {
    if (needs === this.#needs) return;
    const counts = countsOf(needs);
    for (const [kind, count] of counts) if (count > (this.#counts.get(kind) ?? 0)) this.#grown = true;
    this.#needs = needs;
    this.#counts = counts;
    if (!this.#toldTooMuch()) this.#goneSince = never;
    else if (this.#goneSince === never) this.#goneSince = at.mono;
  }

  /** They went to the leader with the subscription. */
  subscribed(needs: readonly Need[]): void {
    this.#told = countsOf(needs);
    this.#asking = false;
    this.#failures = 0;
    this.#notBefore = -never;
    this.#grown = this.#isUntold();
  }

  closed(): void {
    this.#told = undefined;
    this.#asking = false;
  }

  answered(at: Instant, isOk: boolean): void {
    this.#asking = false;
    if (isOk) this.#failures = 0;
    else {
      this.#notBefore = at.mono + backoffMs(retry, ++this.#failures);
      this.#grown ||= this.#counts.size > 0;
      this.#told = unknown;
    }
  }

  act(at: Instant, session: Session | undefined): void {
    if (session === undefined || this.#told === undefined || this.#asking || at.mono < this.#dueAt()) return;
    if (this.#counts.size === 0) this.#send({ type: "suppress", session });
    else {
      this.#send({ type: "revive", session, needs: this.#needs });
      this.#revivedAt = at.mono;
    }
    this.#asking = true;
    this.#grown = false;
    this.#goneSince = never;
    this.#told = this.#counts;
  }

  nextDeadline(): number {
    return this.#told === undefined || this.#asking ? never : this.#dueAt();
  }

  #dueAt(): number {
    const told = this.#told!;
    if (this.#counts.size === 0) return told.size === 0 && told !== unknown ? never : this.#notBefore;
    if (told.size === 0 || this.#isUntold()) return this.#notBefore;
    const soonest = Math.max(this.#notBefore, this.#revivedAt + revivesEveryMs);
    return this.#grown ? soonest : Math.max(soonest, this.#goneSince + goneAfterMs);
  }

  /** A kind that the leader does not know of. */
  #isUntold(): boolean {
    for (const kind of this.#counts.keys()) if (!this.#told!.has(kind)) return true;
    return false;
  }

  #toldTooMuch(): boolean {
    for (const kind of this.#told?.keys() ?? []) if (!this.#counts.has(kind)) return true;
    return false;
  }
}

/** After a failure: the leader may know what we said, or not. */
const unknown: Counts = new Map();

function countsOf(needs: readonly Need[]): Counts {
  const counts = new Map<string, number>();
  for (const { count, ...kind } of needs) {
    const key = JSON.stringify(kind);
    counts.set(key, (counts.get(key) ?? 0) + (count ?? never));
  }
  return counts;
}
