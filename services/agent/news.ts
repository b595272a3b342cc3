import type { ClusterEvent } from "#protocol/event.js";
import type { TaskUpdate } from "#protocol/task.js";
import { isTerminal } from "#libs/core/task-state.js";
import type { Instant } from "#libs/core/time.js";
import type { AgentEffect } from "./events.js";
import type { Task } from "./task.js";

/** The longest words of an update are 2000 characters: a message stays under 256 KB. */
const eventsMax = 32;

/** What the cluster's log of events hears from this agent: in order, what one moment brings together. */
export class News {
  readonly #by: string;
  readonly #agent: string;
  readonly #emit: (effect: AgentEffect) => void;
  #waiting: ClusterEvent[] = [];

  constructor(agent: string, emit: (effect: AgentEffect) => void) {
    this.#agent = agent;
    this.#by = `agent/${agent}`;
    this.#emit = emit;
  }

  agent(at: Instant, type: string, message: string, details?: Record<string, unknown>): void {
    this.#tell(at, { kind: "agent", type, about: this.#agent, message, ...(details && { details }) });
  }

  /** Runs, has ended: `task-running`, `task-finished`, `task-failed`, `task-killed`. */
  taskStepped(at: Instant, task: Task, update: TaskUpdate): void {
    const { state } = update;
    const isFirst = state === "running" && update.healthy === undefined;
    if (isFirst || isTerminal(state)) this.#task(at, task, `task-${state}`, update.message ?? state);
  }

  healthChanged(at: Instant, task: Task, healthy: boolean, message: string): void {
    this.#task(at, task, healthy ? "task-healthy" : "task-unhealthy", message);
  }

  /** To be called at the end of a turn. */
  flush(): void {
    const { length } = this.#waiting;
    for (let from = 0; from < length;) {
      const { kind } = this.#waiting[from]!;
      let to = from + 1;
      while (to < length && to - from < eventsMax && this.#waiting[to]!.kind === kind) to++;
      this.#emit({ type: "tellEvents", kind, events: this.#waiting.slice(from, to) });
      from = to;
    }
    if (length > 0) this.#waiting = [];
  }

  #task(at: Instant, { spec, framework, latest }: Task, type: string, message: string): void {
    const { reason, exitCode, signal } = latest;
    const details: Record<string, unknown> = { agent: this.#agent, framework, name: spec.name };
    if (reason !== undefined) details["reason"] = reason;
    if (exitCode !== undefined) details["exitCode"] = exitCode;
    if (signal !== undefined) details["signal"] = signal;
    this.#tell(at, { kind: "task", type, about: spec.id, message, details });
  }

  #tell(at: Instant, { kind, type, about, message, details }: Omit<ClusterEvent, "at" | "by">): void {
    const event: ClusterEvent = { kind, type, about, message, at: at.wall, by: this.#by };
    if (details !== undefined) event.details = details;
    this.#waiting.push(event);
  }
}
