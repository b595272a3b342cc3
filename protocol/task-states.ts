/** In the order in which a task can have them. Apart from the schemas, which cost who only wants the names a tenth of a second. */
export const taskStates = [
  "staging",
  "starting",
  "running",
  "killing",
  "finished",
  "failed",
  "killed",
] as const;
