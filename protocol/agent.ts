import { type Static, Type } from "typebox";
import { AgentId, Epoch, FrameworkId, RoleName } from "./ids.js";
import { ExecutorInfo } from "./offer.js";
import { Refusal } from "./errors.js";
import { Attributes, Resources } from "./resources.js";

/** What an agent is: the same in every registration until the agent is configured anew. */
export const AgentInfo = Type.Object(
  {
    id: AgentId,
    host: Type.String({ minLength: 1, description: "address under which its tasks are reached" }),
    version: Type.String(),
    totals: Resources,
    attributes: Attributes,
    executors: Type.Array(ExecutorInfo),
    warnings: Type.Array(Type.String()),
  },
  { $id: "AgentInfo" },
);
export type AgentInfo = Static<typeof AgentInfo>;

/** What the tasks of one framework in one role take on an agent. */
export const Use = Type.Object({
  framework: FrameworkId,
  role: RoleName,
  resources: Resources,
  tasks: Type.Integer({ minimum: 0 }),
});
export type Use = Static<typeof Use>;

/** What an accept said about the rest of its offer: the same or less from this agent is not wanted for so long. */
export const RestRefused = Type.Object({
  framework: FrameworkId,
  role: RoleName,
  resources: Resources,
  filterMs: Type.Integer({ minimum: 0 }),
  offer: Type.Integer(),
});
export type RestRefused = Static<typeof RestRefused>;

/**
 * A snapshot of an agent's books, never a difference: in one generation the one with the highest `sequence` holds.
 * `settled` and `refused` repeat what was settled lately (at most the last 256 offers, not below `floor`), so that a lost
 * report costs nothing; what fell out of the window the leader learns by rescinding.
 */
export const Report = Type.Object(
  {
    agent: AgentId,
    generation: Type.Integer({ minimum: 1 }),
    sequence: Type.Integer({ minimum: 1 }),
    epoch: Type.Integer({ minimum: 0, description: "highest epoch heard" }),
    use: Type.Array(Use),
    settled: Type.Array(Type.Integer({ minimum: 1 }), {
      description: "numbers of offers of this epoch and generation that were used or voided",
    }),
    refused: Type.Array(RestRefused),
    undecoded: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: "messages that did not decode since the agent's process began; none unless given",
      }),
    ),
  },
  { $id: "Report" },
);
export type Report = Static<typeof Report>;

/**
 * What an operator wants of an agent: while it drains it takes no new tasks, frameworks move theirs elsewhere, and what still runs
 * at the deadline is ended by the agent itself (reason `drained`). Of two orders for one agent the one with the higher number holds.
 */
export const DrainOrder = Type.Object(
  {
    number: Type.Integer({ minimum: 1 }),
    draining: Type.Boolean({ description: "false: the agent takes tasks again" }),
    deadlineInMs: Type.Optional(
      Type.Integer({
        minimum: 0,
        description:
          "counts from the first word of this order; without it what runs is let go on as long as it likes",
      }),
    ),
  },
  { $id: "DrainOrder" },
);
export type DrainOrder = Static<typeof DrainOrder>;

/** agent → leader. A cut: with it all offers of earlier generations are void. */
export const Register = Type.Object(
  {
    info: AgentInfo,
    bootId: Type.String({
      description: "of the agent's process: two processes with one agent id are told apart by it",
    }),
    report: Report,
    drain: Type.Optional(DrainOrder),
  },
  { $id: "Register" },
);
export type Register = Static<typeof Register>;

/** How long an agent waits for the answer to `Register` before it asks again. */
export const registerPatienceMs = 3000;

/** `drain`: the last order about it; absent when there never was one. */
export const RegisterReply = Type.Union([
  Type.Object({
    ok: Type.Literal(true),
    epoch: Epoch,
    master: Type.String(),
    reportIntervalMs: Type.Integer({ minimum: 1 }),
    drain: Type.Optional(DrainOrder),
  }),
  Type.Object({ ok: Type.Literal(false), error: Refusal }),
]);
export type RegisterReply = Static<typeof RegisterReply>;

/** leader → agent: void these offers, and all below the floor. */
export const Rescind = Type.Object({
  epoch: Epoch,
  generation: Type.Integer({ minimum: 1 }),
  offers: Type.Array(Type.Integer({ minimum: 1 })),
  floor: Type.Integer({ minimum: 1 }),
  register: Type.Optional(
    Type.Boolean({ description: "it reports, and the leader does not know it: it is to register" }),
  ),
});
export type Rescind = Static<typeof Rescind>;

/** The report is made after the offers were voided: it settles them. */
export const RescindReply = Type.Union([
  Type.Object({ ok: Type.Literal(true), report: Report }),
  Type.Object({ ok: Type.Literal(false), error: Refusal }),
]);
export type RescindReply = Static<typeof RescindReply>;

/** leader → agent: drain, or take tasks again. Repeated until it is answered, which is when the agent has recorded it. */
export const Drain = Type.Object({ epoch: Epoch, order: DrainOrder });
export type Drain = Static<typeof Drain>;

export const DrainReply = Type.Union([
  Type.Object({ ok: Type.Literal(true) }),
  Type.Object({ ok: Type.Literal(false), error: Refusal }),
]);
export type DrainReply = Static<typeof DrainReply>;

/** leader → agent: end all tasks of the framework and void its offers; it is removed, or its failover time-out has passed. Repeated until reports show nothing of it. */
export const RemoveFramework = Type.Object({ epoch: Epoch, framework: FrameworkId });
export type RemoveFramework = Static<typeof RemoveFramework>;

/** `tasks`: how many of its tasks are ending now. */
export const RemoveFrameworkReply = Type.Union([
  Type.Object({ ok: Type.Literal(true), tasks: Type.Integer({ minimum: 0 }) }),
  Type.Object({ ok: Type.Literal(false), error: Refusal }),
]);
export type RemoveFrameworkReply = Static<typeof RemoveFrameworkReply>;

/** leader → all, when it begins to lead and every few seconds after: register, subscribe again under this epoch. */
export const LeaderAnnouncement = Type.Object(
  {
    epoch: Epoch,
    master: Type.String(),
    spreadMs: Type.Optional(
      Type.Integer({
        minimum: 0,
        description: "agents that have to register do so at some moment within so long; 250 unless given",
      }),
    ),
  },
  { $id: "LeaderAnnouncement" },
);
export type LeaderAnnouncement = Static<typeof LeaderAnnouncement>;

/** Of an agent's process, on its `whoIs` subject. Of two with one id the one that is not settled has to go, else the one that started later. */
export const WhoIsReply = Type.Object(
  {
    agent: AgentId,
    bootId: Type.String(),
    startedAt: Type.Number({ description: "wall ms" }),
    settled: Type.Boolean({ description: "it has looked for others and found none" }),
  },
  { $id: "WhoIsReply" },
);
export type WhoIsReply = Static<typeof WhoIsReply>;
