import { never, type Instant } from "#libs/core/time.js";
import type { AgentEffect } from "./events.js";
import type { Task } from "./task.js";

export interface ContactOptions {
  readonly emit: (effect: AgentEffect) => void;
  /** The agent was cut off for as long as the task allows. */
  readonly cutOff: (at: Instant, task: Task) => void;
}

const askMinMs = 250;
/** The executors want to be told at least once a second. */
const askMaxMs = 800;

/**
 * Whether the agent reaches the cluster, for the tasks that must end when it does not (`stopWhenCutOffMs`). A connection is no
 * proof: its server may itself be cut off. Proof is the answer of a leader, or of a stream, which needs most of the servers;
 * it counts from when the question was sent. The executors are told, and see to it while no agent runs. Nothing is asked
 * while no such task is here.
 */
export class Contact {
  readonly #options: ContactOptions;
  readonly #tasks = new Map<string, Task>();
  #reachedAt = 0;
  #askAt = never;
  #shortestMs = never;

  constructor(options: ContactOptions) {
    this.#options = options;
  }

  /** Not known to be cut off before. */
  begin(at: Instant): void {
    this.#reachedAt = at.mono;
  }

  reached(at: Instant, sentAt: number): void {
    this.#reachedAt = Math.max(this.#reachedAt, sentAt);
    // An answer that was long on its way proves nothing about now.
    if (this.#tasks.size > 0 && at.mono - sentAt <= askMaxMs) this.#options.emit({ type: "tellReached" });
  }

  taskChanged(at: Instant, task: Task): void {
    if (task.spec.stopWhenCutOffMs === undefined) return;
    const isOver = task.phase === "ended" || task.latest.state === "killing";
    if (isOver ? !this.#tasks.delete(task.spec.id) : this.#tasks.has(task.spec.id)) return;
    if (!isOver) this.#tasks.set(task.spec.id, task);
    this.#shortestMs = Math.min(...[...this.#tasks.values()].map(({ spec }) => spec.stopWhenCutOffMs!));
    this.#askAt = this.#tasks.size === 0 ? never : Math.min(this.#askAt, at.mono);
  }

  tick(at: Instant): void {
    if (at.mono >= this.#askAt) {
      this.#askAt = at.mono + Math.min(askMaxMs, Math.max(askMinMs, this.#shortestMs / 4));
      this.#options.emit({ type: "reachCluster" });
    }
    const forMs = at.mono - this.#reachedAt;
    if (forMs < this.#shortestMs) return;
    for (const task of this.#tasks.values())
      if (forMs >= task.spec.stopWhenCutOffMs!) this.#options.cutOff(at, task);
  }

  nextDeadline(): number {
    return Math.min(this.#askAt, this.#tasks.size === 0 ? never : this.#reachedAt + this.#shortestMs);
  }
}
