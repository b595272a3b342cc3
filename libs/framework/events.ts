import type { AgentStanding, SubscribeReply } from "#protocol/framework.js";
import type { AcceptReply, KillReply, ReconcileReply } from "#protocol/launch.js";
import type { Offer, SealedOffer, Session } from "#protocol/offer.js";
import type { Refusal } from "#protocol/errors.js";
import type { Result } from "#protocol/result.js";
import type { TaskUpdate } from "#protocol/task.js";

/** Why a request has no answer: `absent` nobody is there, so it was not handled; `unknown` it may have been. */
export type NoAnswer = "absent" | "unknown";

/** An offer as it came: its content, and the bytes that bear the seal. */
export interface HeldOffer {
  readonly offer: Offer;
  readonly sealed: SealedOffer;
}

/** What the leader says to a session. */
export type LeaderWord =
  | { readonly type: "offers"; readonly offers: readonly HeldOffer[] }
  | { readonly type: "rescinded"; readonly offers: readonly string[] }
  | { readonly type: "agent-changed"; readonly agent: AgentStanding; readonly change?: number }
  | { readonly type: "superseded"; readonly by: Session };

export interface LeaderSaid {
  readonly type: "leaderSaid";
  /** Names the message, for the answer to it. */
  readonly ticket: number;
  /** To which of our sessions, as `sessionText` writes it. */
  readonly session: string;
  readonly word: LeaderWord;
}

/** `3-17`: as in the subject of a session. */
export const sessionText = ({ epoch, counter }: Session): string => `${epoch}-${counter}`;

/** What happens to a FrameworkMachine. The runtime emits these; a service adds `woken` and `released`. */
export type FrameworkEvent =
  /** The wiring listens: begin. Once, before anything else. */
  | { readonly type: "started" }
  /** The service's own state changed: needs, kills and the deadline may be others now. */
  | { readonly type: "woken" }
  /** What the service held of these tasks (see `Scheduler.taskChanged`) is stored: up to this change of each. */
  | { readonly type: "released"; readonly tasks: readonly Held[] }
  | { readonly type: "leaderAnnounced"; readonly epoch: number }
  /** A connection to the bus was made anew: what was published meanwhile is lost. */
  | { readonly type: "reconnected" }
  /** When the stream of updates was made, wall ms. */
  | { readonly type: "streamSeen"; readonly madeAt: number }
  | {
      readonly type: "subscribeAnswered";
      readonly attempt: number;
      readonly answer: Result<SubscribeReply, NoAnswer>;
    }
  | {
      readonly type: "renewAnswered";
      readonly session: Session;
      /** Of how many changes of agents the leader has told, or tried to tell, the session. */
      readonly answer: Result<number | undefined, Refusal | NoAnswer>;
    }
  | LeaderSaid
  | {
      readonly type: "declineAnswered";
      readonly session: Session;
      readonly offers: readonly string[];
      readonly answer: Result<void, Refusal | NoAnswer>;
    }
  | {
      readonly type: "demandAnswered";
      readonly session: Session;
      readonly answer: Result<void, Refusal | NoAnswer>;
    }
  | {
      readonly type: "agentsAnswered";
      readonly session: Session;
      readonly asked: readonly string[];
      readonly answer: Result<AgentsTold, Refusal | NoAnswer>;
    }
  | {
      readonly type: "agentsAfterAnswered";
      readonly session: Session;
      readonly answer: Result<AgentsPage, Refusal | NoAnswer>;
    }
  /** A launch record is in the store. */
  | { readonly type: "launchStored"; readonly launch: string }
  | {
      readonly type: "acceptAnswered";
      readonly launch: string;
      readonly answer: Result<AcceptReply, Refusal | NoAnswer>;
    }
  | {
      readonly type: "killAnswered";
      readonly task: string;
      readonly session: Session;
      readonly answer: Result<KillReply, NoAnswer>;
    }
  | {
      readonly type: "reconcileAnswered";
      readonly agent: string;
      readonly round: number;
      readonly answer: Result<ReconcileReply, NoAnswer>;
    }
  /** A batch of updates came through the stream; `delivery` is its number there. */
  | {
      readonly type: "updated";
      readonly delivery: number;
      readonly agent: string;
      readonly updates: readonly TaskUpdate[];
    };

/** What the leader says of agents. */
export interface AgentsTold {
  readonly agents: readonly AgentStanding[];
  /** Of how many changes the leader had told the session when it said so. */
  readonly changes?: number | undefined;
}

/** Some of the agents with something of ours, in order of id; `more`: there are others after them. */
export interface AgentsPage extends AgentsTold {
  readonly more: boolean;
}

/** Up to which change of a task the service has stored what it needs of it. */
export interface Held {
  readonly task: string;
  /** `FrameworkTask.change` at the time. */
  readonly change: number;
}
