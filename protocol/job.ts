import { type Static, Type } from "typebox";
import { apiCall, Demand, repeatable } from "./api.js";
import { AppContainer, AppJvm } from "./app.js";
import { patterned } from "./patterns.js";
import { Artifact } from "./task.js";

/** `demo.pi`: Metronome's pattern. */
export const JobId = patterned(
  "^([a-z0-9]+(-+[a-z0-9]+)*)(\\.([a-z0-9]+(-+[a-z0-9]+)*))*$",
  "an id like shop.report: parts of lower-case letters, digits and - between dots, each beginning and ending with a letter or digit",
  { maxLength: 128 },
);

const strict = { additionalProperties: false };
const Text = Type.String({ minLength: 1 });

/** How one run of a job is executed, in Metronome's shape; `jvm`, `backoffSeconds`, `backoffFactor`, `maxBackoffSeconds` and `retries` are extensions. */
export const JobRunSpec = Type.Object(
  {
    cpus: Type.Number({ minimum: 0.01, default: 1 }),
    mem: Type.Number({ minimum: 1, default: 128, description: "MiB" }),
    disk: Type.Number({ minimum: 0, default: 0, description: "MiB" }),
    cmd: Type.Optional(Text),
    args: Type.Optional(Type.Array(Type.String(), { minItems: 1 })),
    user: Type.Optional(Text),
    env: Type.Record(Type.String({ minLength: 1 }), Type.String(), { default: {} }),
    artifacts: Type.Array(Artifact, { default: [] }),
    docker: Type.Optional(
      Type.Object(
        {
          image: Text,
          privileged: Type.Boolean({ default: false }),
          forcePullImage: Type.Boolean({ default: false }),
        },
        strict,
      ),
    ),
    volumes: Type.Array(AppContainer.properties.volumes.items, { default: [] }),
    jvm: Type.Optional(AppJvm),
    placement: Type.Object(
      {
        constraints: Type.Array(
          Type.Object(
            {
              attribute: Text,
              operator: Type.Enum(["IS", "EQ", "LIKE", "UNLIKE"]),
              value: Type.Optional(Type.String()),
            },
            strict,
          ),
          { default: [] },
        ),
      },
      { ...strict, default: { constraints: [] } },
    ),
    restart: Type.Object(
      {
        policy: Type.Enum(["NEVER", "ON_FAILURE"], { default: "NEVER" }),
        activeDeadlineSeconds: Type.Optional(
          Type.Integer({
            minimum: 1,
            description: "counted from the run's creation; no retry after it, and what still runs is killed",
          }),
        ),
      },
      { ...strict, default: { policy: "NEVER" } },
    ),
    retries: Type.Integer({
      minimum: 0,
      maximum: 1_000_000,
      default: 10,
      description: "with ON_FAILURE: attempts after the first",
    }),
    backoffSeconds: Type.Number({ minimum: 0, default: 1, description: "before the first retry" }),
    backoffFactor: Type.Number({ minimum: 1, default: 2 }),
    maxBackoffSeconds: Type.Number({ minimum: 0, default: 300 }),
    maxLaunchDelay: Type.Integer({
      minimum: 1,
      default: 3600,
      description: "seconds that a run may wait for resources; then it fails",
    }),
    taskKillGracePeriodSeconds: Type.Optional(Type.Number({ minimum: 0, maximum: 3600 })),
  },
  strict,
);

export const JobDefinition = Type.Object(
  {
    id: JobId,
    description: Type.Optional(Type.String()),
    labels: Type.Record(Type.String({ minLength: 1 }), Type.String(), { default: {} }),
    run: JobRunSpec,
  },
  { ...strict, $id: "JobDefinition" },
);
export type JobDefinition = Static<typeof JobDefinition>;

/** One try to carry out a run: one task. */
export const Attempt = Type.Object(
  {
    task: Type.String(),
    agent: Type.String(),
    host: Type.String(),
    state: Type.String(),
    reason: Type.Optional(Type.String()),
    message: Type.Optional(Type.String()),
    exitCode: Type.Optional(Type.Integer()),
    signal: Type.Optional(Type.String()),
    launchedAt: Type.Number(),
    startedAt: Type.Optional(Type.Number()),
    endedAt: Type.Optional(Type.Number()),
  },
  { $id: "Attempt" },
);
export type Attempt = Static<typeof Attempt>;

/** One execution of a job, kept with its result after it ended. Times are wall ms. */
export const Run = Type.Object(
  {
    id: Type.String(),
    job: JobId,
    status: Type.Enum(["INITIAL", "STARTING", "ACTIVE", "SUCCESS", "FAILED"]),
    createdAt: Type.Number(),
    completedAt: Type.Optional(Type.Number()),
    attempts: Type.Array(Attempt, { description: "the first one and the last ones, at most 50" }),
    earlierAttempts: Type.Optional(
      Type.Integer({ minimum: 1, description: "how many between these are not shown" }),
    ),
    retryAt: Type.Optional(
      Type.Number({ description: "when the next attempt may start, while it backs off" }),
    ),
    stopRequested: Type.Boolean(),
    reason: Type.Optional(Type.String({ description: "why it ended as it did" })),
  },
  { $id: "Run" },
);
export type Run = Static<typeof Run>;

export const JobView = Type.Object(
  {
    definition: JobDefinition,
    active: Type.Array(Run, { description: "the newest ones, if they are many" }),
    activeCount: Type.Optional(Type.Integer({ minimum: 0, description: "all of them" })),
    finished: Type.Array(Run, { description: "newest first; the oldest are forgotten" }),
    successCount: Type.Integer(),
    failureCount: Type.Integer(),
  },
  { $id: "JobView" },
);
export type JobView = Static<typeof JobView>;

const ById = Type.Object({ id: JobId });
const RunById = Type.Object({ id: JobId, run: Type.String() });

export const jobsApi = {
  /** In order of id: those after `after`, no more than `most`; all unless given. Many jobs show few runs each. */
  list: repeatable(
    apiCall(
      "jobs",
      "list",
      Type.Object({ after: Type.Optional(JobId), most: Type.Optional(Type.Integer({ minimum: 1 })) }),
      Type.Array(JobView),
    ),
  ),
  get: repeatable(apiCall("jobs", "get", ById, JobView)),
  create: apiCall("jobs", "create", JobDefinition, JobDefinition),
  /** not-found when it is not there. Runs that are active go on as they were started. */
  update: repeatable(
    apiCall(
      "jobs",
      "update",
      Type.Object({
        definition: JobDefinition,
        dryRun: Type.Optional(Type.Boolean({ description: "only say whether it would be taken" })),
      }),
      JobDefinition,
    ),
  ),
  /** conflict while runs are active, unless `stopCurrentJobRuns`. */
  remove: apiCall(
    "jobs",
    "remove",
    Type.Object({ id: JobId, stopCurrentJobRuns: Type.Boolean() }),
    JobDefinition,
  ),
  /** `key`: the same key for the same job gives the same run, so that a repeated request does no harm. */
  start: apiCall(
    "jobs",
    "start",
    Type.Object({ id: JobId, key: Type.Optional(Type.String({ maxLength: 128 })) }),
    Run,
  ),
  run: repeatable(apiCall("jobs", "run", RunById, Run)),
  stop: repeatable(apiCall("jobs", "stop", RunById, Run)),
  demand: repeatable(apiCall("jobs", "demand", ById, Type.Array(Demand))),
};
