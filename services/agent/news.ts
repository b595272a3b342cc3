import type { ClusterEvent } from "#protocol/event.js";
import type { TaskUpdate } from "#protocol/task.js";
import { isTerminal } from "#libs/core/task-state.js";
import type { Instant } from "#libs/core/time.js";
import type { AgentEffect } from "./events.js";
import type { Task } from "./task.js";

/** What the cluster's log of events hears from this agent. */
export class News {
  readonly #by: string;
  readonly #agent: string;
  readonly #emit: (effect: AgentEffect) => void;

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

  #task(at: Instant, { spec, framework, latest }: Task, type: string, message: string): void {
    const { reason, exitCode, signal } = latest;
    const details = {
      agent: this.#agent,
      framework,
      name: spec.name,
      ...(reason !== undefined && { reason }),
      ...(exitCode !== undefined && { exitCode }),
      ...(signal !== undefined && { signal }),
    };
    this.#tell(at, { kind: "task", type, about: spec.id, message, details });
  }

  #tell(at: Instant, event: Omit<ClusterEvent, "at" | "by">): void {
    this.#emit({ type: "tellEvent", event: { ...event, at: at.wall, by: this.#by } });
  }
}
