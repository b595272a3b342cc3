import { type Static, Type } from "typebox";
import { codec } from "#protocol/codec.js";
import { FrameworkId, RoleName, TaskId } from "#protocol/ids.js";
import { Session } from "#protocol/offer.js";
import { isTerminal } from "#libs/core/task-state.js";
import { TaskReason, TaskSpec, TaskUpdate } from "#protocol/task.js";

/**
 * What an agent remembers over its own death, in the order in which it happened.
 *
 * - cut: the agent began a generation, on a host started as `hostBoot`;
 * - accepted: it answers for these tasks from now on;
 * - updated: a task took a step, and its framework is going to hear of it;
 * - stored: the stream has a task's updates up to a number. Written when something else is: losing it costs a repetition;
 * - collected: nothing is left of these tasks;
 * - drain: an operator's last order about the agent, heard at `at`;
 * - task: all of the above for one task, when the journal is compacted.
 */
export const JournalRecord = Type.Union([
  Type.Object({
    type: Type.Literal("cut"),
    generation: Type.Integer({ minimum: 1 }),
    epoch: Type.Integer({ minimum: 0 }),
    hostBoot: Type.String(),
  }),
  Type.Object({
    type: Type.Literal("accepted"),
    framework: FrameworkId,
    role: RoleName,
    session: Session,
    at: Type.Number(),
    tasks: Type.Array(TaskSpec),
  }),
  Type.Object({ type: Type.Literal("updated"), update: TaskUpdate }),
  Type.Object({
    type: Type.Literal("stored"),
    numbers: Type.Array(Type.Object({ task: TaskId, number: Type.Integer() })),
  }),
  Type.Object({ type: Type.Literal("collected"), tasks: Type.Array(TaskId) }),
  Type.Object({
    type: Type.Literal("drain"),
    number: Type.Integer({ minimum: 1 }),
    draining: Type.Boolean(),
    at: Type.Number({ description: "wall ms" }),
    deadlineInMs: Type.Optional(Type.Number({ description: "from `at`" })),
  }),
  Type.Object({
    type: Type.Literal("task"),
    framework: FrameworkId,
    role: RoleName,
    session: Session,
    spec: TaskSpec,
    latest: TaskUpdate,
    unstored: Type.Array(TaskUpdate),
    startedAt: Type.Optional(Type.Number()),
    endedAt: Type.Optional(Type.Number()),
    killReason: Type.Optional(TaskReason),
  }),
]);
export type JournalRecord = Static<typeof JournalRecord>;

/**
 * What has to survive the death of the host too. A generation that began twice would bring offers of its first time to life again (R2),
 * and let the stream take new updates for old ones (R5). A task that was answered for and is forgotten is waited for without end. An end
 * that was told is final (R4), and an order to drain was answered.
 */
export const outlivesHost = (record: JournalRecord): boolean =>
  record.type === "cut" ||
  record.type === "accepted" ||
  record.type === "drain" ||
  (record.type === "updated" && isTerminal(record.update.state));

export const journalRecord = codec(JournalRecord);
