import type { JobDefinition } from "#protocol/job.js";
import type { ManagedRun } from "./managed-run.js";
import type { Forgotten, JobRecord } from "./record.js";

/** So many ended runs are kept, with their results; beyond them only counts. */
const historyMost = 100;
/** They are forgotten by so many at once: one write instead of as many. */
const forgottenAtOnce = 20;

/** One job, its active runs and its history. */
export class ManagedJob {
  /** Of runs that are started from now on. */
  definition: JobDefinition;
  /** What it is to be, while that is being stored: whatever else is stored of it must not take that back. */
  intended: JobDefinition | undefined;
  /** Wall ms. */
  readonly createdAt: number;
  /** In the order of their creation. */
  readonly active = new Map<string, ManagedRun>();
  /** In the order of their ends. */
  readonly finished = new Map<string, ManagedRun>();
  readonly #byKey = new Map<string, ManagedRun>();
  #forgotten: Omit<Forgotten, "last"> | undefined;
  /** Forgotten, but their records may still be there. */
  readonly #removing = new Set<string>();
  #successes = 0;

  constructor({ definition, createdAt, forgotten }: JobRecord) {
    this.definition = definition;
    this.createdAt = createdAt;
    this.#forgotten = forgotten;
    for (const run of forgotten?.last ?? []) this.#removing.add(run);
  }

  get id(): string {
    return this.definition.id;
  }

  get record(): JobRecord {
    const { intended, createdAt } = this;
    const definition = intended ?? this.definition;
    if (this.#forgotten === undefined) return { definition, createdAt };
    return { definition, createdAt, forgotten: { ...this.#forgotten, last: [...this.#removing] } };
  }

  get successCount(): number {
    return this.#successes + (this.#forgotten?.successes ?? 0);
  }

  get failureCount(): number {
    return this.finished.size - this.#successes + (this.#forgotten?.failures ?? 0);
  }

  /** It is stored. */
  change(definition: JobDefinition): void {
    this.definition = definition;
    if (this.intended === definition) this.intended = undefined;
  }

  run = (id: string): ManagedRun | undefined => this.active.get(id) ?? this.finished.get(id);

  runOfKey = (key: string): ManagedRun | undefined => this.#byKey.get(key);

  *runs(): Iterable<ManagedRun> {
    yield* this.active.values();
    yield* this.finished.values();
  }

  add(run: ManagedRun): void {
    if (run.key !== undefined) this.#byKey.set(run.key, run);
    if (run.hasEnded) this.#finish(run);
    else this.active.set(run.id, run);
  }

  ended(run: ManagedRun): void {
    if (this.active.delete(run.id)) this.#finish(run);
  }

  /** It ended and is not kept any more; true too for one that was never heard of, if it is older than what was forgotten. */
  hasForgotten(run: string): boolean {
    return this.#forgotten !== undefined && run <= this.#forgotten.upTo;
  }

  /** The oldest of too long a history, or none; from now on they are only counted. */
  forget(): readonly ManagedRun[] {
    if (this.finished.size < historyMost + forgottenAtOnce) return [];
    const oldest = [...this.finished.values()].slice(0, this.finished.size - historyMost);
    const successes = oldest.filter(({ run }) => run.status === "SUCCESS").length;
    const before = this.#forgotten ?? { successes: 0, failures: 0, upTo: "" };
    this.#forgotten = {
      successes: before.successes + successes,
      failures: before.failures + oldest.length - successes,
      upTo: [before.upTo, ...oldest.map(({ id }) => id)].toSorted().at(-1)!,
    };
    this.#successes -= successes;
    for (const run of oldest) {
      this.#removing.add(run.id);
      this.finished.delete(run.id);
      if (run.key !== undefined && this.#byKey.get(run.key) === run) this.#byKey.delete(run.key);
    }
    return oldest;
  }

  /** It is counted already, though its record is still there. */
  isForgotten = (run: string): boolean => this.#removing.has(run);

  /** Its record is gone. */
  removed(run: string): void {
    this.#removing.delete(run);
  }

  #finish(run: ManagedRun): void {
    this.finished.set(run.id, run);
    if (run.run.status === "SUCCESS") this.#successes++;
  }
}
