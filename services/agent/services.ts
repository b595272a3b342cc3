import type { RegisteredService } from "#protocol/sandbox.js";
import { type Backoff, backoffMs } from "#libs/core/backoff.js";
import { DueTimes } from "#libs/core/due-times.js";
import { portList } from "#libs/core/resources.js";
import { never, type Instant } from "#libs/core/time.js";
import type { CatalogEntry } from "#libs/core/catalog-entry.js";
import type { AgentEffect } from "./events.js";
import { isOnItsWay, isRunning, type Task } from "./task.js";

/** An entry between what shall be and what is. Gone from here when it shall not be and is not. */
interface Projection {
  wanted: CatalogEntry | undefined;
  /** Whose it is; undefined for one that was found and that nobody here knows. */
  task: string | undefined;
  /** Fingerprint of what the registry has; undefined: nothing. */
  there: string | undefined;
  /** The fingerprint that it will have when what is under way is done; `gone`: it is being removed. */
  underway: { readonly fingerprint: string | undefined } | undefined;
  failures: number;
  /** It may be held once. */
  mayWait: boolean;
}

export interface ServicesOptions {
  readonly emit: (effect: AgentEffect) => void;
  readonly cluster: string;
  readonly agent: string;
  readonly host: string;
  readonly fingerprint: (entry: CatalogEntry) => string;
  /** None of the task's entries is left, or the registry does not answer. */
  readonly withdrawn: (at: Instant, task: string) => void;
}

const compareMs = 30_000;
const underwayMax = 32;
/** How long a new entry waits while tasks are being launched: registering costs as much of the host as a launch does. */
const holdMs = 250;
const again: Backoff = { firstMs: 500, factor: 2, mostMs: 30_000 };

/**
 * What the registry shall say about the tasks of this agent, and how it comes to say so.
 *
 * - C1 A task is in the registry while it runs and nobody wants its end; with a check, from its first success on.
 * - C2 Only entries under our own prefix are touched.
 * - C3 Nothing is registered again that is there as it shall be.
 * - C4 What the registry has is compared every 30 s, and after a start; what differs is repaired.
 * - C5 Launches go first: while some go on, new entries wait, 250 ms at most. Removals and health never wait.
 */
export class Services {
  readonly #options: ServicesOptions;
  readonly #prefix: string;
  readonly #entries = new Map<string, Projection>();
  readonly #byTask = new Map<string, ReadonlySet<string>>();
  readonly #dirty = new Set<string>();
  readonly #launching = new Set<string>();
  /** New ones, until launches are over or `#heldUntil`. */
  readonly #held = new Set<string>();
  #heldUntil = never;
  readonly #retries = new DueTimes<string>();
  #underway = 0;
  #compareAt = never;
  #isComparing = false;

  constructor(options: ServicesOptions) {
    this.#options = options;
    const { cluster, agent } = options;
    // The length of the cluster's name ends the prefix, or agent `a` would take the entries of agent `a-b` for its own.
    this.#prefix = `em-${cluster}-${agent}-${cluster.length}:`;
  }

  /** What ran before is known: from now on it is compared. */
  begin(at: Instant): void {
    this.#compareAt = at.mono;
  }

  taskChanged(task: Task): void {
    const { id, services } = task.spec;
    if (isOnItsWay(task)) this.#launching.add(id);
    else this.#launching.delete(id);
    if (services === undefined || services.length === 0) return;
    const isFound = isRunning(task) && (task.spec.healthCheck === undefined || task.wasHealthy);
    if (!isFound && !this.#byTask.has(id)) return;
    const entries = isFound ? this.#entriesOf(task) : [];
    if (isFound && !this.#byTask.has(id)) this.#byTask.set(id, new Set(entries.map((entry) => entry.id)));
    for (const entryId of this.#byTask.get(id) ?? [])
      this.#want(
        entryId,
        id,
        entries.find((entry) => entry.id === entryId),
      );
  }

  /** Nothing of the task is in the registry, or on its way there. */
  isWithdrawn(task: string): boolean {
    return !this.#byTask.has(task);
  }

  /** What is registered, or would be if there were a registry. */
  ofTask(task: Task): RegisteredService[] {
    return [...(this.#byTask.get(task.spec.id) ?? [])].flatMap((id) => {
      const entry = this.#entries.get(id)?.wanted;
      if (entry === undefined) return [];
      const { name, address, port, tags, check } = entry;
      return [
        {
          id,
          name,
          address,
          port,
          tags: [...tags],
          task: task.spec.id,
          agent: this.#options.agent,
          healthy: check?.healthy ?? true,
        },
      ];
    });
  }

  listed(at: Instant, found: ReadonlyMap<string, string>): void {
    this.#isComparing = false;
    for (const [id, entry] of this.#entries)
      if (entry.underway === undefined && !found.has(id)) {
        entry.there = undefined;
        this.#dirty.add(id);
      }
    for (const [id, fingerprint] of found) {
      if (!id.startsWith(this.#prefix)) continue;
      const entry = this.#entries.get(id) ?? this.#add(id, undefined);
      if (entry.underway !== undefined) continue;
      entry.there = fingerprint;
      this.#dirty.add(id);
    }
    this.flush(at);
  }

  listFailed(): void {
    this.#isComparing = false;
  }

  done(at: Instant, id: string): void {
    const entry = this.#answered(id);
    if (entry === undefined) return;
    entry.there = entry.underway!.fingerprint;
    entry.underway = undefined;
    entry.failures = 0;
    this.#dirty.add(id);
    this.flush(at);
  }

  failed(at: Instant, id: string): void {
    const entry = this.#answered(id);
    if (entry === undefined) return;
    // It may have been done all the same: neither fingerprint is to be relied on.
    entry.there = "unknown";
    entry.underway = undefined;
    entry.failures++;
    this.#retries.set(id, at.mono + backoffMs(again, entry.failures));
    if (entry.wanted === undefined && entry.task !== undefined) this.#options.withdrawn(at, entry.task);
  }

  tick(at: Instant): void {
    for (const id of this.#retries.take(at.mono)) this.#dirty.add(id);
    if (at.mono >= this.#compareAt) {
      this.#compareAt = at.mono + compareMs;
      if (!this.#isComparing) this.#options.emit({ type: "listEntries", prefix: this.#prefix });
      this.#isComparing = true;
    }
  }

  nextDeadline(): number {
    return Math.min(this.#compareAt, this.#heldUntil, this.#retries.earliest());
  }

  /** To be called at the end of a turn. */
  flush(at: Instant): void {
    const holds = this.#launching.size > 0 && at.mono < this.#heldUntil;
    if (!holds) this.#release();
    for (const id of this.#dirty) {
      if (holds && this.#mayWait(id)) {
        this.#hold(at, id);
        continue;
      }
      if (this.#underway >= underwayMax) return;
      this.#dirty.delete(id);
      this.#settle(at, id);
    }
  }

  #mayWait(id: string): boolean {
    const entry = this.#entries.get(id);
    return entry?.wanted !== undefined && entry.there === undefined && entry.mayWait;
  }

  #hold(at: Instant, id: string): void {
    this.#dirty.delete(id);
    this.#held.add(id);
    this.#heldUntil = Math.min(this.#heldUntil, at.mono + holdMs);
  }

  #release(): void {
    for (const id of this.#held) {
      this.#dirty.add(id);
      const entry = this.#entries.get(id);
      if (entry !== undefined) entry.mayWait = false;
    }
    this.#held.clear();
    this.#heldUntil = never;
  }

  #settle(at: Instant, id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.underway !== undefined) return;
    const { wanted, there } = entry;
    if (wanted === undefined) {
      if (there === undefined) this.#drop(at, id, entry);
      else this.#begin(entry, undefined, { type: "deregisterEntry", id });
      return;
    }
    const fingerprint = this.#options.fingerprint(wanted);
    if (there === fingerprint) return;
    const { check } = wanted;
    const differsInHealth =
      check !== undefined &&
      there === this.#options.fingerprint({ ...wanted, check: { ...check, healthy: !check.healthy } });
    this.#begin(
      entry,
      fingerprint,
      differsInHealth
        ? { type: "tellHealth", id, healthy: check.healthy }
        : { type: "registerEntry", entry: wanted },
    );
  }

  #begin(entry: Projection, fingerprint: string | undefined, effect: AgentEffect): void {
    entry.underway = { fingerprint };
    this.#underway++;
    this.#options.emit(effect);
  }

  #answered(id: string): Projection | undefined {
    const entry = this.#entries.get(id);
    if (entry?.underway === undefined) return undefined;
    this.#underway--;
    return entry;
  }

  #want(id: string, task: string, wanted: CatalogEntry | undefined): void {
    const entry = this.#entries.get(id) ?? this.#add(id, task);
    entry.task = task;
    entry.wanted = wanted;
    entry.failures = 0;
    this.#retries.delete(id);
    this.#dirty.add(id);
  }

  #add(id: string, task: string | undefined): Projection {
    const entry: Projection = {
      wanted: undefined,
      task,
      there: undefined,
      underway: undefined,
      failures: 0,
      mayWait: true,
    };
    this.#entries.set(id, entry);
    return entry;
  }

  #drop(at: Instant, id: string, { task }: Projection): void {
    this.#entries.delete(id);
    this.#retries.delete(id);
    if (task === undefined) return;
    for (const other of this.#byTask.get(task) ?? []) if (this.#entries.has(other)) return;
    this.#byTask.delete(task);
    this.#options.withdrawn(at, task);
  }

  #entriesOf({ spec, latest }: Task): CatalogEntry[] {
    const ports = portList(spec.resources.ports);
    const { agent, host } = this.#options;
    const ids = { "emporion-task": spec.id, "emporion-agent": agent };
    const check = spec.healthCheck && { kind: "told" as const, healthy: latest.healthy ?? true };
    const entries: CatalogEntry[] = [];
    for (const [index, { name, port, tags, meta }] of (spec.services ?? []).entries()) {
      const id = `${this.#prefix}${spec.id}:${index}`;
      const number = port === undefined ? 0 : (ports[port] ?? 0);
      const entry = { id, name, address: host, port: number, tags, meta: { ...meta, ...ids } };
      entries.push(check === undefined ? entry : { ...entry, check });
    }
    return entries;
  }
}
