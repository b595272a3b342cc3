import type { Bus } from "./bus.js";
import type { Catalog } from "./catalog.js";
import type { Clock } from "./clock.js";
import type { Executor } from "./executor.js";
import type { Host } from "./host.js";
import type { Journal } from "./journal.js";
import type { Lease } from "./lease.js";
import type { Log } from "./log.js";
import type { Probe } from "./probe.js";
import type { Random } from "./random.js";
import type { Sandboxes } from "./sandboxes.js";
import type { Sealer } from "./seal.js";
import type { Store } from "./store.js";
import type { Streams } from "./stream.js";

declare const type: unique symbol;

/** An Inversify identifier that knows what it stands for, so that swapped dependencies do not compile. */
export type Token<T> = symbol & { readonly [type]: (value: T) => T };

export const token = <T>(name: string): Token<T> => Symbol.for(`emporion.${name}`) as Token<T>;

/** The outside world. A world module binds all of these: adapters in production, the simulated ones in `libs/sim`. */
export const ports = {
  bus: token<Bus>("bus"),
  catalog: token<Catalog>("catalog"),
  clock: token<Clock>("clock"),
  executors: token<readonly Executor[]>("executors"),
  host: token<Host>("host"),
  journal: token<Journal>("journal"),
  /** Makes the lease of a service of this process; `name` is the same for all who compete for it. */
  lease: token<(name: string, holder: string) => Lease>("lease"),
  log: token<Log>("log"),
  probe: token<Probe>("probe"),
  random: token<Random>("random"),
  sandboxes: token<Sandboxes>("sandboxes"),
  sealer: token<Sealer>("sealer"),
  store: token<Store>("store"),
  streams: token<Streams>("streams"),
} as const;
