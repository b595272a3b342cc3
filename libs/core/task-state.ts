import type { TaskState } from "#protocol/task.js";

/** R4: a task only moves along these; a terminal state leads nowhere. */
const next: Record<TaskState, readonly TaskState[]> = {
  staging: ["starting", "running", "killing", "finished", "failed", "killed"],
  starting: ["running", "killing", "finished", "failed", "killed"],
  running: ["killing", "finished", "failed", "killed"],
  killing: ["finished", "failed", "killed"],
  finished: [],
  failed: [],
  killed: [],
};

export const canFollow = (from: TaskState, to: TaskState): boolean => next[from].includes(to);

export const isTerminal = (state: TaskState): boolean => next[state].length === 0;
