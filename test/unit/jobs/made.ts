import { Value } from "typebox/value";
import { JobDefinition, JobRunSpec } from "#protocol/job.js";
import type { RunRecord } from "#services/jobs/record.js";

const program = (given: object) =>
  "cmd" in given || "args" in given || "jvm" in given || "docker" in given ? {} : { cmd: "compute" };

/** A job as the gateway hands it on: defaults filled in. */
export const job = (run: object = {}, given: object = {}): JobDefinition =>
  Value.Default(JobDefinition, {
    id: "demo.pi",
    run: { ...program(run), ...structuredClone(run) },
    ...given,
  }) as JobDefinition;

export const spec = (given: object = {}): RunRecord["spec"] =>
  Value.Default(JobRunSpec, { ...program(given), ...structuredClone(given) }) as RunRecord["spec"];
