import { type Static, Type } from "typebox";
import { Refusal } from "./errors.js";
import { AgentId, Epoch, FrameworkId, RoleName } from "./ids.js";
import { OfferId, SealedOffer, Session } from "./offer.js";
import { Constraint, Resources } from "./resources.js";

/** The least that an offer must hold to be of use. A framework with several kinds of demand gives one each: any of them suffices. */
export const Need = Type.Object(
  {
    resources: Resources,
    portCount: Type.Optional(Type.Integer({ minimum: 0, description: "how many ports, whichever" })),
    constraints: Type.Array(Constraint),
    executor: Type.Optional(Type.Enum(["process", "container", "jvm"])),
    jdk: Type.Optional(Type.String({ description: "as in a JVM workload: `17`, `>=21`" })),
    count: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: "how many of the kind are wanted: offers beyond it are not made",
      }),
    ),
  },
  { $id: "Need" },
);
export type Need = Static<typeof Need>;

/** framework → leader. Opens a session; an older one of the same framework is fenced off. */
export const Subscribe = Type.Object(
  {
    framework: FrameworkId,
    role: RoleName,
    name: Type.Optional(Type.String()),
    /** Absent or empty: any offer. Ignored while suppressed. */
    needs: Type.Array(Need),
    suppressed: Type.Boolean(),
    failoverTimeoutMs: Type.Optional(
      Type.Integer({
        minimum: 1000,
        description:
          "without a session for so long (counted while a leader is connected) its tasks are killed; never unless given",
      }),
    ),
  },
  { $id: "Subscribe" },
);
export type Subscribe = Static<typeof Subscribe>;

/** An operator wants the agent empty: no offers of it are made, and its tasks are to be moved elsewhere. */
export const Draining = Type.Object({
  deadlineAt: Type.Optional(
    Type.Number({ description: "wall ms at which its agent ends what still runs; never unless given" }),
  ),
});
export type Draining = Static<typeof Draining>;

/** What the leader knows of an agent. `unreachable`: no report for the agent time-out; `gone`: removed by an operator. */
export const AgentStanding = Type.Object({
  agent: AgentId,
  state: Type.Enum(["registered", "awaited", "unreachable", "gone"]),
  draining: Type.Optional(Draining),
});
export type AgentStanding = Static<typeof AgentStanding>;

/**
 * `agents`: where the framework has tasks, or offers of an earlier session may still be in flight: those to reconcile with before
 * anything is launched. As many as a message holds, in order of id; `more`: `agents` tells those after the last of them.
 */
export const SubscribeReply = Type.Union([
  Type.Object({
    ok: Type.Literal(true),
    session: Session,
    agents: Type.Array(AgentStanding),
    more: Type.Optional(Type.Boolean()),
    renewMs: Type.Integer({ minimum: 1 }),
  }),
  Type.Object({ ok: Type.Literal(false), error: Refusal }),
]);
export type SubscribeReply = Static<typeof SubscribeReply>;

/** framework → leader. The subject names the verb. */
export const Renew = Type.Object({ session: Session });
export type Renew = Static<typeof Renew>;

export const Decline = Type.Object({
  session: Session,
  offers: Type.Array(OfferId),
  filterMs: Type.Integer({
    minimum: 0,
    maximum: 31_536_000_000,
    description: "the same or less from that agent is not offered for so long; 5000 is usual",
  }),
});
export type Decline = Static<typeof Decline>;

/** Clears the framework's filters and wants offers again, with these needs. */
export const Revive = Type.Object({ session: Session, needs: Type.Array(Need) });
export type Revive = Static<typeof Revive>;

/** No more offers until revive. */
export const Suppress = Type.Object({ session: Session });
export type Suppress = Static<typeof Suppress>;

/**
 * What the leader knows of these agents; when none is named, of all where the framework has something, as in the answer to
 * subscribe: those after `after`. A named one that is not in the answer is not known to the leader,
 * whose registry is too young to call it gone.
 */
export const AskAgents = Type.Object({
  session: Session,
  agents: Type.Array(AgentId, { maxItems: 1000 }),
  after: Type.Optional(AgentId),
});
export type AskAgents = Static<typeof AskAgents>;
/** `changes`: as in RenewReply, when this was said. An answer from before a change that was heard already says what is over. */
export const AskAgentsReply = Type.Union([
  Type.Object({
    ok: Type.Literal(true),
    agents: Type.Array(AgentStanding),
    more: Type.Optional(Type.Boolean()),
    changes: Type.Optional(Type.Integer({ minimum: 0 })),
  }),
  Type.Object({ ok: Type.Literal(false), error: Refusal }),
]);
export type AskAgentsReply = Static<typeof AskAgentsReply>;

/**
 * `changes`: of how many changes of agents the session was to be told since it began. Whoever has heard of fewer has missed some,
 * and asks for the standing of its agents.
 */
export const RenewReply = Type.Union([
  Type.Object({ ok: Type.Literal(true), changes: Type.Optional(Type.Integer({ minimum: 0 })) }),
  Type.Object({ ok: Type.Literal(false), error: Refusal }),
]);
export type RenewReply = Static<typeof RenewReply>;

/** Answer to decline, revive, suppress. */
export const Acknowledged = Type.Union([
  Type.Object({ ok: Type.Literal(true) }),
  Type.Object({ ok: Type.Literal(false), error: Refusal }),
]);
export type Acknowledged = Static<typeof Acknowledged>;

/** leader → framework, as requests to the session's subject. What is not answered is rescinded. */
export const FrameworkEvent = Type.Union(
  [
    Type.Object({ type: Type.Literal("offers"), epoch: Epoch, offers: Type.Array(SealedOffer) }),
    Type.Object({ type: Type.Literal("rescinded"), epoch: Epoch, offers: Type.Array(OfferId) }),
    Type.Object({
      type: Type.Literal("agent-changed"),
      epoch: Epoch,
      agent: AgentStanding,
      change: Type.Optional(
        Type.Integer({ minimum: 1, description: "which change it is of those that the session is told" }),
      ),
    }),
    Type.Object({ type: Type.Literal("superseded"), epoch: Epoch, by: Session }),
  ],
  { $id: "FrameworkEvent" },
);
export type FrameworkEvent = Static<typeof FrameworkEvent>;
