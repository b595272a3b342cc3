import type { Demand } from "#protocol/api.js";
import type { JobView } from "#protocol/job.js";
import { tallyText } from "#libs/core/tally.js";
import type { Instant } from "#libs/core/time.js";
import { countText, secondsText } from "#libs/core/words.js";
import type { Lines } from "./lines.js";
import type { ManagedJob } from "./managed-job.js";
import { shapeOf } from "./shape.js";

/** `runsMost`: how many active and how many ended runs are shown, the newest of each. */
export function jobView(job: ManagedJob, runsMost: number): JobView {
  return {
    definition: job.definition,
    active: [...job.active.values()].slice(-runsMost).map(({ run }) => run),
    activeCount: job.active.size,
    finished: [...job.finished.values()]
      .slice(-runsMost)
      .toReversed()
      .map(({ run }) => run),
    successCount: job.successCount,
    failureCount: job.failureCount,
  };
}

/** What the runs of a job ask of agents, and why they wait for other reasons than agents. */
export function demandOf(
  job: ManagedJob,
  facts: {
    readonly at: Instant;
    readonly framework: string;
    readonly lines: Lines;
    readonly hindered: readonly string[];
  },
): Demand {
  const { at, lines } = facts;
  const runs = [...job.active.values()];
  const running = runs.filter(({ task }) => task?.phase === "running").length;
  const backingOff = runs.filter(({ task, notBefore }) => task === undefined && notBefore > at.mono);
  const ending = runs.filter(({ isEnding }) => isEnding).length;
  const waiting: string[] = [];
  if (backingOff.length > 0) {
    const next = Math.min(...backingOff.map(({ notBefore }) => notBefore)) - at.mono;
    waiting.push(
      `${countText(backingOff.length, "run")} back off after a failed attempt: the next in ${secondsText(next)}`,
    );
  }
  if (ending > 0) waiting.push(`${countText(ending, "run")} ${ending === 1 ? "is" : "are"} being ended`);
  const line = lines.of(job.definition.run);
  if (line !== undefined && line.refusals.length > 0) waiting.push(refusalsText(line.refusals));
  return {
    about: job.id,
    framework: facts.framework,
    need: shapeOf(job.definition.run).need,
    waiting: runs.length > running ? [...waiting, ...facts.hindered] : [],
    wanted: runs.length,
    running,
  };
}

const refusalsMost = 5;

const refusalsText = (refusals: readonly string[]): string =>
  `the last offers were of no use (${countText(refusals.length, "offer")}): ${tallyText(refusals, refusalsMost)}`;
