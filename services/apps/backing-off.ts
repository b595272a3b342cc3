import { backoffMs } from "#libs/core/backoff.js";
import type { AppDefinition } from "#protocol/app.js";
import { type Instant, never } from "#libs/core/time.js";
import type { FrameworkTask } from "#libs/framework/scheduler.js";
import { type Instance, serves } from "./instance.js";

/**
 * How an app backs off after failures. The state belongs to one configuration of it: another one starts anew, scaling does not.
 * - `failures` counts instances that ended too soon, in a row. The n-th delays the next launch by
 *   min(maxLaunchDelaySeconds, backoffSeconds · backoffFactor^(n−1)).
 * - `refusals` counts launches that agents refused, in a row. The first is free (an offer may have been lost to a race),
 *   after that they delay as failures do.
 */
export interface BackingOff {
  readonly failures: number;
  readonly refusals: number;
  /** Monotonic ms: nothing is launched before. */
  readonly until: number;
  /** Monotonic ms of the last failure, when there are any. */
  readonly failedAt: number;
}

export const notBackingOff: BackingOff = { failures: 0, refusals: 0, until: 0, failedAt: 0 };

type Times = Pick<AppDefinition, "backoffSeconds" | "backoffFactor" | "maxLaunchDelaySeconds">;

const delayMs = (times: Times, failures: number): number =>
  backoffMs(
    {
      firstMs: times.backoffSeconds * 1000,
      factor: times.backoffFactor,
      mostMs: times.maxLaunchDelaySeconds * 1000,
    },
    failures,
  );

/**
 * What the end of an instance says about its app:
 * - failed: it ended by itself (with exit code 0 too: an app is not meant to end), could not start, or never became healthy;
 * - stumbled: the same, but after it had run well for so long that this is no reason to wait, nor any earlier failure;
 * - refused: its agent did not take it;
 * - blameless: it was asked to end, or was lost with its agent.
 */
export type End = "failed" | "stumbled" | "refused" | "blameless";

const ofTheHost = new Set(["never-started", "host-restarted", "cut-off", "exit-unknown", "kill-requested"]);

/** Of a task in a last phase. */
export function endOf(task: FrameworkTask, times: Times, before: BackingOff): End {
  const { phase, latest } = task;
  if (phase === "refused") return "refused";
  if (phase === "lost") return "blameless";
  const reason = latest?.reason ?? "";
  if (phase === "killed" ? reason !== "unhealthy" : ofTheHost.has(reason)) return "blameless";
  return ranMs(task) >= steadyMs(times, before) && reason !== "unhealthy" ? "stumbled" : "failed";
}

/**
 * An instance that ran for so long is steady: ten seconds, or as long as the last delay was. So a crash loop whose delay has
 * grown to five minutes needs five good minutes to be forgiven.
 */
const steadyMs = (times: Times, { failures }: BackingOff): number =>
  Math.max(steadyLeastMs, delayMs(times, failures));

const steadyLeastMs = 10_000;

/** By its agent's clock alone, so that clocks need not agree. */
const ranMs = ({ startedAt, latest }: FrameworkTask): number =>
  startedAt === undefined || latest === undefined ? 0 : latest.at - startedAt;

export function afterEnd(before: BackingOff, end: End, times: Times, now: number): BackingOff {
  switch (end) {
    case "blameless":
      return before;
    case "stumbled":
      return notBackingOff;
    case "failed": {
      const failures = before.failures + 1;
      return { failures, refusals: before.refusals, until: now + delayMs(times, failures), failedAt: now };
    }
    case "refused": {
      const refusals = before.refusals + 1;
      return {
        ...before,
        refusals,
        until: Math.max(before.until, now + delayMs(times, refusals - 1)),
      };
    }
  }
}

/**
 * Monotonic ms at which earlier failures are forgotten, as things stand: when an instance that was launched after the last failure
 * has run well for so long. Never while there is none, or nothing to forget.
 */
export function forgivenAt(before: BackingOff, instances: Iterable<Instance>, times: Times): number {
  let first = never;
  if (before.failures === 0) return first;
  for (const instance of instances)
    if (serves(instance) && instance.launchedAt > before.failedAt)
      first = Math.min(first, instance.launchedAt);
  return first + steadyMs(times, before);
}

/**
 * Monotonic ms from which on an app may count as settled. At once while nothing has failed, as with Marathon: what runs, runs. After
 * failures only when all that serves has run for ten seconds, or each new start of a crash loop would look like success.
 */
export function provenAt({ failures }: BackingOff, instances: Iterable<Instance>): number {
  if (failures === 0) return -never;
  let youngest = -never;
  for (const instance of instances) if (serves(instance)) youngest = Math.max(youngest, instance.launchedAt);
  return youngest + steadyLeastMs;
}

/** An instance runs: agents do take them. */
export const afterStart = (before: BackingOff): BackingOff =>
  before.refusals === 0 ? before : { ...before, refusals: 0 };

/** On taking over: what is left of the last delay, which counts from the last failure (whole when the clock was set back since). */
export function resumed(failures: number, lastFailureAt: number, times: Times, at: Instant): BackingOff {
  if (failures === 0) return notBackingOff;
  const delay = delayMs(times, failures);
  const passedMs = Math.max(0, at.wall - lastFailureAt);
  const until = at.mono + Math.max(0, delay - passedMs);
  return { failures, refusals: 0, until, failedAt: at.mono - passedMs };
}
