import { type Static, Type } from "typebox";
import { apiCall, Demand, repeatable } from "./api.js";
import { patterned } from "./patterns.js";
import { Artifact, JdkVersion } from "./task.js";

/** `/demo/web`: segments of lower-case letters, digits, dots and dashes. */
export const AppId = patterned(
  "^(/[a-z0-9]([a-z0-9.-]*[a-z0-9])?)+$",
  "an id like /shop/web: parts of lower-case letters, digits, - and . between slashes, each beginning and ending with a letter or digit",
  { maxLength: 128, description: "absolute: /group/name" },
);

const strict = { additionalProperties: false };
const Text = Type.String({ minLength: 1 });
const Texts = Type.Record(Type.String({ minLength: 1 }), Type.String());

export const AppHealthCheck = Type.Object(
  {
    protocol: Type.Enum(["HTTP", "TCP", "COMMAND", "MESOS_HTTP", "MESOS_TCP"], { default: "HTTP" }),
    path: Type.Optional(Type.String({ pattern: "^/" })),
    portIndex: Type.Optional(Type.Integer({ minimum: 0 })),
    command: Type.Optional(Type.Object({ value: Text }, strict)),
    gracePeriodSeconds: Type.Number({ minimum: 0, default: 300 }),
    intervalSeconds: Type.Number({ minimum: 0.1, default: 60 }),
    timeoutSeconds: Type.Number({ minimum: 0.01, default: 20 }),
    maxConsecutiveFailures: Type.Integer({
      minimum: 0,
      default: 3,
      description: "so many failures in a row are let pass, the next one ends the task; 0: never",
    }),
  },
  strict,
);

/** What runs in a container, as Marathon writes it. */
export const AppContainer = Type.Object(
  {
    type: Type.Enum(["DOCKER"], { default: "DOCKER" }),
    docker: Type.Object(
      {
        image: Text,
        forcePullImage: Type.Boolean({ default: false }),
        privileged: Type.Boolean({ default: false }),
      },
      strict,
    ),
    volumes: Type.Array(
      Type.Object(
        {
          containerPath: Type.String({ pattern: "^/" }),
          hostPath: Type.String({ pattern: "^/" }),
          mode: Type.Enum(["RO", "RW"], { default: "RO" }),
        },
        strict,
      ),
      { default: [] },
    ),
    portMappings: Type.Array(
      Type.Object(
        {
          containerPort: Type.Integer({ minimum: 0, maximum: 65535, default: 0 }),
          hostPort: Type.Integer({
            minimum: 0,
            maximum: 65535,
            default: 0,
            description: "0: any of the offer",
          }),
          protocol: Type.Enum(["tcp", "udp"], { default: "tcp" }),
          name: Type.Optional(Text),
          labels: Type.Optional(Texts),
        },
        strict,
      ),
      { default: [] },
    ),
  },
  strict,
);

/** What runs in a JVM: an extension to Marathon's definition. */
export const AppJvm = Type.Object(
  {
    jar: Type.Optional(Text),
    mainClass: Type.Optional(Text),
    classPath: Type.Optional(Type.Array(Text, { minItems: 1 })),
    options: Type.Optional(Type.Array(Text)),
    version: Type.Optional(JdkVersion),
  },
  strict,
);

/**
 * A long-running service in Marathon's shape. Fields that Marathon has and that are not here are refused by name rather
 * than ignored. Defaults are Marathon's; `placement` and `jvm` are extensions.
 */
export const AppDefinition = Type.Object(
  {
    id: AppId,
    cmd: Type.Optional(Text),
    args: Type.Optional(Type.Array(Type.String(), { minItems: 1 })),
    cpus: Type.Number({ minimum: 0.001, default: 1 }),
    mem: Type.Number({ minimum: 1, default: 128, description: "MiB" }),
    disk: Type.Number({ minimum: 0, default: 0, description: "MiB" }),
    gpus: Type.Integer({ minimum: 0, default: 0 }),
    resourceLimits: Type.Optional(
      Type.Object(
        {
          cpus: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
          mem: Type.Optional(Type.Number({ minimum: 1 })),
        },
        strict,
      ),
    ),
    instances: Type.Integer({ minimum: 0, maximum: 100_000, default: 1 }),
    env: Type.Record(Type.String({ minLength: 1 }), Type.String(), { default: {} }),
    labels: Type.Record(Type.String({ minLength: 1 }), Type.String(), { default: {} }),
    user: Type.Optional(Text),
    fetch: Type.Array(Artifact, { default: [] }),
    container: Type.Optional(AppContainer),
    jvm: Type.Optional(AppJvm),
    networks: Type.Optional(
      Type.Array(Type.Object({ mode: Type.Enum(["host", "container/bridge"]) }, strict), { maxItems: 1 }),
    ),
    portDefinitions: Type.Optional(
      Type.Array(
        Type.Object(
          {
            port: Type.Integer({
              minimum: 0,
              maximum: 65535,
              default: 0,
              description: "0, or with requirePorts the host port",
            }),
            protocol: Type.Enum(["tcp", "udp"], { default: "tcp" }),
            name: Type.Optional(Text),
            labels: Type.Optional(Texts),
          },
          strict,
        ),
        { maxItems: 64 },
      ),
    ),
    requirePorts: Type.Boolean({ default: false }),
    constraints: Type.Array(Type.Array(Type.String(), { minItems: 2, maxItems: 3 }), {
      default: [],
      description:
        "[field, operator, value]: operators IS, LIKE, UNLIKE, CLUSTER, UNIQUE, MAX_PER, GROUP_BY on an attribute or `hostname`",
    }),
    placement: Type.Enum(["spread", "binpack", "random"], { default: "spread" }),
    healthChecks: Type.Array(AppHealthCheck, { default: [], maxItems: 1 }),
    backoffSeconds: Type.Number({ minimum: 0, default: 1 }),
    backoffFactor: Type.Number({ minimum: 1, default: 1.15 }),
    maxLaunchDelaySeconds: Type.Number({ minimum: 0, default: 300 }),
    taskKillGracePeriodSeconds: Type.Optional(Type.Number({ minimum: 0, maximum: 3600 })),
    replaceAfterSeconds: Type.Number({
      minimum: 0,
      default: 30,
      description: "a task on an unreachable agent is replaced after so long",
    }),
    stopWhenCutOffSeconds: Type.Optional(
      Type.Number({
        minimum: 1,
        description:
          "for what must never run twice: a task ends when its agent could not reach the cluster for so long; less than `replaceAfterSeconds`",
      }),
    ),
  },
  { ...strict, $id: "AppDefinition" },
);
export type AppDefinition = Static<typeof AppDefinition>;

/** A stored app: its definition, and the version that changes with every change of it. */
export const App = Type.Object(
  {
    definition: AppDefinition,
    version: Type.String({ description: "ISO time of the last change" }),
    configVersion: Type.String({
      description: "ISO time of the last change other than of `instances`: tasks of another one are replaced",
    }),
    deletedAt: Type.Optional(Type.Number({ description: "being deleted: its tasks end, then it goes" })),
  },
  { $id: "App" },
);
export type App = Static<typeof App>;

export const AppTask = Type.Object(
  {
    id: Type.String(),
    agent: Type.String(),
    host: Type.String(),
    ports: Type.Array(Type.Integer()),
    state: Type.String(),
    healthy: Type.Optional(Type.Boolean()),
    version: Type.String(),
    stagedAt: Type.Optional(Type.Number()),
    startedAt: Type.Optional(Type.Number()),
    message: Type.Optional(Type.String()),
  },
  { $id: "AppTask" },
);
export type AppTask = Static<typeof AppTask>;

export const AppView = Type.Object(
  {
    app: App,
    tasks: Type.Array(AppTask),
    tasksLeftOut: Type.Optional(Type.Integer({ minimum: 1, description: "so many are not shown here" })),
    staged: Type.Integer(),
    running: Type.Integer(),
    healthy: Type.Integer(),
    unhealthy: Type.Integer(),
    settled: Type.Boolean({
      description:
        "as many as asked run, are healthy where checked, and none is surplus or of an old version; after failures only when they have run for ten seconds",
    }),
    deployment: Type.Optional(Type.String({ description: "id of the change that is being carried out" })),
    backoffMs: Type.Integer({
      description: "how long until the next launch is tried; 0 when not backing off",
    }),
    failures: Type.Optional(
      Type.Integer({
        minimum: 0,
        description: "instances of the present configuration that ended too soon, in a row",
      }),
    ),
    refusals: Type.Optional(
      Type.Integer({ minimum: 0, description: "launches that agents refused, in a row" }),
    ),
    lastFailure: Type.Optional(
      Type.Object({
        task: Type.String(),
        state: Type.String(),
        message: Type.String(),
        host: Type.String(),
        at: Type.Number(),
      }),
    ),
  },
  { $id: "AppView" },
);
export type AppView = Static<typeof AppView>;

const ById = Type.Object({ id: AppId });
const Deployment = Type.Object({ deploymentId: Type.String(), version: Type.String() });

export const appsApi = {
  /** In order of id: those after `after`, no more than `most`; all unless given. `withTasks` false: only their counts. */
  list: repeatable(
    apiCall(
      "apps",
      "list",
      Type.Object({
        after: Type.Optional(AppId),
        most: Type.Optional(Type.Integer({ minimum: 1 })),
        withTasks: Type.Optional(Type.Boolean()),
      }),
      Type.Array(AppView),
    ),
  ),
  get: repeatable(apiCall("apps", "get", ById, AppView)),
  /** `mode` create: conflict when it exists; update: not-found when it does not; put: either. A definition is whole, defaults filled in. */
  put: repeatable(
    apiCall(
      "apps",
      "put",
      Type.Object({
        definition: AppDefinition,
        mode: Type.Enum(["create", "update", "put"]),
        dryRun: Type.Optional(Type.Boolean({ description: "only say whether it would be taken" })),
      }),
      Type.Object({ deployment: Deployment, created: Type.Boolean() }),
    ),
  ),
  scale: repeatable(
    apiCall(
      "apps",
      "scale",
      Type.Object({ id: AppId, instances: Type.Integer({ minimum: 0, maximum: 100_000 }) }),
      Deployment,
    ),
  ),
  remove: apiCall("apps", "remove", ById, Deployment),
  demand: repeatable(apiCall("apps", "demand", ById, Type.Array(Demand))),
};
