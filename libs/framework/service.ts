import type { Static } from "typebox";
import type { ApiCall } from "#protocol/api.js";
import type { Refusal } from "#protocol/errors.js";
import type { Result } from "#protocol/result.js";
import type { Subjects } from "#protocol/subjects.js";
import type { Door } from "#libs/machine/door.js";
import type { Machine, Tick } from "#libs/machine/machine.js";
import type { WriteOutcome } from "#libs/machine/vault.js";
import type { Bus } from "#libs/ports/bus.js";
import type { Clock } from "#libs/ports/clock.js";
import type { Lease } from "#libs/ports/lease.js";
import type { Log } from "#libs/ports/log.js";
import type { Random } from "#libs/ports/random.js";
import type { Store } from "#libs/ports/store.js";
import type { Streams } from "#libs/ports/stream.js";
import type { FrameworkEffect } from "./effects.js";
import type { FrameworkEvent } from "./events.js";
import type { FrameworkTask } from "./scheduler.js";
import type { FrameworkSettings } from "./settings.js";

/**
 * A service that is a framework and more (it has an API, state and deadlines of its own): its machine owns a
 * `FrameworkMachine` and is that machine's `Scheduler`. One pump, one lease, one bucket serve both.
 *
 * ```ts
 * class AppsMachine implements Machine<AppsEvent, AppsEffect> {          // AppsEvent includes FrameworkCame and Called<…>
 *   readonly #framework: FrameworkMachine;
 *   #effects: AppsEffect[] = [];
 *
 *   constructor(term: ServiceTerm) {
 *     this.#apps = load(term.loaded);                                      // own keys: all but those under `launch.`
 *     this.#framework = new FrameworkMachine(term.framework, this.#scheduler);
 *   }
 *
 *   handle(at: Instant, event: AppsEvent | Tick): readonly AppsEffect[] {
 *     if (event.type === "framework") this.#forward(at, event.event);
 *     else {
 *       this.#own(at, event);                                              // pushes own effects
 *       this.#forward(at, event.type === "tick" ? event : { type: "woken" });
 *     }
 *     return drain(this.#effects);                                         // own effects first: what is stored before it is acted on
 *   }
 *
 *   #forward(at: Instant, event: FrameworkEvent | Tick) {                  // calls needs, place, kills, taskChanged of our scheduler
 *     for (const effect of this.#framework.handle(at, event)) this.#effects.push({ type: "framework", effect });
 *   }
 *
 *   nextDeadline = () => this.#framework.nextDeadline();                   // includes the scheduler's own `nextDeadline`
 * }
 * ```
 *
 * `runService` (runtime.ts) stands for the lease and runs one term after the other; `serveApi` (serve.ts) brings in the calls.
 *
 * Storing before an update is acknowledged: `taskChanged` returns "hold"; when the write is done, `handle` the event
 * `{ type: "released", tasks: [{ task, change: task.change }] }` of the FrameworkMachine. A task in a last phase is let go
 * (its launch record removed) when it is released; without "hold" at once.
 */
export interface Service<Event, Effect> {
  readonly machine: Machine<Event | FrameworkCame, Effect | FrameworkDoes>;
  /** Carries out the service's own effects. Answers come back through `emit`. */
  perform(effect: Effect, emit: (event: Event) => void): void;
  /** The service's own sources of events (its API: see `serveApi`). Called once; what it returns is called when the term ends. */
  listen?(emit: (event: Event) => void): () => void;
}

/** An event that the service hands on to its FrameworkMachine. */
export interface FrameworkCame {
  readonly type: "framework";
  readonly event: FrameworkEvent;
}

/** An effect of the FrameworkMachine that the service passes on. */
export interface FrameworkDoes {
  readonly type: "framework";
  readonly effect: FrameworkEffect;
}

/** What a service is made from when it begins to lead. */
export interface ServiceTerm {
  /** For `new FrameworkMachine(term.framework, scheduler)`. */
  readonly framework: FrameworkSettings;
  readonly epoch: number;
  /** Identity of the bucket: one that was emptied has another. */
  readonly bucket: string;
  /** All that is stored: key → value. Not checked: it was written by us, perhaps by another version. Keys under `launch.` are the SDK's. */
  readonly loaded: ReadonlyMap<string, unknown>;
  readonly vault: TermVault;
  readonly log: Log;
}

/** Writes of one key happen in their order. A write that does not count any more ends the term by itself. */
export interface TermVault {
  put(key: string, value: unknown): Promise<WriteOutcome>;
  remove(key: string): Promise<WriteOutcome>;
}

export interface ServiceOptions {
  /** Of the framework; also names its bucket and its lease. Copies with one id are hot standbys of each other. */
  readonly id: string;
  readonly role: string;
  /** For people. The id unless given. */
  readonly name?: string;
  /** Tasks are killed when nobody has led this framework for so long. Never unless given. */
  readonly failoverTimeoutMs?: number;
  /** Copies that the bucket has in a cluster of NATS servers; 1 unless given. */
  readonly replicas?: number;
  readonly watch?: WatchFramework | undefined;
}

export interface FrameworkPorts {
  readonly bus: Bus;
  readonly streams: Streams;
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Makes the lease of that name; `holder` names us. */
  readonly lease: (name: string, holder: string) => Lease;
  readonly subjects: Subjects;
  /** Where messages come in; a term has one of its own unless given. */
  readonly door?: Door;
}

export type ApiCalls = Readonly<Record<string, ApiCall>>;

/** A call of the API came and decodes. */
export type Called<Calls extends ApiCalls> = {
  readonly [Name in keyof Calls & string]: {
    readonly type: "called";
    readonly call: Name;
    readonly request: Static<Calls[Name]["request"]>;
    /** Names the caller, for the `answer`. */
    readonly ticket: number;
  };
}[keyof Calls & string];

/** The effect that answers it: `{ ok: true, value }` or `{ ok: false, error }`. */
export interface Answer {
  readonly type: "answer";
  readonly ticket: number;
  readonly reply: Result<unknown, Refusal>;
}

/** Serves an API on the bus while we lead. See `serveApi` in serve.ts. */
export interface ServedApi {
  /** Performs an `answer`. Once a ticket; an unknown ticket is a bug. */
  answer(answer: Answer): void;
  close(): void;
}

/** For checks: is handed the machine of each term, and gives what is told of each event and of what followed from it. */
export type WatchFramework = (
  machine: Pick<FrameworkViews, "tasks">,
) => (event: FrameworkEvent | Tick, effects: readonly FrameworkEffect[]) => void;

/** What a service may ask its FrameworkMachine (machine.ts) between events. */
export interface FrameworkViews {
  readonly tasks: ReadonlyMap<string, FrameworkTask>;
  /** Why nothing can be launched now, for people: `no leader`, `3 of 40 agents have not yet said what runs`. Empty when it can. */
  waiting(): readonly string[];
}
