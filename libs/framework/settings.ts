import type { WatchFramework } from "./service.js";

/** What a FrameworkMachine is made from, for one term. */
export interface FrameworkSettings {
  readonly id: string;
  readonly role: string;
  readonly name: string;
  readonly failoverTimeoutMs?: number;
  /** Of our own lease: a part of task ids and launch keys, so that they are never used again. */
  readonly epoch: number;
  /** Identity of our bucket, put into every task. */
  readonly bucket: string;
  /** All that is in the bucket; only keys under `launch.` are read. */
  readonly loaded: ReadonlyMap<string, unknown>;
  /** What is declined is not wanted for so long. 5000 unless given. */
  readonly filterMs?: number;
  readonly watch?: WatchFramework | undefined;
}
