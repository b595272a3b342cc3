import { type Backoff, backoffMs } from "#libs/core/backoff.js";
import { DueTimes } from "#libs/core/due-times.js";
import type { Instant } from "#libs/core/time.js";
import type { KillReply } from "#protocol/launch.js";
import type { Session } from "#protocol/offer.js";
import type { Result } from "#protocol/result.js";
import type { FrameworkEffect } from "./effects.js";
import type { NoAnswer } from "./events.js";
import { type FrameworkTask, isLast, type KillOrder } from "./scheduler.js";
import type { Tasks } from "./tasks.js";

const retry: Backoff = { firstMs: 500, factor: 2, mostMs: 15_000 };
const usualGraceMs = 5000;
/** After the grace the agent uses force; so long later the end ought to be known. */
const endKnownAfterMs = 5000;
const again: Backoff = { firstMs: endKnownAfterMs, factor: 2, mostMs: 60_000 };

interface Wanted {
  graceMs: number | undefined;
  isAsking: boolean;
  /** No answers in a row. */
  failures: number;
  /** Answers after which it went on. */
  answers: number;
}

export interface KillsOptions {
  readonly tasks: Tasks;
  readonly send: (effect: FrameworkEffect) => void;
  readonly isUnreachable: (agent: string) => boolean;
  readonly doubt: (agent: string) => void;
  /** True when the task was not sent to its agent yet, and will not be. */
  readonly cancel: (at: Instant, task: string) => boolean;
  /** An agent has seen a newer session of ours. */
  readonly fenced: () => void;
}

/** Kills, seen through: repeated until the task is in a last phase; kept for agents that are away until they are back. */
export class Kills {
  readonly #options: KillsOptions;
  readonly #wanted = new Map<string, Wanted>();
  readonly #due = new DueTimes<string>();

  constructor(options: KillsOptions) {
    this.#options = options;
  }

  nextDeadline(session: Session | undefined): number {
    return session === undefined ? Number.POSITIVE_INFINITY : this.#due.earliest();
  }

  /** What the scheduler wants killed. Naming one again is free; a shorter grace is passed on. */
  order(at: Instant, orders: readonly KillOrder[]): void {
    for (const { task: id, graceMs } of orders) {
      const task = this.#options.tasks.all.get(id);
      if (task === undefined || isLast(task.phase)) continue;
      const wanted = this.#wanted.get(id);
      if (wanted === undefined) {
        if (this.#options.cancel(at, id)) continue;
        this.#wanted.set(id, { graceMs, isAsking: false, failures: 0, answers: 0 });
        this.#due.set(id, at.mono);
      } else if (graceMs !== undefined && graceMs < (wanted.graceMs ?? graceOf(task))) {
        wanted.graceMs = graceMs;
        if (!wanted.isAsking) this.#due.set(id, at.mono);
      }
    }
  }

  /** Sends those that are due. Those of unreachable agents wait for `agentBack`. */
  act(at: Instant, session: Session | undefined): void {
    if (session === undefined) return;
    for (const id of this.#due.take(at.mono)) {
      const task = this.#options.tasks.all.get(id);
      const wanted = this.#wanted.get(id);
      if (task === undefined || wanted === undefined || this.#options.isUnreachable(task.agent)) continue;
      wanted.isAsking = true;
      const { graceMs } = wanted;
      const message = graceMs === undefined ? { session, task: id } : { session, task: id, graceMs };
      this.#options.send({ type: "kill", agent: task.agent, message });
    }
  }

  agentBack(at: Instant, agent: string): void {
    for (const id of this.#options.tasks.onAgent(agent)) this.#again(id, at.mono);
  }

  /** A new session: everything is said again. */
  opened(at: Instant): void {
    for (const [id, wanted] of this.#wanted) {
      wanted.isAsking = false;
      this.#again(id, at.mono);
    }
  }

  answered(at: Instant, id: string, answer: Result<KillReply, NoAnswer>): void {
    const task = this.#options.tasks.all.get(id);
    const wanted = this.#wanted.get(id);
    if (task === undefined || wanted === undefined || !wanted.isAsking) return;
    wanted.isAsking = false;
    if (!answer.ok) {
      this.#options.doubt(task.agent);
      this.#again(id, at.mono + backoffMs(retry, ++wanted.failures));
    } else if (!answer.value.ok) {
      if (answer.value.error.code === "stale") this.#options.fenced();
      this.#again(id, at.mono + backoffMs(retry, ++wanted.failures));
    } else if (answer.value.known) {
      wanted.failures = 0;
      const graceMs = wanted.graceMs ?? graceOf(task);
      this.#again(id, at.mono + graceMs + backoffMs(again, ++wanted.answers));
    } else this.#unknown(at, task);
  }

  ended(task: string): void {
    this.#wanted.delete(task);
    this.#due.delete(task);
  }

  /** Its agent does not know it, and refuses it from now on. */
  #unknown(at: Instant, { spec: { id }, phase, agent }: FrameworkTask): void {
    this.#options.tasks.change(
      at,
      id,
      phase === "launching"
        ? { phase: "killed", message: "killed before it was launched" }
        : { phase: "lost", message: `agent ${agent} does not know it any more` },
    );
  }

  #again(id: string, at: number): void {
    const wanted = this.#wanted.get(id);
    if (wanted !== undefined && !wanted.isAsking) this.#due.set(id, at);
  }
}

const graceOf = ({ spec }: FrameworkTask): number => spec.killGraceMs ?? usualGraceMs;
