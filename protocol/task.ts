import { type Static, Type } from "typebox";
import { AgentId, FrameworkId, RoleName, TaskId } from "./ids.js";
import { patterned } from "./patterns.js";
import { Resources } from "./resources.js";
import { taskStates } from "./task-states.js";

/**
 * staging: recorded by the agent; starting: handed to the executor; running: it runs; killing: asked to end;
 * finished: ended by itself with exit code 0; failed: ended otherwise, or could not start; killed: ended after it was asked to.
 */
export const TaskState = Type.Enum([...taskStates]);
export type TaskState = (typeof taskStates)[number];

const taskReasons = [
  "exited",
  "out-of-memory",
  "java-out-of-memory",
  "java-crash",
  "launch-failed",
  "command-missing",
  "image-missing",
  "artifact-missing",
  "port-in-use",
  "executor-unavailable",
  "not-allowed",
  "kill-requested",
  "unhealthy",
  "cut-off",
  "never-started",
  "exit-unknown",
  "host-restarted",
  "drained",
] as const;

/** Why a task is in its state, for programs; `message` has the words. */
export const TaskReason = Type.Enum([...taskReasons]);
export type TaskReason = (typeof taskReasons)[number];

const Argv = Type.Array(Type.String(), { minItems: 1, maxItems: 1024 });
const AbsolutePath = Type.String({ pattern: "^/", maxLength: 4096 });

/** A program on the host: `command` through `/bin/sh -c`, or `argv` as it is. Exactly one of them. */
export const ProcessWorkload = Type.Object(
  {
    kind: Type.Literal("process"),
    command: Type.Optional(Type.String({ minLength: 1, maxLength: 65536 })),
    argv: Type.Optional(Argv),
    workingDirectory: Type.Optional(
      Type.String({ description: "absolute, or relative to the sandbox; the sandbox unless given" }),
    ),
  },
  { $id: "ProcessWorkload" },
);
export type ProcessWorkload = Static<typeof ProcessWorkload>;

export const PortMapping = Type.Object({
  containerPort: Type.Integer({
    minimum: 0,
    maximum: 65535,
    description: "0: the same number as the host port",
  }),
  port: Type.Integer({
    minimum: 0,
    description: "index into the task's ports: PORT<index> is the host port",
  }),
  protocol: Type.Enum(["tcp", "udp"]),
});

export const Volume = Type.Object({
  hostPath: AbsolutePath,
  containerPath: AbsolutePath,
  readOnly: Type.Boolean(),
});

/** A container of the agent's Docker engine. Its image is pulled when the engine does not have it. */
export const ContainerWorkload = Type.Object(
  {
    kind: Type.Literal("container"),
    image: Type.String({ minLength: 1, maxLength: 512 }),
    forcePull: Type.Optional(Type.Boolean()),
    command: Type.Optional(
      Type.String({ minLength: 1, maxLength: 65536, description: "through `/bin/sh -c` in the container" }),
    ),
    argv: Type.Optional(Argv),
    entrypoint: Type.Optional(Argv),
    network: Type.Enum(["host", "bridge", "none"]),
    portMappings: Type.Optional(Type.Array(PortMapping, { maxItems: 256 })),
    volumes: Type.Optional(Type.Array(Volume, { maxItems: 64 })),
    privileged: Type.Optional(Type.Boolean({ description: "needs the agent's leave" })),
    workingDirectory: Type.Optional(AbsolutePath),
  },
  { $id: "ContainerWorkload" },
);
export type ContainerWorkload = Static<typeof ContainerWorkload>;

/** A feature release of a JDK, or the least one. */
export const JdkVersion = patterned(
  "^(>=)?[0-9]+$",
  "a feature release of the JDK such as 17, or the least one as in >=17",
  { description: "feature release of the JDK: `17`, or `>=21`; any unless given" },
);

/** A Java program: `jar`, or `mainClass` with `classPath`. Exactly one of `jar` and `mainClass`. */
export const JvmWorkload = Type.Object(
  {
    kind: Type.Literal("jvm"),
    jar: Type.Optional(
      Type.String({ minLength: 1, description: "path on the host, or relative to the sandbox" }),
    ),
    mainClass: Type.Optional(Type.String({ pattern: "^[A-Za-z_$][A-Za-z0-9_$./]*$" })),
    classPath: Type.Optional(Type.Array(Type.String({ minLength: 1 }), { minItems: 1 })),
    options: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        description: "for the JVM, after the ones that we derive, so that these win",
      }),
    ),
    arguments: Type.Optional(Type.Array(Type.String())),
    version: Type.Optional(JdkVersion),
    workingDirectory: Type.Optional(Type.String()),
  },
  { $id: "JvmWorkload" },
);
export type JvmWorkload = Static<typeof JvmWorkload>;

export const Workload = Type.Union([ProcessWorkload, ContainerWorkload, JvmWorkload], { $id: "Workload" });
export type Workload = Static<typeof Workload>;
export type ExecutorKind = Workload["kind"];
export const executorKinds = ["process", "container", "jvm"] as const satisfies readonly ExecutorKind[];

/** A file that is brought into the sandbox before the task starts. */
export const Artifact = Type.Object(
  {
    uri: Type.String({ pattern: "^(file|https?)://", maxLength: 2048 }),
    path: Type.Optional(
      Type.String({ description: "name in the sandbox; the last part of the URI unless given" }),
    ),
    sha256: Type.Optional(Type.String({ pattern: "^[0-9a-f]{64}$" })),
    executable: Type.Optional(Type.Boolean()),
  },
  { $id: "Artifact" },
);
export type Artifact = Static<typeof Artifact>;

/** Whether a running task does its work. The agent asks; after `failuresMax` failures in a row it kills the task (reason `unhealthy`). */
export const HealthCheck = Type.Object(
  {
    kind: Type.Enum(["http", "tcp", "command"], {
      description: "http: a status of 200 to 399; tcp: a connection; command: exit code 0",
    }),
    port: Type.Optional(
      Type.Integer({ minimum: 0, description: "index into the task's ports; 0 unless given" }),
    ),
    path: Type.Optional(Type.String({ pattern: "^/", description: "of the http request; / unless given" })),
    command: Type.Optional(
      Type.String({
        minLength: 1,
        description: "of a command check: through /bin/sh -c, in the container if it is one",
      }),
    ),
    intervalMs: Type.Integer({ minimum: 100 }),
    timeoutMs: Type.Integer({ minimum: 10 }),
    graceMs: Type.Integer({
      minimum: 0,
      description: "after the start, failures before the first success do not count for so long",
    }),
    failuresMax: Type.Integer({
      minimum: 0,
      description: "the last of so many failures in a row ends the task; 0: never",
    }),
  },
  { $id: "HealthCheck" },
);
export type HealthCheck = Static<typeof HealthCheck>;

/** How others find the task: one entry of the service registry for one of its ports. */
export const Service = Type.Object(
  {
    name: Type.String({ pattern: "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", description: "a DNS label" }),
    port: Type.Optional(
      Type.Integer({
        minimum: 0,
        description: "index into the task's ports; an entry without a port unless given",
      }),
    ),
    tags: Type.Array(Type.String({ maxLength: 256 }), { maxItems: 64 }),
    meta: Type.Record(Type.String({ pattern: "^[A-Za-z0-9_-]{1,128}$" }), Type.String({ maxLength: 512 })),
  },
  { $id: "Service" },
);
export type Service = Static<typeof Service>;

/** One thing to run, as a framework hands it to an agent. */
export const TaskSpec = Type.Object(
  {
    id: TaskId,
    name: Type.String({
      minLength: 1,
      maxLength: 256,
      description: "for people: the app or job it belongs to",
    }),
    workload: Workload,
    resources: Resources,
    limits: Type.Optional(
      Type.Object(
        {
          cpus: Type.Optional(Type.Integer({ minimum: 1 })),
          mem: Type.Optional(Type.Integer({ minimum: 1 })),
        },
        {
          description:
            "most that it may use, in thousandths. mem: its resources unless given. cpus: no ceiling unless given; what it asked for is then its weight when cores are short",
        },
      ),
    ),
    env: Type.Optional(Type.Record(Type.String({ pattern: "^[A-Za-z_][A-Za-z0-9_.-]*$" }), Type.String())),
    user: Type.Optional(
      Type.String({
        description: "name or number of a user of the host; `nobody` unless given or allowed otherwise",
      }),
    ),
    artifacts: Type.Optional(Type.Array(Artifact, { maxItems: 64 })),
    healthCheck: Type.Optional(HealthCheck),
    services: Type.Optional(Type.Array(Service, { maxItems: 64 })),
    killGraceMs: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 3_600_000,
        description: "from SIGTERM to SIGKILL; 5000 unless given",
      }),
    ),
    stopWhenCutOffMs: Type.Optional(
      Type.Integer({
        minimum: 1000,
        description: "the task is ended when its agent could not reach the cluster for so long",
      }),
    ),
    labels: Type.Optional(Type.Record(Type.String({ maxLength: 128 }), Type.String({ maxLength: 4096 }))),
    bucket: Type.Optional(
      Type.String({
        description:
          "identity of the framework's bucket that knows this task: one that was emptied has another",
      }),
    ),
    data: Type.Optional(
      Type.String({
        maxLength: 65536,
        description: "the framework's own; an agent keeps it and gives it back",
      }),
    ),
  },
  { $id: "TaskSpec" },
);
export type TaskSpec = Static<typeof TaskSpec>;

/** A step of a task's life. Of one task only a higher `number` is applied (R4, R5). */
export const TaskUpdate = Type.Object(
  {
    task: TaskId,
    number: Type.Integer({ minimum: 1, description: "1, 2, … of this task" }),
    state: TaskState,
    at: Type.Number({ description: "wall clock of the agent, ms since 1970" }),
    reason: Type.Optional(TaskReason),
    message: Type.Optional(Type.String()),
    exitCode: Type.Optional(Type.Integer({ minimum: 0, maximum: 255 })),
    signal: Type.Optional(Type.String({ description: "SIGTERM, …: what ended it" })),
    healthy: Type.Optional(
      Type.Boolean({
        description: "what its health check says; absent without a check or before its first answer",
      }),
    ),
  },
  { $id: "TaskUpdate" },
);
export type TaskUpdate = Static<typeof TaskUpdate>;

/** A task as its agent knows it: the answer to reconcile and to queries. */
export const TaskStatus = Type.Object(
  {
    agent: AgentId,
    framework: FrameworkId,
    role: RoleName,
    host: Type.String(),
    spec: TaskSpec,
    latest: TaskUpdate,
    startedAt: Type.Optional(Type.Number({ description: "when it first ran, wall ms" })),
    endedAt: Type.Optional(Type.Number()),
  },
  { $id: "TaskStatus" },
);
export type TaskStatus = Static<typeof TaskStatus>;
