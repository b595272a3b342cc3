import { endText, type FrameworkTask } from "#libs/framework/scheduler.js";

/**
 * How an attempt ended:
 * - succeeded: by itself, with exit code 0;
 * - failed: in any other way that is its own: it uses up an attempt;
 * - mishap: it came to nothing through no fault of the job (refused, lost, its host was restarted, its agent was drained): it uses up none.
 *   `hadBegun`: its program may have done a part of its work.
 */
export type Outcome =
  | { readonly type: "succeeded" }
  | { readonly type: "failed"; readonly text: string }
  | { readonly type: "mishap"; readonly hadBegun: boolean; readonly text: string };

const mishaps = new Set([
  "never-started",
  "host-restarted",
  "cut-off",
  "exit-unknown",
  "executor-unavailable",
  "drained",
]);

/** Of a task in a last phase. */
export function outcomeOf(task: FrameworkTask): Outcome {
  const { phase, latest, startedAt } = task;
  const text = endText(task);
  if (phase === "finished") return { type: "succeeded" };
  if (phase === "refused") return { type: "mishap", hadBegun: false, text };
  const hadBegun = startedAt !== undefined;
  if (phase === "lost") return { type: "mishap", hadBegun, text };
  const reason = latest?.reason ?? "";
  if (reason === "never-started") return { type: "mishap", hadBegun: false, text };
  return mishaps.has(reason) ? { type: "mishap", hadBegun, text } : { type: "failed", text };
}
