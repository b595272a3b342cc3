import type Docker from "dockerode";
import type { Output } from "./output.js";

/** What we know of a container from the order to launch it until it is collected. */
export interface Kept {
  readonly task: string;
  container: Docker.Container;
  phase: "starting" | "running" | "ending" | "ended";
  output: Output | undefined;
  /** What was asked of it: kept, to be asked again when the engine was away. */
  wanted: "stop" | "kill" | undefined;
  /** Signals that we sent it. */
  readonly sent: Set<string>;
}

export const keep = (task: string, container: Docker.Container, phase: Kept["phase"]): Kept => ({
  task,
  container,
  phase,
  output: undefined,
  wanted: undefined,
  sent: new Set(),
});
