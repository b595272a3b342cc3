import { never, type Instant } from "#libs/core/time.js";
import type { ExecutorKind } from "#protocol/task.js";
import type { AgentEffect } from "./events.js";
import type { Recorder } from "./recorder.js";
import type { Task } from "./task.js";
import type { Tasks } from "./tasks.js";

export interface CollectionSettings {
  /** A sandbox is kept for so long after the task's end; 7 days unless configured. */
  readonly keptMs: number;
  /** Most ended tasks that are kept; 1000 unless configured. */
  readonly keptMax: number;
  /** Less free disk than this share, and the oldest go before their time; 0.05 unless configured. */
  readonly diskFreeMin: number;
}

export interface CollectionOptions {
  readonly emit: (effect: AgentEffect) => void;
  readonly tasks: Pick<Tasks, "get" | "forget">;
  readonly recorder: Pick<Recorder, "addLazily">;
  readonly settings: CollectionSettings;
}

const sweepMs = 60_000;
/** How many go at once when the disk is short: then it is measured again. */
const shortDiskBatch = 20;
const underwayMax = 4;

/**
 * Takes ended tasks away: at once what their executor still holds (a container, a control group), later their sandbox and our
 * memory of them. Oldest first; by age, by number, and when the disk is short.
 *
 * - G1 The executor lets go of a task when its end is in the journal: from then on nobody has to ask how it ended.
 * - G2 The sandbox stays at least until the stream has the last update (R5).
 */
export class Collection {
  readonly #options: CollectionOptions;
  /** Ended and stored, in the order in which that came about. */
  readonly #kept = new Map<string, Task>();
  readonly #underway = new Set<string>();
  readonly #releasing = new Set<string>();
  readonly #waiting = new Map<string, ExecutorKind | undefined>();
  #sweepAt = never;

  constructor(options: CollectionOptions) {
    this.#options = options;
  }

  /** Its end is in the journal. */
  ended({ spec }: Task): void {
    this.#releasing.add(spec.id);
    this.#options.emit({ type: "releaseTask", kind: spec.workload.kind, task: spec.id });
  }

  released(id: string): void {
    this.#releasing.delete(id);
  }

  /** No executor is still letting go of anything. */
  isReleased(): boolean {
    return this.#releasing.size === 0;
  }

  /** The task has ended, and the stream has all of its updates. */
  finished(at: Instant, task: Task): void {
    this.#kept.set(task.spec.id, task);
    if (this.#sweepAt === never) this.#sweepAt = at.mono + sweepMs;
    this.#collectOldest(this.#kept.size - this.#options.settings.keptMax);
  }

  /** Sandboxes that are there after a start. Those of tasks that nobody knows any more go. */
  found(tasks: readonly string[]): void {
    for (const id of tasks) if (this.#options.tasks.get(id) === undefined) this.#collect(id, undefined);
  }

  collected(id: string): void {
    this.#underway.delete(id);
    if (this.#options.tasks.get(id) !== undefined) {
      this.#options.tasks.forget(id);
      this.#options.recorder.addLazily({ type: "collected", tasks: [id] });
    }
    this.#next();
  }

  /** It is tried again with the next sweep. */
  failed(at: Instant, id: string): void {
    this.#underway.delete(id);
    const task = this.#options.tasks.get(id);
    if (task !== undefined) this.#kept.set(id, task);
    this.#sweepAt = Math.min(this.#sweepAt, at.mono + sweepMs);
    this.#next();
  }

  measured(freeFraction: number): void {
    if (freeFraction < this.#options.settings.diskFreeMin) this.#collectOldest(shortDiskBatch);
  }

  tick(at: Instant): void {
    if (at.mono < this.#sweepAt) return;
    const { keptMs } = this.#options.settings;
    for (const task of this.#oldestFirst()) {
      if (at.wall - task.endedAt! < keptMs) break;
      this.#take(task);
    }
    this.#sweepAt = this.#kept.size > 0 ? at.mono + sweepMs : never;
    if (this.#kept.size > 0) this.#options.emit({ type: "measureDisk" });
  }

  nextDeadline(): number {
    return this.#sweepAt;
  }

  #collectOldest(count: number): void {
    if (count <= 0) return;
    for (const task of this.#oldestFirst().slice(0, count)) this.#take(task);
  }

  #oldestFirst(): Task[] {
    return [...this.#kept.values()].toSorted(
      (a, b) => a.endedAt! - b.endedAt! || (a.spec.id < b.spec.id ? -1 : 1),
    );
  }

  #take(task: Task): void {
    this.#kept.delete(task.spec.id);
    this.#collect(task.spec.id, task.spec.workload.kind);
  }

  #collect(id: string, kind: ExecutorKind | undefined): void {
    this.#waiting.set(id, kind);
    this.#next();
  }

  #next(): void {
    for (const [id, kind] of this.#waiting) {
      if (this.#underway.size >= underwayMax) return;
      this.#waiting.delete(id);
      this.#underway.add(id);
      this.#options.emit({ type: "collectTask", task: id, kind });
    }
  }
}
