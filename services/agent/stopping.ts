import { never, type Instant } from "#libs/core/time.js";
import type { Collection } from "./collection.js";
import type { AgentEffect } from "./events.js";
import { defaultGraceMs, type Kills } from "./kills.js";
import type { Recorder } from "./recorder.js";
import { hasEnded } from "./task.js";
import type { Tasks } from "./tasks.js";
import type { Updates } from "./updates.js";

export interface StoppingOptions {
  readonly emit: (effect: AgentEffect) => void;
  readonly tasks: Tasks;
  readonly kills: Pick<Kills, "ask">;
  readonly recorder: Pick<Recorder, "isIdle">;
  readonly updates: Pick<Updates, "isEmpty">;
  readonly collection: Pick<Collection, "isReleased">;
}

const writeMaxMs = 2000;
const endMaxMs = 5000;

/** The end of the process: tasks go on (R8), unless this is the end of the cluster. What is being written is waited for. */
export class Stopping {
  readonly #options: StoppingOptions;
  #state: "no" | "writing" | "ending" | "stopped" = "no";
  #deadline = never;

  constructor(options: StoppingOptions) {
    this.#options = options;
  }

  get isStopping(): boolean {
    return this.#state !== "no";
  }

  ask(at: Instant, endTasks: boolean): void {
    if (this.isStopping) return;
    this.#state = endTasks ? "ending" : "writing";
    this.#deadline = at.mono + writeMaxMs;
    if (!endTasks) return;
    const live = [...this.#options.tasks.all()].filter((task) => !hasEnded(task));
    const graceMs = Math.max(0, ...live.map(({ spec }) => spec.killGraceMs ?? defaultGraceMs));
    this.#deadline = at.mono + graceMs + endMaxMs;
    for (const task of live)
      this.#options.kills.ask(at, task, { reason: "kill-requested", message: "the agent stops" });
  }

  /** To be called at the end of a turn. */
  proceed(at: Instant): void {
    if (this.#state === "no" || this.#state === "stopped") return;
    if (!this.#isReady() && at.mono < this.#deadline) return;
    this.#state = "stopped";
    this.#deadline = never;
    this.#options.emit({ type: "stop", fault: undefined });
  }

  nextDeadline(): number {
    return this.#deadline;
  }

  #isReady(): boolean {
    const { recorder, updates, tasks, collection } = this.#options;
    if (!recorder.isIdle()) return false;
    if (this.#state === "writing") return true;
    return updates.isEmpty() && collection.isReleased() && [...tasks.all()].every(hasEnded);
  }
}
