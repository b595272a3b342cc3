import type { Need, Subscribe } from "#protocol/framework.js";
import type { Accept, Kill, Reconcile } from "#protocol/launch.js";
import type { Session } from "#protocol/offer.js";
import type { TaskSpec } from "#protocol/task.js";

/** What a FrameworkMachine has done by `performFramework`. Each but the last five is answered by an event. */
export type FrameworkEffect =
  | { readonly type: "subscribe"; readonly attempt: number; readonly message: Subscribe }
  | { readonly type: "renew"; readonly session: Session }
  | {
      readonly type: "decline";
      readonly session: Session;
      readonly offers: readonly string[];
      readonly filterMs: number;
    }
  | { readonly type: "revive"; readonly session: Session; readonly needs: readonly Need[] }
  | { readonly type: "suppress"; readonly session: Session }
  | { readonly type: "askAgents"; readonly session: Session; readonly agents: readonly string[] }
  /** The next page of the agents that the answer to subscribe began to name. */
  | { readonly type: "askAgentsAfter"; readonly session: Session; readonly after: string }
  | { readonly type: "storeLaunch"; readonly launch: string; readonly record: LaunchRecord }
  | {
      readonly type: "accept";
      readonly launch: string;
      readonly agent: string;
      readonly message: Accept;
      readonly timeoutMs: number;
    }
  | { readonly type: "kill"; readonly agent: string; readonly message: Kill }
  | {
      readonly type: "reconcile";
      readonly agent: string;
      readonly round: number;
      readonly message: Reconcile;
    }
  | { readonly type: "removeLaunch"; readonly launch: string }
  /** Answers a word of the leader, if it is taken; a word to a session that is not ours stays unanswered. */
  | { readonly type: "answerLeader"; readonly ticket: number; readonly taken: boolean }
  | { readonly type: "acknowledge"; readonly deliveries: readonly number[] }
  /** Somebody else has this framework's id, or ids of ours were heard that are newer than this term. */
  | { readonly type: "resign"; readonly reason: string; readonly epoch?: number }
  | {
      readonly type: "say";
      readonly level: "info" | "warn" | "error";
      readonly message: string;
      readonly fields?: object;
    };

/** What is stored before an accept is sent: one record an accept, under `launch.<epoch>-<n>`. */
export interface LaunchRecord {
  readonly agent: string;
  readonly host: string;
  /** Name of the offer. */
  readonly offer: string;
  /** Wall ms. */
  readonly at: number;
  readonly tasks: readonly TaskSpec[];
  /** Tasks that were given up while nobody could be asked about them: to be killed should they turn up. */
  readonly deleted?: readonly string[];
}
