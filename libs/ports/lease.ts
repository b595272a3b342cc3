import type { Observable } from "rxjs";

/**
 * Leadership of one service. `held`: we lead in this epoch; the term ends with `lost`, and a later `held` has a higher epoch.
 * `standby`: somebody else leads.
 */
export type LeaseState =
  | { readonly state: "standby"; readonly leader: string | undefined }
  | { readonly state: "held"; readonly epoch: number }
  | { readonly state: "lost"; readonly epoch: number; readonly reason: string };

export interface Lease {
  /** Tries to take the lease, and again whenever it is free; each change of state. One subscriber; unsubscribing gives the lease up. */
  readonly states: Observable<LeaseState>;
  /** False from the moment on when another may hold it: on the monotonic clock, counted from when the last successful renewal was sent. */
  isHeld(): boolean;
  /** An epoch was heard from somebody: a holder with a lower one gives up and stands again above it. */
  heard(epoch: number): void;
  /** Gives it up so that the next can take over at once (`lost` follows if it was held); while subscribed it stands again, a moment later. */
  release(): Promise<void>;
}
