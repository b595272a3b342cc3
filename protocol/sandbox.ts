import { type Static, Type } from "typebox";
import { Refusal } from "./errors.js";
import { TaskId } from "./ids.js";
import { TaskStatus } from "./task.js";
import { AgentId } from "./ids.js";

/** Senders who may read every sandbox; a framework reads its own, and may not be called so. */
export const seesAllSandboxes: ReadonlySet<string> = new Set(["gateway", "cli"]);

/** Largest piece of a file in one answer, bytes. */
export const sandboxReadMax = 131_072;

/** gateway or owner → agent. Regular files of the sandbox only; no links are followed. */
export const SandboxRequest = Type.Union(
  [
    Type.Object({
      verb: Type.Literal("list"),
      task: TaskId,
      path: Type.String({ maxLength: 4096, description: "directory, relative to the sandbox" }),
    }),
    Type.Object({
      verb: Type.Literal("read"),
      task: TaskId,
      path: Type.String({ minLength: 1, maxLength: 4096 }),
      offset: Type.Integer({ description: "negative: so many bytes before the end" }),
      length: Type.Integer({ minimum: 1, maximum: sandboxReadMax }),
      waitMs: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: 20_000,
          description: "at the end of the file of a task that still runs: wait so long for more",
        }),
      ),
    }),
  ],
  { $id: "SandboxRequest" },
);
export type SandboxRequest = Static<typeof SandboxRequest>;

export const SandboxReply = Type.Union([
  Type.Object({
    ok: Type.Literal(true),
    verb: Type.Literal("list"),
    entries: Type.Array(
      Type.Object({
        path: Type.String(),
        kind: Type.Enum(["file", "directory", "other"]),
        size: Type.Integer(),
        modifiedAt: Type.Number(),
      }),
    ),
  }),
  Type.Object({
    ok: Type.Literal(true),
    verb: Type.Literal("read"),
    offset: Type.Integer({ description: "where the data begins" }),
    size: Type.Integer({ description: "of the whole file now" }),
    base64: Type.String(),
    ended: Type.Boolean({ description: "the task has ended: the file does not grow any more" }),
  }),
  Type.Object({ ok: Type.Literal(false), error: Refusal }),
]);
export type SandboxReply = Static<typeof SandboxReply>;

/** Asked of all agents at once. An agent that has nothing to say about a named task stays silent. */
export const TasksQuery = Type.Object(
  { task: Type.Optional(TaskId), agent: Type.Optional(AgentId), after: Type.Optional(TaskId) },
  { $id: "TasksQuery" },
);
export type TasksQuery = Static<typeof TasksQuery>;

/** `registered`: the services that the agent has put into the registry, or would have if there were one. */
export const RegisteredService = Type.Object({
  id: Type.String(),
  name: Type.String(),
  address: Type.String(),
  port: Type.Integer(),
  tags: Type.Array(Type.String()),
  task: TaskId,
  agent: AgentId,
  healthy: Type.Boolean(),
});
export type RegisteredService = Static<typeof RegisteredService>;

export const TasksReply = Type.Object(
  {
    agent: AgentId,
    tasks: Type.Array(TaskStatus),
    services: Type.Array(RegisteredService),
    more: Type.Boolean(),
  },
  { $id: "TasksReply" },
);
export type TasksReply = Static<typeof TasksReply>;
