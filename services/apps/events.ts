import type { ClusterEvent } from "#protocol/event.js";
import type { appsApi } from "#protocol/app.js";
import type { Answer, Called, FrameworkCame, FrameworkDoes } from "#libs/framework/service.js";

/** What happens to the AppsMachine. */
export type AppsEvent =
  | FrameworkCame
  | Called<typeof appsApi>
  /** The write of this number is in the bucket. */
  | { readonly type: "stored"; readonly write: number };

/** What the AppsMachine has done. */
export type AppsEffect =
  | FrameworkDoes
  | Answer
  /** Answered by `stored`. Writes of one key happen in their order. */
  | { readonly type: "store"; readonly write: number; readonly key: string; readonly value: unknown }
  | { readonly type: "remove"; readonly write: number; readonly key: string }
  /** A hint for people and for programs that watch: may be lost. */
  | { readonly type: "announce"; readonly event: ClusterEvent }
  | { readonly type: "say"; readonly message: string; readonly fields: object };
