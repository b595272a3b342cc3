import type { Attempt, Run } from "#protocol/job.js";
import { assert } from "#libs/core/assert.js";
import { type Instant, never } from "#libs/core/time.js";
import { endText, type FrameworkTask, isLast } from "#libs/framework/scheduler.js";
import { outcomeOf } from "./outcome.js";
import type { RunRecord } from "./record.js";
import { pauseMs, verdictOn } from "./retry.js";
import { secondsText } from "#libs/core/words.js";

/** Attempts that a run shows: the first one, and the last ones. */
const attemptsMost = 50;

/** With ON_FAILURE, an attempt on an agent that is unreachable for so long is given up, and another one made. */
const givenUpAfterMs = 120_000;

/**
 * One run: one task after the other until one succeeds, or no more may be tried.
 *
 * - J1 At most one attempt is the run's own; an attempt that was given up is ended as soon as it can be reached.
 * - J2 An attempt is judged once, and the verdict stored before its last update is acknowledged.
 * - J3 A run that has ended stays as it ended.
 *
 * ```
 *             place                    staging                     exit 0
 *  STARTING ────────► (launching) ────────────► ACTIVE ───────────────────► SUCCESS
 *     ▲                                           │   failed, and no more to try; stopped; too late
 *     └──────────── after the backoff ◄───────────┴───────────────────────► FAILED
 * ```
 */
export class ManagedRun {
  readonly job: string;
  readonly id: string;
  readonly spec: RunRecord["spec"];
  readonly key: string | undefined;
  #run: Run;
  #failures: number;
  #mishaps: number;
  #task: FrameworkTask | undefined;
  /** Monotonic ms; the wall clock is looked at once, so that it may jump later. */
  readonly #createdAt: number;
  #waitsSince: number;
  /** No attempt before. */
  #notBefore: number;
  /** Why the present attempt is being ended. */
  #ending: string | undefined;
  /** Of its tasks those that have not ended: the attempt that counts, and those that were given up. */
  readonly tasks = new Set<string>();
  /** Writes that are under way: no attempt is launched before what led to it is stored (J2). */
  writes = 0;

  constructor(record: RunRecord, at: Instant) {
    const { run, spec, key, failures, mishaps } = record;
    this.job = run.job;
    this.id = run.id;
    this.spec = spec;
    this.key = key;
    this.#run = run;
    this.#failures = failures;
    this.#mishaps = mishaps;
    const mono = (wall: number) => at.mono - (at.wall - wall);
    // A clock that was set back meanwhile must not make it wait until it shows the old time again.
    this.#createdAt = Math.min(at.mono, mono(run.createdAt));
    this.#notBefore =
      run.retryAt === undefined ? this.#createdAt : Math.min(at.mono + pauseMs(record), mono(run.retryAt));
    this.#waitsSince = Math.max(this.#createdAt, this.#notBefore);
    if (run.stopRequested && !this.hasEnded) this.#ending = "stopped";
  }

  get run(): Run {
    return this.#run;
  }

  get record(): RunRecord {
    return {
      run: this.#run,
      spec: this.spec,
      failures: this.#failures,
      mishaps: this.#mishaps,
      ...(this.key !== undefined && { key: this.key }),
    };
  }

  get hasEnded(): boolean {
    return this.#run.status === "SUCCESS" || this.#run.status === "FAILED";
  }

  /** The attempt that counts, while it has not ended. */
  get task(): FrameworkTask | undefined {
    return this.#task;
  }

  /** Monotonic ms: no attempt before. */
  get notBefore(): number {
    return this.#notBefore;
  }

  /** Its present attempt is to end. */
  get isEnding(): boolean {
    return this.#ending !== undefined;
  }

  /** An attempt may be launched now. */
  isWaiting(now: number): boolean {
    if (this.hasEnded || this.#task !== undefined || this.#ending !== undefined) return false;
    return this.writes === 0 && this.#notBefore <= now;
  }

  /** Whether the task is the attempt that counts: not one that was judged or given up, nor an older one than that we have. */
  owns({ spec: { id }, launchedAt }: FrameworkTask): boolean {
    if (this.hasEnded) return false;
    if (this.#run.attempts.some((attempt) => attempt.task === id && attempt.endedAt !== undefined))
      return false;
    return (
      this.#task === undefined || this.#task.spec.id === id || this.#task.launchedAt.wall < launchedAt.wall
    );
  }

  /** It is stored: from now on it waits for offers. */
  begin(): void {
    if (this.#run.status === "INITIAL") this.#run = { ...this.#run, status: "STARTING" };
  }

  askToStop(): void {
    this.#run = { ...this.#run, stopRequested: true };
  }

  /** That it is to stop is stored: now it does. True when that ends it at once. */
  stop(at: Instant): boolean {
    return this.#endWith(at, "stopped");
  }

  /** A task of it came or changed. True when there is something to store before that is acknowledged (J2). */
  taskChanged(at: Instant, task: FrameworkTask): boolean {
    assert(!this.hasEnded, "J3: an attempt of a run that has ended is not its own");
    this.#task = task;
    this.#note(task);
    if (isLast(task.phase)) {
      this.#judge(at, task);
      return true;
    }
    if (task.phase !== "launching" && this.#run.status !== "ACTIVE")
      this.#run = { ...this.#run, status: "ACTIVE" };
    return false;
  }

  /** An attempt that was given up has succeeded after all: so has the run. */
  succeedWith(at: Instant, task: FrameworkTask): void {
    this.#note(task);
    this.#end(at, "SUCCESS", undefined);
  }

  /**
   * What is due. `ended`: the run is over; `givenUp`: its attempt is, another one is made, and it is to end where it is;
   * `ending`: its attempt is to end.
   */
  due(at: Instant): "nothing" | "ended" | "ending" | "givenUp" {
    if (this.hasEnded) return "nothing";
    if (this.#ending === undefined && at.mono >= this.#deadline) {
      const text = `the deadline of ${this.spec.restart.activeDeadlineSeconds} s has passed`;
      return this.#endWith(at, text) ? "ended" : "ending";
    }
    if (at.mono >= this.#launchDeadline) {
      const waited = secondsText(at.mono - this.#waitsSince);
      this.#end(
        at,
        "FAILED",
        `it waited ${waited} for resources, and may wait ${this.spec.maxLaunchDelay} s`,
      );
      return "ended";
    }
    return at.mono >= this.#givenUpAt ? this.#giveUp(at) : "nothing";
  }

  nextDeadline(now: number): number {
    if (this.hasEnded) return never;
    const deadline = this.#ending === undefined ? this.#deadline : never;
    const retry = this.#task === undefined && this.#notBefore > now ? this.#notBefore : never;
    return Math.min(deadline, this.#launchDeadline, this.#givenUpAt, retry);
  }

  /** Monotonic ms at which what still runs is ended. */
  get #deadline(): number {
    const { activeDeadlineSeconds } = this.spec.restart;
    return activeDeadlineSeconds === undefined ? never : this.#createdAt + activeDeadlineSeconds * 1000;
  }

  get #launchDeadline(): number {
    return this.#task === undefined ? this.#waitsSince + this.spec.maxLaunchDelay * 1000 : never;
  }

  get #givenUpAt(): number {
    const since = this.#task?.unreachableSince;
    if (since === undefined) return never;
    if (this.#ending !== undefined) return since + givenUpAfterMs;
    return this.spec.restart.policy === "NEVER" ? never : since + givenUpAfterMs;
  }

  /** True when there is nothing to wait for. */
  #endWith(at: Instant, reason: string): boolean {
    this.#ending ??= reason;
    if (this.#task !== undefined) return false;
    this.#end(at, "FAILED", this.#ending);
    return true;
  }

  #judge(at: Instant, task: FrameworkTask): void {
    this.#task = undefined;
    if (this.#ending !== undefined) return this.#end(at, "FAILED", this.#ending);
    this.#rule(at, outcomeOf(task));
  }

  #rule(at: Instant, outcome: ReturnType<typeof outcomeOf>): void {
    const verdict = verdictOn(this.record, outcome, this.#deadline - at.mono);
    switch (verdict.type) {
      case "succeed":
        return this.#end(at, "SUCCESS", undefined);
      case "fail":
        return this.#end(at, "FAILED", verdict.reason);
      case "retry":
        this.#failures = verdict.failures;
        this.#mishaps = verdict.mishaps;
        this.#notBefore = at.mono + verdict.afterMs;
        // What never began goes on waiting: so what is refused again and again fails in the end.
        if (outcome.type !== "mishap" || outcome.hadBegun) this.#waitsSince = this.#notBefore;
        this.#run = { ...this.#run, status: "STARTING", retryAt: at.wall + verdict.afterMs };
    }
  }

  #giveUp(at: Instant): "ended" | "givenUp" {
    const task = this.#task!;
    const message = `agent ${task.agent} was unreachable for ${secondsText(givenUpAfterMs)}`;
    this.#task = undefined;
    this.#replace(task.spec.id, (attempt) => ({ ...attempt, state: "lost", message, endedAt: at.wall }));
    if (this.#ending !== undefined) this.#end(at, "FAILED", `${this.#ending}; ${message}`);
    else this.#rule(at, { type: "mishap", hadBegun: true, text: message });
    return this.hasEnded ? "ended" : "givenUp";
  }

  #end(at: Instant, status: "SUCCESS" | "FAILED", reason: string | undefined): void {
    const { retryAt: _, ...run } = this.#run;
    this.#run = { ...run, status, completedAt: at.wall, ...(reason !== undefined && { reason }) };
  }

  #note(task: FrameworkTask): void {
    const noted = attemptOf(task);
    if (this.#run.attempts.some((attempt) => attempt.task === noted.task))
      return this.#replace(noted.task, () => noted);
    const { retryAt: _, attempts, earlierAttempts = 0, ...run } = this.#run;
    const dropped = attempts.length >= attemptsMost ? 1 : 0;
    this.#run = {
      ...run,
      attempts: [...attempts.slice(0, 1), ...attempts.slice(1 + dropped), noted],
      ...(earlierAttempts + dropped > 0 && { earlierAttempts: earlierAttempts + dropped }),
    };
  }

  #replace(task: string, change: (attempt: Attempt) => Attempt): void {
    const attempts = this.#run.attempts.map((attempt) => (attempt.task === task ? change(attempt) : attempt));
    this.#run = { ...this.#run, attempts };
  }
}

function attemptOf(task: FrameworkTask): Attempt {
  const { spec, agent, host, phase, latest, launchedAt, startedAt } = task;
  const hasEnded = isLast(phase);
  return {
    task: spec.id,
    agent,
    host,
    state: phase,
    launchedAt: launchedAt.wall,
    ...(latest?.reason !== undefined && { reason: latest.reason }),
    ...(hasEnded && phase !== "finished" && { message: endText(task) }),
    ...(latest?.exitCode !== undefined && { exitCode: latest.exitCode }),
    ...(latest?.signal !== undefined && { signal: latest.signal }),
    ...(startedAt !== undefined && { startedAt }),
    ...(hasEnded && { endedAt: latest?.at ?? launchedAt.wall }),
  };
}
