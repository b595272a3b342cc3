import type { Drain, Register, Rescind, RemoveFramework, Report } from "#protocol/agent.js";
import type { ClusterEvent } from "#protocol/event.js";
import type { AskAgents, Decline, FrameworkEvent, Renew, Revive, Subscribe } from "#protocol/framework.js";
import type { Offer, Session } from "#protocol/offer.js";
import type { MasterCall } from "./calls.js";

/** Names a request that waits for its answer. */
export type Ask = number;

/** What happened. Messages are decoded, and their sender is the one of their subject. */
export type MasterEvent =
  /** The term begins: all that the registry holds is in. */
  | { readonly type: "termBegan" }
  | { readonly type: "connectionChanged"; readonly connected: boolean }
  | AgentEvent
  | FrameworkMessage
  | { readonly type: "callAsked"; readonly ask: Ask; readonly call: MasterCall }
  | { readonly type: "callStored"; readonly ask: Ask; readonly call: MasterCall };

export type AgentEvent =
  | {
      readonly type: "agentRegistering";
      readonly ask: Ask;
      readonly agent: string;
      readonly register: Register;
    }
  /** What the registry must know of the agent is stored. */
  | { readonly type: "agentStored"; readonly ask: Ask; readonly agent: string; readonly register: Register }
  /** That it is unreachable is stored. */
  | { readonly type: "agentLost"; readonly agent: string; readonly silentMs: number }
  | { readonly type: "agentReported"; readonly agent: string; readonly report: Report }
  | {
      readonly type: "rescindAnswered";
      readonly agent: string;
      readonly rescind: Rescind;
      readonly report: Report;
    }
  | {
      readonly type: "rescindFailed";
      readonly agent: string;
      readonly rescind: Rescind;
      readonly why: string;
      readonly epoch?: number;
    }
  /** It has recorded the order. */
  | { readonly type: "drainAnswered"; readonly agent: string; readonly drain: Drain }
  | {
      readonly type: "drainFailed";
      readonly agent: string;
      readonly drain: Drain;
      readonly why: string;
      readonly epoch?: number;
    };

export type FrameworkMessage =
  | {
      readonly type: "frameworkSubscribing";
      readonly ask: Ask;
      readonly framework: string;
      readonly subscribe: Subscribe;
    }
  /** Its record is stored and its consumer made; or why not. */
  | {
      readonly type: "frameworkPrepared";
      readonly ask: Ask;
      readonly framework: string;
      readonly subscribe: Subscribe;
      readonly failure?: string;
    }
  | {
      readonly type: "sessionRenewed";
      readonly ask: Ask;
      readonly framework: string;
      readonly message: Renew;
    }
  | {
      readonly type: "offersDeclined";
      readonly ask: Ask;
      readonly framework: string;
      readonly message: Decline;
    }
  | {
      readonly type: "offersRevived";
      readonly ask: Ask;
      readonly framework: string;
      readonly message: Revive;
    }
  | {
      readonly type: "offersSuppressed";
      readonly ask: Ask;
      readonly framework: string;
      readonly message: Renew;
    }
  | {
      readonly type: "agentsAsked";
      readonly ask: Ask;
      readonly framework: string;
      readonly message: AskAgents;
    }
  /** The session did not take the offers. */
  | {
      readonly type: "offersUndelivered";
      readonly framework: string;
      readonly session: Session;
      readonly offers: readonly OfferName[];
      readonly why: string;
    };

export interface OfferName {
  readonly agent: string;
  readonly number: number;
}

/** What is to be done. `done` is the event that says it is done; nothing follows when the term is over. */
export type MasterEffect =
  | { readonly type: "answer"; readonly ask: Ask; readonly body: object }
  /** `spreadMs`: over so long the agents that are awaited shall spread their registrations. */
  | { readonly type: "announce"; readonly spreadMs?: number }
  | {
      readonly type: "sendOffers";
      readonly framework: string;
      readonly session: Session;
      readonly offers: readonly Offer[];
    }
  | {
      readonly type: "tellFramework";
      readonly framework: string;
      readonly session: Session;
      readonly event: FrameworkEvent;
    }
  | { readonly type: "rescind"; readonly agent: string; readonly rescind: Rescind }
  | { readonly type: "orderDrain"; readonly agent: string; readonly drain: Drain }
  | { readonly type: "removeFromAgent"; readonly agent: string; readonly removal: RemoveFramework }
  /** Makes the framework's consumer of status updates, after storing its record when there is something new in it. */
  | {
      readonly type: "prepareFramework";
      readonly framework: string;
      readonly record?: { readonly key: string; readonly value: object };
      readonly done: Extract<FrameworkMessage, { type: "frameworkPrepared" }>;
    }
  | { readonly type: "dropConsumer"; readonly framework: string }
  | {
      readonly type: "store";
      readonly key: string;
      readonly value: object;
      readonly done?: MasterEvent;
    }
  | { readonly type: "forget"; readonly key: string; readonly done?: MasterEvent }
  /** Somebody has heard of a higher epoch: we must not lead in ours. */
  | { readonly type: "hearEpoch"; readonly epoch: number }
  | { readonly type: "publishEvent"; readonly event: ClusterEvent }
  | {
      readonly type: "log";
      readonly level: "debug" | "info" | "warn";
      readonly message: string;
      readonly fields?: object;
    };

/** Takes the effects of a part in the order in which they are to be done. */
export type Out = (effect: MasterEffect) => void;
