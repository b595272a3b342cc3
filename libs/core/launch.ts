import type { TaskReason, TaskSpec } from "#protocol/task.js";

/** A task with all that its start needs. */
export interface LaunchOrder {
  readonly spec: TaskSpec;
  readonly framework: string;
  readonly host: string;
  /** What the agent adds to the task's environment: ids, HOST, PORT0, … The task's own `env` wins. */
  readonly env: Readonly<Record<string, string>>;
}

export interface LaunchFailure {
  readonly reason: TaskReason;
  /** In words: what is missing or refused, and where. */
  readonly message: string;
}

/** How a task ended. Exactly one of `exitCode` and `signal`, or neither when nobody can know any more. */
export interface TaskExit {
  readonly task: string;
  readonly exitCode?: number;
  readonly signal?: string;
  /** `exited` unless something more telling is known: out-of-memory, java-crash, exit-unknown, cut-off, … */
  readonly reason: TaskReason;
  readonly message?: string;
}
