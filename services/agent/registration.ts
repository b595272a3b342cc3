import type { Register, Report } from "#protocol/agent.js";
import type { Refusal } from "#protocol/errors.js";
import { type Backoff, backoffMs } from "#libs/core/backoff.js";
import { never, type Instant } from "#libs/core/time.js";
import type { AgentEffect } from "./events.js";
import type { Offers } from "./offers.js";
import type { Refusals } from "./refusals.js";

type Standing =
  | { readonly state: "out" }
  /** The request is being recorded, or is on its way. */
  | { readonly state: "asking" }
  | { readonly state: "in"; readonly epoch: number };

export interface RegistrationOptions {
  readonly emit: (effect: AgentEffect) => void;
  readonly offers: Offers;
  readonly refusals: Pick<Refusals, "isCrowded">;
  /** Begins a generation: voids, forgets, records; `then` when it is safe. */
  readonly cut: (at: Instant, then: (at: Instant) => void) => void;
  /** When the generation that was begun last is recorded; at once when it is. */
  readonly recorded: (at: Instant, then: (at: Instant) => void) => void;
  readonly message: (at: Instant, report: Report) => Register;
  readonly report: () => Omit<Report, "sequence">;
}

/** All agents are asked at once when a leader begins: they answer within so long, unless it says how long. */
const jitterMs = 250;
/** Changes within so long make one report. */
const coalesceMs = 10;
const again: Backoff = { firstMs: 100, factor: 2, mostMs: 5000 };
const refusedAgain: Backoff = { firstMs: 1000, factor: 2, mostMs: 30_000 };
const reportIntervalMs = 5000;

/**
 * The agent's standing with the leader.
 *
 * - M1 Each registration is a cut: with it begins a generation in which no offer was made yet. One that nobody got is sent
 *   again in the same generation, for nobody can have made offers on it. It is shown to nobody before it is recorded.
 * - M2 It registers again under each epoch that is news, after each connection that was lost, and after a sleep so long that
 *   it may have been given up.
 * - M3 A report is a snapshot with a sequence number of its own: within 10 ms after a change, and in each interval.
 */
export class Registration {
  readonly #options: RegistrationOptions;
  #standing: Standing = { state: "out" };
  #attempt = 0;
  /** The present generation was shown to nobody yet. */
  #isUnseen = true;
  #failures = 0;
  #registerAt = never;
  #reportAt = never;
  #intervalMs = reportIntervalMs;
  #sequence = 0;
  #isConnected = false;
  #mayRegister = false;

  constructor(options: RegistrationOptions) {
    this.#options = options;
  }

  /** What ran before this process is found again, nobody else has our id: the leader may count on us. */
  begin(at: Instant): void {
    if (this.#mayRegister) return;
    this.#mayRegister = true;
    this.#registerAt = at.mono;
  }

  connected(at: Instant, fraction: number): void {
    this.#isConnected = true;
    if (!this.#mayRegister) return;
    this.#failures = 0;
    this.#registerAt = at.mono + (this.#standing.state === "out" ? 0 : fraction * jitterMs);
    this.#standing = { state: "out" };
  }

  disconnected(): void {
    this.#isConnected = false;
  }

  /** A leader speaks. Under an epoch that is news it does not know us yet. */
  announced(at: Instant, isNews: boolean, fraction: number, spreadMs = jitterMs): void {
    const isKnown = !isNews && this.#standing.state !== "out";
    if (isKnown || !this.#mayRegister) return;
    this.#failures = 0;
    this.#standing = { state: "out" };
    this.#registerAt = Math.min(this.#registerAt, at.mono + fraction * spreadMs);
  }

  /** All offers shall be void, all that was refused forgotten. */
  renew(at: Instant): void {
    if (this.#mayRegister) this.#registerAt = Math.min(this.#registerAt, at.mono);
  }

  /** A generation has as much to remember as it may: the next one begins with nothing. */
  renewIfCrowded(at: Instant): void {
    const { offers, refusals } = this.#options;
    if (offers.isCrowded() || refusals.isCrowded()) this.renew(at);
  }

  registered(at: Instant, attempt: number, epoch: number, intervalMs: number): void {
    if (attempt !== this.#attempt) return;
    const { offers } = this.#options;
    if (offers.epochRefusal(epoch) !== undefined) return this.#tryLater(at, again);
    offers.hear(epoch);
    this.#standing = { state: "in", epoch };
    this.#failures = 0;
    this.#intervalMs = intervalMs;
    this.#reportAt = Math.min(this.#reportAt, at.mono + intervalMs);
  }

  refused(at: Instant, attempt: number, error: Refusal): void {
    if (attempt !== this.#attempt) return;
    this.#options.emit({
      type: "note",
      level: "warn",
      message: "the leader does not take the registration",
      fields: { error },
    });
    this.#tryLater(at, refusedAgain);
  }

  failed(at: Instant, attempt: number, unseen: boolean): void {
    if (attempt !== this.#attempt) return;
    if (unseen) this.#isUnseen = true;
    this.#tryLater(at, again);
  }

  /** Something in the report is not as it was. */
  changed(at: Instant): void {
    this.#reportAt = Math.min(this.#reportAt, at.mono + coalesceMs);
  }

  tick(at: Instant): void {
    if (this.#standing.state === "in" && at.mono - this.#reportAt > 2 * this.#intervalMs) this.renew(at);
    if (at.mono >= this.#registerAt) this.#register(at);
    if (at.mono >= this.#reportAt) {
      this.#reportAt = at.mono + this.#intervalMs;
      if (this.#isConnected && !this.#isUnseen) this.#options.emit({ type: "report", report: this.report() });
    }
  }

  nextDeadline(): number {
    return Math.min(this.#isConnected ? this.#registerAt : never, this.#reportAt);
  }

  /** A snapshot of now. */
  report(): Report {
    return { ...this.#options.report(), sequence: ++this.#sequence };
  }

  #register(at: Instant): void {
    if (!this.#isConnected) return;
    this.#registerAt = never;
    this.#standing = { state: "asking" };
    const attempt = ++this.#attempt;
    const send = (then: Instant) => {
      if (attempt !== this.#attempt) return;
      this.#isUnseen = false;
      this.#options.offers.open();
      this.#options.emit({ type: "register", attempt, message: this.#options.message(then, this.report()) });
    };
    if (this.#isUnseen) this.#options.recorded(at, send);
    else {
      this.#isUnseen = true;
      this.#options.cut(at, send);
    }
  }

  #tryLater(at: Instant, backoff: Backoff): void {
    this.#failures++;
    this.#standing = { state: "out" };
    this.#registerAt = Math.min(this.#registerAt, at.mono + backoffMs(backoff, this.#failures));
  }
}
