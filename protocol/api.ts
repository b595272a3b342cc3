import { type Static, type TSchema, Type } from "typebox";
import { AgentInfo, Use } from "./agent.js";
import { Refusal } from "./errors.js";
import { Need } from "./framework.js";
import { AgentId, Epoch, FrameworkId, RoleName } from "./ids.js";
import { Offer, OfferId } from "./offer.js";
import { Resources } from "./resources.js";

/** One call of a service's API on the bus: subject `em.<c>.api.<service>.<name>`, answered by the service's leader. */
export interface ApiCall<Q extends TSchema = TSchema, A extends TSchema = TSchema> {
  readonly service: "master" | "apps" | "jobs";
  readonly name: string;
  readonly request: Q;
  readonly answer: A;
  /**
   * Asked twice it does and answers the same: who gets no answer may ask again. A leader that hangs is answered for by the next
   * one, once its lease is over.
   */
  readonly isRepeatable?: boolean;
}

export const apiCall = <Q extends TSchema, A extends TSchema>(
  service: ApiCall["service"],
  name: string,
  request: Q,
  answer: A,
): ApiCall<Q, A> => ({
  service,
  name,
  request,
  answer,
});

export const repeatable = <Q extends TSchema, A extends TSchema>(call: ApiCall<Q, A>): ApiCall<Q, A> => ({
  ...call,
  isRepeatable: true,
});

/** On the wire: the answer, or why there is none. */
export const ApiReply = <A extends TSchema>(answer: A) =>
  Type.Union([
    Type.Object({ ok: Type.Literal(true), value: answer }),
    Type.Object({ ok: Type.Literal(false), error: Refusal }),
  ]);

const Nothing = Type.Object({});

/** Messages that did not decode and were dropped. */
export const Undecoded = Type.Object(
  {
    here: Type.Integer({
      minimum: 0,
      description: "at the one who leads the service, since its process began",
    }),
    agents: Type.Optional(
      Type.Integer({
        minimum: 0,
        description: "at all agents, as they last reported; the master's answer alone",
      }),
    ),
  },
  { $id: "Undecoded" },
);
export type Undecoded = Static<typeof Undecoded>;

/** Answered at the door of the service's leader, before its machine: it is about what never came so far. */
const undecodedCall = (service: ApiCall["service"]) =>
  repeatable(apiCall(service, "undecoded", Nothing, Undecoded));

/** Every service that has an API has it. */
export const doorApis = {
  master: { undecoded: undecodedCall("master") },
  apps: { undecoded: undecodedCall("apps") },
  jobs: { undecoded: undecodedCall("jobs") },
} as const;

/** Of a list in order of id: those after `after`, at most `most`, and no more than a message holds. */
const pageAfter = <I extends TSchema>(id: I) =>
  Type.Object({ after: Type.Optional(id), most: Type.Optional(Type.Integer({ minimum: 1 })) });

/** `more`: others come after the last of these. A page that has more is never empty. */
const pageOf = <V extends TSchema>(view: V) => Type.Object({ items: Type.Array(view), more: Type.Boolean() });

/** How far an agent is with becoming empty. */
export const DrainView = Type.Object(
  {
    state: Type.Enum(["draining", "drained"], {
      description: "drained: nothing runs there any more, and nothing comes",
    }),
    since: Type.Number({ description: "wall ms" }),
    deadlineAt: Type.Optional(
      Type.Number({ description: "wall ms at which what still runs is ended; never unless given" }),
    ),
  },
  { $id: "DrainView" },
);
export type DrainView = Static<typeof DrainView>;

/** An agent as the leader knows it. */
export const AgentView = Type.Object(
  {
    info: AgentInfo,
    state: Type.Enum(["registered", "awaited", "unreachable", "gone"]),
    generation: Type.Integer(),
    registeredAt: Type.Number({ description: "wall ms" }),
    heardMsAgo: Type.Number({ description: "since its last report; -1 when never in this epoch" }),
    used: Resources,
    offered: Resources,
    use: Type.Array(Use),
    tasks: Type.Integer(),
    drain: Type.Optional(DrainView),
  },
  { $id: "AgentView" },
);
export type AgentView = Static<typeof AgentView>;

export const FrameworkView = Type.Object(
  {
    id: FrameworkId,
    role: RoleName,
    name: Type.String(),
    state: Type.Enum(["connected", "disconnected", "awaited"], {
      description: "awaited: known from before this leader, which has not heard it yet",
    }),
    awayMs: Type.Optional(
      Type.Number({
        description: "while not connected: since its last word; of an awaited one since this leader began",
      }),
    ),
    suppressed: Type.Boolean(),
    session: Type.Optional(Type.Object({ epoch: Epoch, counter: Type.Integer() })),
    used: Resources,
    offered: Resources,
    tasks: Type.Integer(),
    share: Type.Number({
      description: "dominant share of the cluster, 0 to 1, offers included, not divided by weights",
    }),
    needs: Type.Array(Need, {
      description: "what is wanted now: nothing while suppressed, else anything when empty",
    }),
    filters: Type.Integer({ description: "agents that it has declined lately" }),
  },
  { $id: "FrameworkView" },
);
export type FrameworkView = Static<typeof FrameworkView>;

export const RoleView = Type.Object(
  {
    name: RoleName,
    weight: Type.Number({ exclusiveMinimum: 0 }),
    limit: Type.Optional(Resources),
    used: Resources,
    offered: Resources,
    share: Type.Number({
      description: "dominant share, divided by the weight: the one with the lowest is served first",
    }),
    frameworks: Type.Array(FrameworkId),
  },
  { $id: "RoleView" },
);
export type RoleView = Static<typeof RoleView>;

export const OfferView = Type.Object(
  { id: Type.String(), offer: Offer, ageMs: Type.Number(), state: Type.Enum(["out", "rescinding"]) },
  { $id: "OfferView" },
);
export type OfferView = Static<typeof OfferView>;

/** Why something is not placed: per reason the count of agents (each counts for its first reason), and per agent that reason in numbers. */
export const Explanation = Type.Object(
  {
    about: Type.String(),
    summary: Type.String({ description: "all of it in one sentence for people, with counts" }),
    stands: Type.String({ description: "how many run, and what one takes: the beginning of the summary" }),
    isMissing: Type.Boolean({
      description: "false: as many run as are wanted, and nothing waits for agents",
    }),
    waiting: Type.Array(Type.String(), {
      description: "reasons that lie not in the agents: backing off, suppressed, no leader",
    }),
    agents: Type.Integer(),
    fitting: Type.Integer({ description: "agents on which it fits now" }),
    reasons: Type.Array(Type.Object({ reason: Type.String(), agents: Type.Integer() })),
    perAgent: Type.Array(
      Type.Object({ agent: AgentId, reason: Type.String({ description: "empty when it fits" }) }),
      { description: "of many agents some for each reason" },
    ),
    leftOut: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: "so many agents are not in `perAgent`; ask for one by its id",
      }),
    ),
    warnings: Type.Optional(
      Type.Array(Type.String(), {
        description:
          "what the executor that is asked for cannot promise on some agents or why it is not there, and ports that are not theirs to give, with counts",
      }),
    ),
  },
  { $id: "Explanation" },
);
export type Explanation = Static<typeof Explanation>;

/**
 * A constraint that cannot be told from an agent alone: it counts what is placed already, by the value of an attribute. UNIQUE:
 * at most one for each value; MAX_PER: at most `most`; CLUSTER: all where the first one is; GROUP_BY: as many for each value,
 * over `groups` values or over all that can be had.
 */
export const CountingRule = Type.Union([
  Type.Object({ operator: Type.Literal("UNIQUE"), attribute: Type.String() }),
  Type.Object({ operator: Type.Literal("CLUSTER"), attribute: Type.String() }),
  Type.Object({
    operator: Type.Literal("MAX_PER"),
    attribute: Type.String(),
    most: Type.Integer({ minimum: 1 }),
  }),
  Type.Object({
    operator: Type.Literal("GROUP_BY"),
    attribute: Type.String(),
    groups: Type.Optional(Type.Integer({ minimum: 1 })),
  }),
]);
export type CountingRule = Static<typeof CountingRule>;

/** A rule with what it counts, which only the framework knows. */
export const Counting = Type.Object(
  {
    rule: CountingRule,
    instances: Type.Integer({ minimum: 0, description: "how many there shall be in all" }),
    placed: Type.Array(Type.Tuple([Type.String(), Type.Integer({ minimum: 1 })]), {
      description: "values of the attribute, and how many are placed there; in the order in which they came",
    }),
    others: Type.Array(Type.String(), { description: "further values that could be had lately" }),
  },
  { $id: "Counting" },
);
export type Counting = Static<typeof Counting>;

/** What a framework wants to place, for the leader to explain. */
export const Demand = Type.Object(
  {
    about: Type.String(),
    framework: FrameworkId,
    need: Need,
    waiting: Type.Array(Type.String()),
    wanted: Type.Optional(Type.Integer({ description: "as many as can be had unless given" })),
    running: Type.Optional(
      Type.Integer({
        description:
          "absent for a framework's need: which of its tasks meet it only the framework knows, and `wanted` are further ones",
      }),
    ),
    leaving: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: "so many of those that run are on draining agents, and to be replaced",
      }),
    ),
    counting: Type.Optional(Type.Array(Counting)),
  },
  { $id: "Demand" },
);
export type Demand = Static<typeof Demand>;

export const masterApi = {
  agents: repeatable(apiCall("master", "agents", pageAfter(AgentId), pageOf(AgentView))),
  frameworks: repeatable(apiCall("master", "frameworks", pageAfter(FrameworkId), pageOf(FrameworkView))),
  roles: repeatable(apiCall("master", "roles", pageAfter(RoleName), pageOf(RoleView))),
  /** In order of agent, then of number. */
  offers: repeatable(apiCall("master", "offers", pageAfter(OfferId), pageOf(OfferView))),
  /** One of them, or `not-found`. */
  agent: repeatable(apiCall("master", "agent", Type.Object({ agent: AgentId }), AgentView)),
  /** Sets a role's weight (above 0; 1 unless set) and limit; what is absent stays. */
  setRole: repeatable(
    apiCall(
      "master",
      "setRole",
      Type.Object({
        name: RoleName,
        weight: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1_000_000 })),
        limit: Type.Optional(Resources),
      }),
      RoleView,
    ),
  ),
  /** Takes back what was set of a role: weight 1 and no limit from now on. `not-found` when nothing was. */
  removeRole: apiCall("master", "removeRole", Type.Object({ name: RoleName }), RoleView),
  /** `agent`: of this one alone; else of `most`, 200 unless given. */
  explain: repeatable(
    apiCall(
      "master",
      "explain",
      Type.Object({
        ...Demand.properties,
        agent: Type.Optional(AgentId),
        most: Type.Optional(Type.Integer({ minimum: 0 })),
      }),
      Explanation,
    ),
  ),
  /**
   * Declares an agent gone for good: its tasks are given up, and it is refused if it comes back. Only for one that is
   * unreachable; with `force` also for one that this leader has not heard yet. Asked for one that is gone: forgets it, so that
   * its id may be used again.
   */
  removeAgent: apiCall(
    "master",
    "removeAgent",
    Type.Object({ agent: AgentId, force: Type.Optional(Type.Boolean()) }),
    Nothing,
  ),
  /** No more offers of this agent, and its tasks are to go elsewhere; `deadlineMs`: what still runs after so long is ended. Again: from now, with this deadline. */
  drainAgent: repeatable(
    apiCall(
      "master",
      "drainAgent",
      Type.Object({
        agent: AgentId,
        deadlineMs: Type.Optional(Type.Integer({ minimum: 0, maximum: 31_536_000_000 })),
      }),
      AgentView,
    ),
  ),
  /** The agent takes tasks again. */
  activateAgent: repeatable(apiCall("master", "activateAgent", Type.Object({ agent: AgentId }), AgentView)),
  /**
   * Forgets a framework; its tasks are ended. `force`: also one that is connected. Without it `unavailable` while the leader
   * has not led long enough to know whether one that he has not heard is connected.
   */
  removeFramework: apiCall(
    "master",
    "removeFramework",
    Type.Object({ framework: FrameworkId, force: Type.Optional(Type.Boolean()) }),
    Nothing,
  ),
  leader: repeatable(
    apiCall(
      "master",
      "leader",
      Nothing,
      Type.Object({ epoch: Epoch, master: Type.String(), since: Type.Number({ description: "wall ms" }) }),
    ),
  ),
};
