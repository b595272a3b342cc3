import type { Attempt, JobDefinition, JobView, Run } from "#protocol/job.js";
import { marathonState } from "./marathon.js";

/** A job as Metronome's clients know it. */
export function jobInfo(
  { definition, active, finished, successCount, failureCount }: JobView,
  embed: ReadonlySet<string>,
): object {
  const successful = finished.filter(({ status }) => status === "SUCCESS");
  const failed = finished.filter(({ status }) => status === "FAILED");
  const summary = {
    successCount,
    failureCount,
    lastSuccessAt: lastEnd(successful),
    lastFailureAt: lastEnd(failed),
  };
  return {
    ...jobSpec(definition),
    ...(embed.has("activeRuns") && { activeRuns: active.map(runInfo) }),
    ...(embed.has("historySummary") && { historySummary: summary }),
    ...(embed.has("history") && {
      history: {
        ...summary,
        successfulFinishedRuns: successful.map(historyRun),
        failedFinishedRuns: failed.map(historyRun),
      },
    }),
  };
}

export const jobSpec = (definition: JobDefinition): object => ({ ...definition, schedules: [] });

/** Metronome's fields, and the result: exit code, reason and host of each attempt. */
export function runInfo(run: Run): object {
  return {
    id: run.id,
    jobId: run.job,
    status: run.status,
    createdAt: metronomeTime(run.createdAt),
    completedAt: run.completedAt === undefined ? null : metronomeTime(run.completedAt),
    tasks: run.attempts.map(attemptInfo),
    ...(run.reason !== undefined && { reason: run.reason }),
    ...(run.retryAt !== undefined && { retryAt: metronomeTime(run.retryAt) }),
  };
}

const attemptInfo = (attempt: Attempt): object => ({
  id: attempt.task,
  status: marathonState(attempt.state),
  createdAt: metronomeTime(attempt.launchedAt),
  ...(attempt.startedAt !== undefined && { startedAt: metronomeTime(attempt.startedAt) }),
  completedAt: attempt.endedAt === undefined ? null : metronomeTime(attempt.endedAt),
  host: attempt.host,
  agent: attempt.agent,
  ...(attempt.exitCode !== undefined && { exitCode: attempt.exitCode }),
  ...(attempt.signal !== undefined && { signal: attempt.signal }),
  ...(attempt.reason !== undefined && { reason: attempt.reason }),
  ...(attempt.message !== undefined && { message: attempt.message }),
});

const historyRun = (run: Run): object => ({
  id: run.id,
  createdAt: metronomeTime(run.createdAt),
  finishedAt: run.completedAt === undefined ? null : metronomeTime(run.completedAt),
  tasks: run.attempts.map(({ task }) => task),
});

const lastEnd = (runs: readonly Run[]): string | null => {
  const ends = runs.flatMap(({ completedAt }) => (completedAt === undefined ? [] : [completedAt]));
  return ends.length === 0 ? null : metronomeTime(Math.max(...ends));
};

/** `2016-07-15T13:02:59.735+0000`: no colon in the zone. */
export const metronomeTime = (wallMs: number): string => new Date(wallMs).toISOString().replace("Z", "+0000");
