import type { TaskSpec } from "#protocol/task.js";
import { workloadOf } from "#libs/framework/workload.js";
import { encodeTaskData, type RunRecord, type TaskData } from "./record.js";
import { shapeOf } from "./shape.js";

type Spec = RunRecord["spec"];

/** One attempt of a run, as an agent launches it. */
export function taskSpec(
  spec: Spec,
  data: TaskData,
  task: { readonly id: string; readonly attempt: number },
): TaskSpec {
  const { job, run } = data;
  const grace = spec.taskKillGracePeriodSeconds;
  return {
    id: task.id,
    name: job.id,
    workload: workloadOf(spec),
    resources: shapeOf(spec).need.resources,
    env: {
      EMPORION_JOB_ID: job.id,
      EMPORION_RUN_ID: run.id,
      EMPORION_ATTEMPT: String(task.attempt),
      METRONOME_JOB_ID: job.id,
      METRONOME_JOB_RUN_ID: run.id,
      ...spec.env,
    },
    labels: job.labels,
    data: encodeTaskData(data),
    ...(spec.user !== undefined && { user: spec.user }),
    ...(spec.artifacts.length > 0 && { artifacts: spec.artifacts }),
    ...(grace !== undefined && { killGraceMs: Math.round(grace * 1000) }),
  };
}
