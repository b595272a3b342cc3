import { type Static, Type } from "typebox";
import { Refusal } from "./errors.js";
import { AgentId, TaskId } from "./ids.js";
import { SealedOffer, Session } from "./offer.js";
import { TaskSpec, TaskState, TaskStatus } from "./task.js";

/** framework → agent: launch these within the offer. The offer is consumed, whatever becomes of the tasks. */
export const Accept = Type.Object(
  {
    session: Session,
    offer: SealedOffer,
    tasks: Type.Array(TaskSpec, { minItems: 1, maxItems: 256 }),
    filterMs: Type.Integer({
      minimum: 0,
      description: "what is left of the offer is not wanted for so long",
    }),
  },
  { $id: "Accept" },
);
export type Accept = Static<typeof Accept>;

/** Of one task of an accept. The first answer to a task id is given again to every repetition (R3). */
export const LaunchAnswer = Type.Union([
  Type.Object({ task: TaskId, ok: Type.Literal(true) }),
  Type.Object({ task: TaskId, ok: Type.Literal(false), error: Refusal }),
]);
export type LaunchAnswer = Static<typeof LaunchAnswer>;

export const AcceptReply = Type.Object(
  { agent: AgentId, generation: Type.Integer(), answers: Type.Array(LaunchAnswer) },
  { $id: "AcceptReply" },
);
export type AcceptReply = Static<typeof AcceptReply>;

/** framework → agent. Safe to repeat: only a shorter grace changes anything. */
export const Kill = Type.Object(
  { session: Session, task: TaskId, graceMs: Type.Optional(Type.Integer({ minimum: 0 })) },
  { $id: "Kill" },
);
export type Kill = Static<typeof Kill>;

/** `known: false`: no such task here; it cannot be launched here in this generation any more. */
export const KillReply = Type.Union([
  Type.Object({ ok: Type.Literal(true), known: Type.Boolean(), state: Type.Optional(TaskState) }),
  Type.Object({ ok: Type.Literal(false), error: Refusal }),
]);
export type KillReply = Static<typeof KillReply>;

/** framework → agent: what do you have of mine? A cut: offers of earlier sessions of the framework are void from now on. */
export const Reconcile = Type.Object(
  { session: Session, after: Type.Optional(TaskId) },
  { $id: "Reconcile" },
);
export type Reconcile = Static<typeof Reconcile>;

/** In order of task id; `more`: ask again with `after` the last of them. */
export const ReconcileReply = Type.Union([
  Type.Object({
    ok: Type.Literal(true),
    generation: Type.Integer(),
    tasks: Type.Array(TaskStatus),
    more: Type.Boolean(),
  }),
  Type.Object({ ok: Type.Literal(false), error: Refusal }),
]);
export type ReconcileReply = Static<typeof ReconcileReply>;
