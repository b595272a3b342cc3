import type { Instant } from "#libs/core/time.js";
import { type FrameworkTask, isLast } from "#libs/framework/scheduler.js";
import { ManagedJob } from "./managed-job.js";
import { ManagedRun } from "./managed-run.js";
import { jobKey, type Loaded, runKey, type RunRecord, type TaskData } from "./record.js";

/** What the records of the former leader come to. */
export interface TakenOver {
  readonly jobs: Map<string, ManagedJob>;
  /** Counted by their job already: their records are to go. */
  readonly forgotten: readonly { readonly job: ManagedJob; readonly run: string }[];
  /** By deleted job: keys of records that a deletion left over when it was cut short. */
  readonly leftOver: ReadonlyMap<string, readonly string[]>;
  /** Runs whose job is not there, and was not deleted: left alone. */
  readonly jobless: readonly { readonly job: string; readonly run: string }[];
}

/** What is no younger than the tombstone of its job belongs to the one that was deleted. */
export function takenOver({ jobs, runs, tombstones }: Loaded, at: Instant): TakenOver {
  const deletedAt = new Map(tombstones.map((each) => [each.id, each.at]));
  const isLeftOver = (id: string, createdAt: number) => createdAt <= (deletedAt.get(id) ?? -1);
  const leftOver = new Map<string, string[]>(tombstones.map(({ id }) => [id, []]));
  const found = new Map<string, ManagedJob>();
  const forgotten: { job: ManagedJob; run: string }[] = [];
  const jobless: { job: string; run: string }[] = [];

  for (const record of jobs) {
    const { definition, createdAt } = record;
    if (isLeftOver(definition.id, createdAt)) leftOver.get(definition.id)!.push(jobKey(definition.id));
    else found.set(definition.id, new ManagedJob(record));
  }
  const byEnd = runs.toSorted((a, b) => (a.run.completedAt ?? 0) - (b.run.completedAt ?? 0));
  for (const record of byEnd) {
    const { id, job: owner, createdAt } = record.run;
    const job = found.get(owner);
    if (isLeftOver(owner, createdAt)) leftOver.get(owner)!.push(runKey(owner, id));
    else if (job === undefined) jobless.push({ job: owner, run: id });
    else if (job.isForgotten(id)) forgotten.push({ job, run: id });
    else job.add(new ManagedRun(record, at));
  }
  return { jobs: found, forgotten, leftOver, jobless };
}

/**
 * What becomes of a task whose run is not there: `end`, its run was forgotten; `adopt`, the bucket was lost, for absence is not
 * deletion; `leave`, nothing is known that would say so.
 */
export function fateOf(
  task: FrameworkTask,
  { job, run, bucket }: { job: ManagedJob | undefined; run: string; bucket: string },
): "leave" | "end" | "adopt" {
  // Of one that is launching its agent has said nothing yet: it may have ended, and its job been deleted, before we took over.
  if (isLast(task.phase) || task.phase === "launching") return "leave";
  if (job?.hasForgotten(run) === true) return "end";
  // The record of a run goes after its task has ended: what we hear is an update from before.
  return task.spec.bucket === bucket ? "leave" : "adopt";
}

/** The run as its task tells it: what it has tried before is lost. */
export function adoptedRun({ job, run: { id, createdAt, key } }: TaskData): RunRecord {
  return {
    run: { id, job: job.id, status: "STARTING", createdAt, attempts: [], stopRequested: false },
    spec: job.run,
    failures: 0,
    mishaps: 0,
    ...(key !== undefined && { key }),
  };
}
