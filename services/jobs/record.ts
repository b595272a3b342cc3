import { type Static, Type } from "typebox";
import { type Codec, codec } from "#protocol/codec.js";
import { encodeId } from "#protocol/ids.js";
import { JobDefinition, JobRunSpec, Run } from "#protocol/job.js";
import { type Tombstone, tombstoneKey, tombstones } from "#libs/framework/graves.js";

/** What is left of runs that the history does not hold any more. */
export const Forgotten = Type.Object({
  successes: Type.Integer({ minimum: 0 }),
  failures: Type.Integer({ minimum: 0 }),
  /** Runs with this id or a lower one that are not stored have ended and were forgotten. Run ids grow with time. */
  upTo: Type.String(),
  /** The last ones that were forgotten: counted, though their records may still be there. */
  last: Type.Array(Type.String()),
});
export type Forgotten = Static<typeof Forgotten>;

/** One job as it is stored, under `job.<id>`. */
export const JobRecord = Type.Object({
  definition: JobDefinition,
  createdAt: Type.Number({ description: "wall ms" }),
  forgotten: Type.Optional(Forgotten),
});
export type JobRecord = Static<typeof JobRecord>;

/** One run as it is stored, under `run.<job>.<run>`. */
export const RunRecord = Type.Object({
  run: Run,
  /** As the job was when the run was created. */
  spec: JobRunSpec,
  /** The caller's key: the same key gives the same run. */
  key: Type.Optional(Type.String()),
  /** Attempts that were used up. */
  failures: Type.Integer({ minimum: 0 }),
  /** Attempts in a row that came to nothing through no fault of the job. */
  mishaps: Type.Integer({ minimum: 0 }),
});
export type RunRecord = Static<typeof RunRecord>;

/** What each task carries: with it a job and its run are adopted after the loss of the bucket. */
export const TaskData = Type.Object({
  job: JobDefinition,
  jobCreatedAt: Type.Number(),
  run: Type.Object({ id: Type.String(), createdAt: Type.Number(), key: Type.Optional(Type.String()) }),
});
export type TaskData = Static<typeof TaskData>;

const jobRecords = codec(JobRecord);
const runRecords = codec(RunRecord);
const taskData = codec(TaskData);

export const jobKey = (job: string): string => `job.${encodeId(job)}`;
export const runKey = (job: string, run: string): string => `run.${encodeId(job)}.${encodeId(run)}`;

export interface Loaded {
  readonly jobs: readonly JobRecord[];
  readonly runs: readonly RunRecord[];
  readonly tombstones: readonly Tombstone[];
  /** Keys of ours that hold something else: left alone, and said. */
  readonly unreadable: readonly string[];
}

/** Reads what the bucket holds of ours; the SDK's keys are not looked at. */
export function loadedFrom(entries: ReadonlyMap<string, unknown>): Loaded {
  const jobs: JobRecord[] = [];
  const runs: RunRecord[] = [];
  const graves: Tombstone[] = [];
  const unreadable: string[] = [];
  const read = <T>(key: string, value: unknown, shape: Codec<T>, into: T[], keyOf: (found: T) => string) => {
    const checked = shape.check(value);
    if (checked.ok && keyOf(checked.value) === key) into.push(checked.value);
    else unreadable.push(key);
  };
  for (const [key, value] of entries) {
    if (key.startsWith("job.")) read(key, value, jobRecords, jobs, ({ definition }) => jobKey(definition.id));
    else if (key.startsWith("run.")) read(key, value, runRecords, runs, ({ run }) => runKey(run.job, run.id));
    else if (key.startsWith("deleted.")) read(key, value, tombstones, graves, ({ id }) => tombstoneKey(id));
  }
  return { jobs, runs, tombstones: graves, unreadable };
}

/** The run that a task says it belongs to; undefined when it is no task of ours. */
export function taskDataOf(text: string | undefined): TaskData | undefined {
  if (text === undefined) return undefined;
  const decoded = taskData.decode(new TextEncoder().encode(text));
  return decoded.ok ? decoded.value : undefined;
}

export const encodeTaskData = (data: TaskData): string => JSON.stringify(data);
