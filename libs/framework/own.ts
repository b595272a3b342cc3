import type { ClusterEvent } from "#protocol/event.js";
import type { Answer, FrameworkDoes } from "./service.js";

/** What a service that keeps records of its own, answers calls and says what happens has done, besides being a framework. */
export type OwnEffect =
  | Answer
  /** Answered by `stored`. Writes of one key happen in their order. */
  | { readonly type: "store"; readonly write: number; readonly key: string; readonly value: unknown }
  | { readonly type: "remove"; readonly write: number; readonly key: string }
  /** A hint for people and for programs that watch: may be lost. */
  | { readonly type: "announce"; readonly event: ClusterEvent }
  | { readonly type: "say"; readonly message: string; readonly fields: object };

export type ServiceEffect = FrameworkDoes | OwnEffect;

/** The write of this number is in the bucket. */
export interface Stored {
  readonly type: "stored";
  readonly write: number;
}
