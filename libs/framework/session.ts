import { type Backoff, backoffMs } from "#libs/core/backoff.js";
import { type Instant, never } from "#libs/core/time.js";
import type { Refusal } from "#protocol/errors.js";
import type { Subscribe, SubscribeReply } from "#protocol/framework.js";
import { isOlderSession, type Session } from "#protocol/offer.js";
import type { Result } from "#protocol/result.js";
import type { FrameworkEffect } from "./effects.js";
import { type AgentsPage, type LeaderSaid, type NoAnswer, sessionText } from "./events.js";

type State =
  | { readonly type: "away" }
  /** `early`: what the leader said to a session whose number we do not know yet. */
  | { readonly type: "subscribing"; readonly attempt: number; readonly early: LeaderSaid[] }
  | { readonly type: "open"; readonly session: Session; readonly renewMs: number; renewing: boolean };

/** What follows from an event. `opened`: a new session; `closed`: the former one is over. */
export type SessionStep =
  | { readonly type: "none" }
  | { readonly type: "closed" }
  | {
      readonly type: "opened";
      readonly session: Session;
      readonly agents: AgentsPage;
      readonly early: readonly LeaderSaid[];
    };

const none: SessionStep = { type: "none" };
const retry: Backoff = { firstMs: 200, factor: 2, mostMs: 5000 };

/**
 * Our subscription to the leader of the masters: asked for until it is given, renewed, given up when it is stale or when a
 * later epoch begins. While nobody leads it asks again now and then, and at once when a leader announces itself.
 */
export class LeaderSession {
  #state: State = { type: "away" };
  #attempts = 0;
  #failures = 0;
  #due = never;
  /** Why there is no session, in words. */
  #reason = "not yet subscribed";
  readonly #send: (effect: FrameworkEffect) => void;
  readonly #subscribe: () => Subscribe;

  constructor(send: (effect: FrameworkEffect) => void, subscribe: () => Subscribe) {
    this.#send = send;
    this.#subscribe = subscribe;
  }

  get session(): Session | undefined {
    return this.#state.type === "open" ? this.#state.session : undefined;
  }

  /** For people; undefined while there is a session. */
  get absence(): string | undefined {
    return this.#state.type === "open" ? undefined : `no session with the master's leader: ${this.#reason}`;
  }

  nextDeadline(): number {
    return this.#due;
  }

  begin(): void {
    this.#failures = 0;
    this.#ask();
  }

  due(at: Instant): void {
    if (this.#due > at.mono) return;
    this.#due = never;
    if (this.#state.type === "away") this.#ask();
    else if (this.#state.type === "open") this.renew();
  }

  /** A later epoch ends our session; while we have none, it is time to ask. */
  announced(epoch: number): SessionStep {
    if (this.#state.type === "away") this.begin();
    else if (this.#state.type === "open" && epoch > this.#state.session.epoch)
      return this.#close(`epoch ${epoch} began`);
    return none;
  }

  /** Somebody says that our session is an old one: the leader knows. */
  renew(): void {
    if (this.#state.type === "away") return this.begin();
    if (this.#state.type !== "open" || this.#state.renewing) return;
    this.#state.renewing = true;
    this.#send({ type: "renew", session: this.#state.session });
  }

  subscribed(at: Instant, attempt: number, answer: Result<SubscribeReply, NoAnswer>): SessionStep {
    if (this.#state.type !== "subscribing" || this.#state.attempt !== attempt) return none;
    if (answer.ok && answer.value.ok) {
      const { session, agents, more = false, renewMs } = answer.value;
      const { early } = this.#state;
      this.#state = { type: "open", session, renewMs, renewing: false };
      this.#failures = 0;
      this.#due = at.mono + renewMs;
      return { type: "opened", session, agents: { agents, more }, early };
    }
    this.#unanswerEarly();
    this.#reason = answer.ok ? refused(answer.value) : unanswered[answer.error];
    this.#state = { type: "away" };
    this.#due = at.mono + backoffMs(retry, ++this.#failures);
    if (answer.ok)
      this.#send({ type: "say", level: "error", message: `the master refuses us: ${this.#reason}` });
    return none;
  }

  renewed(at: Instant, session: Session, answer: Result<unknown, Refusal | NoAnswer>): SessionStep {
    if (this.#state.type !== "open" || !isSame(this.#state.session, session)) return none;
    this.#state.renewing = false;
    this.#due = at.mono + this.#state.renewMs;
    return answer.ok || typeof answer.error === "string" ? none : this.#close(answer.error.message);
  }

  /** A request of the session was refused by the leader: `stale` ends it. */
  refused(session: Session, error: Refusal): SessionStep {
    return this.#state.type === "open" && isSame(this.#state.session, session) && error.code === "stale"
      ? this.#close(error.message)
      : none;
  }

  /** True when it has to wait until we know our session: it comes again with `opened`. */
  keepsEarly(said: LeaderSaid): boolean {
    if (this.#state.type !== "subscribing" || this.#state.early.length >= earlyMax) return false;
    this.#state.early.push(said);
    return true;
  }

  isOurs(session: string): boolean {
    return this.#state.type === "open" && sessionText(this.#state.session) === session;
  }

  /** Answers to what was asked in another one do not count. */
  isPresent(session: Session): boolean {
    return this.#state.type === "open" && isSame(this.#state.session, session);
  }

  /** True when it is newer than what we have: not one that we opened ourselves. */
  isFencedBy(by: Session): boolean {
    return this.#state.type === "open" && isOlderSession(this.#state.session, by);
  }

  #ask(): void {
    this.#due = never;
    const attempt = ++this.#attempts;
    this.#state = { type: "subscribing", attempt, early: [] };
    this.#send({ type: "subscribe", attempt, message: this.#subscribe() });
  }

  #close(reason: string): SessionStep {
    this.#reason = reason;
    this.#send({ type: "say", level: "info", message: "subscribing again", fields: { reason } });
    this.begin();
    return { type: "closed" };
  }

  #unanswerEarly(): void {
    if (this.#state.type !== "subscribing") return;
    for (const { ticket } of this.#state.early) this.#send({ type: "answerLeader", ticket, taken: false });
  }
}

const earlyMax = 100;

const isSame = (a: Session, b: Session): boolean => a.epoch === b.epoch && a.counter === b.counter;

const unanswered: Record<NoAnswer, string> = {
  absent: "nobody leads",
  unknown: "the leader does not answer",
};

const refused = (reply: SubscribeReply): string => (reply.ok ? "" : reply.error.message);
