import { secondsText } from "#libs/core/words.js";

/** What of Metronome's run the CLI reads. */
export interface RunInfo {
  readonly id: string;
  readonly jobId: string;
  readonly status: "INITIAL" | "STARTING" | "ACTIVE" | "SUCCESS" | "FAILED";
  readonly createdAt: string;
  readonly completedAt: string | null;
  readonly reason?: string;
  /** When the next attempt is made, after one that failed. */
  readonly retryAt?: string;
  readonly tasks: readonly {
    readonly id: string;
    readonly status: string;
    readonly host: string;
    readonly startedAt?: string;
    readonly completedAt: string | null;
    readonly exitCode?: number;
    readonly signal?: string;
    readonly message?: string;
  }[];
}

/** `demo.pi: ACTIVE, attempt 1`, `demo.pi: attempt 1 failed: exit code 3; attempt 2 follows after 1 s`. */
export function runText({ jobId, status, tasks, retryAt }: RunInfo): string {
  const last = tasks.at(-1);
  if (last === undefined) return `${jobId}: ${status}`;
  if (retryAt === undefined) return `${jobId}: ${status}, attempt ${tasks.length}`;
  // The whole pause, not what is left of it: off a terminal each change is a line.
  const pauseMs = last.completedAt === null ? 0 : wallOf(retryAt) - wallOf(last.completedAt);
  const after = pauseMs > 0 ? ` after ${secondsText(pauseMs)}` : "";
  const why = last.message === undefined ? "" : `: ${last.message}`;
  return `${jobId}: attempt ${tasks.length} failed${why}; attempt ${tasks.length + 1} follows${after}`;
}

/** `demo.pi: no run is active; the last one, 20260101…, ended FAILED: exit code 3`. Undefined while one is active. */
export function lastRunText(id: string, runs: readonly RunInfo[]): string | undefined {
  if (runs.some((run) => !isEnded(run))) return undefined;
  const last = newestOf(runs);
  if (last === undefined) return `${id}: it has not been run yet`;
  const why = last.reason === undefined ? "" : `: ${last.reason}`;
  return `${id}: no run is active; the last one, ${last.id}, ended ${last.status}${why}`;
}

export const newestOf = (runs: readonly RunInfo[]): RunInfo | undefined =>
  runs.toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1))[0];

/** Metronome's times have no colon in the zone. */
const wallOf = (time: string): number => Date.parse(time.replace(/\+0000$/, "Z"));

export const isEnded = ({ status }: RunInfo): boolean => status === "SUCCESS" || status === "FAILED";
