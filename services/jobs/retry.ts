import { type Backoff, backoffMs } from "#libs/core/backoff.js";
import type { RunRecord } from "./record.js";
import type { Outcome } from "./outcome.js";

/** What follows from the end of an attempt. */
export type Verdict =
  | { readonly type: "succeed" }
  | { readonly type: "fail"; readonly reason: string }
  | { readonly type: "retry"; readonly afterMs: number; readonly failures: number; readonly mishaps: number };

/** A mishap is tried again at once; several in a row, ever more slowly. */
const afterMishaps: Backoff = { firstMs: 1000, factor: 2, mostMs: 60_000 };

/**
 * - An attempt that failed is repeated with ON_FAILURE, up to `retries` times, after
 *   min(maxBackoffSeconds, backoffSeconds · backoffFactor^(n−1)) seconds after the n-th failure; with NEVER the run has failed.
 * - A mishap is repeated and counts for nothing; but with NEVER only what had not begun: what may have done a part of its
 *   work is not done twice.
 * - There is no further attempt after the deadline.
 */
export function verdictOn(
  { spec, failures, mishaps }: Pick<RunRecord, "spec" | "failures" | "mishaps">,
  outcome: Outcome,
  msToDeadline: number,
): Verdict {
  const { restart, retries } = spec;
  const isOnce = restart.policy === "NEVER";
  switch (outcome.type) {
    case "succeeded":
      return { type: "succeed" };
    case "failed": {
      if (isOnce) return { type: "fail", reason: outcome.text };
      const count = failures + 1;
      if (count > retries)
        return { type: "fail", reason: `all ${count} attempts failed; the last: ${outcome.text}` };
      const afterMs = backoffMs(afterFailures(spec), count);
      if (afterMs >= msToDeadline) return tooLate(spec, outcome.text);
      return { type: "retry", afterMs, failures: count, mishaps: 0 };
    }
    case "mishap": {
      if (isOnce && outcome.hadBegun)
        return { type: "fail", reason: `${outcome.text}; it had begun, and is not to be run twice` };
      const afterMs = backoffMs(afterMishaps, mishaps);
      if (afterMs >= msToDeadline) return tooLate(spec, outcome.text);
      return { type: "retry", afterMs, failures, mishaps: mishaps + 1 };
    }
  }
}

/** How long the next attempt was to wait after the last one: as in the verdict that led to these counts. */
export const pauseMs = ({
  spec,
  failures,
  mishaps,
}: Pick<RunRecord, "spec" | "failures" | "mishaps">): number =>
  mishaps > 0 ? backoffMs(afterMishaps, mishaps - 1) : backoffMs(afterFailures(spec), failures);

const afterFailures = (spec: RunRecord["spec"]): Backoff => ({
  firstMs: spec.backoffSeconds * 1000,
  factor: spec.backoffFactor,
  mostMs: spec.maxBackoffSeconds * 1000,
});

const tooLate = ({ restart }: RunRecord["spec"], last: string): Verdict => ({
  type: "fail",
  reason: `no attempt fits before the deadline of ${restart.activeDeadlineSeconds} s; the last: ${last}`,
});
