import type { Docker, Tools } from "./tools.mjs";

export interface Engine {
  /** Path of the unix socket. */
  readonly socket: string;
  /** The process dockerd; undefined when the engine is the system's. */
  readonly pid: number | undefined;
  /** Whether the engine is one that we started; only such a one is ever stopped. */
  readonly isOurs: boolean;
  /**
   * Ends the engine with its containers, removes its bridge, packet filter rules, control groups and mounts. Images and
   * stopped containers stay in its data for the next start. Safe to repeat; without effect on an engine that is not ours.
   */
  stop(): Promise<void>;
}

export interface EngineOptions {
  /** All that the set-up found, or its part `docker`. */
  readonly tools: Tools | Docker;
  /** Where socket, data, logs and pid files are kept; one engine a directory. */
  readonly dir: string;
  /** Told in words what happens. */
  readonly log?: (line: string) => void;
  /** Containers go on while the engine is away. Default true; Swarm wants false. */
  readonly liveRestore?: boolean;
  /** Default 30,000 ms. */
  readonly limitMs?: number;
}

/**
 * Starts an engine, or finds the one that already runs in `dir`; after a kill -9 of dockerd it starts it again over its living
 * containers. One that runs on the system is handed back as it is. Rejects with the last lines of its log when it does not come up.
 */
export function startDockerEngine(options: EngineOptions): Promise<Engine>;

/** The same as `stop` of an engine that another process started. */
export function stopDockerEngine(options: Pick<EngineOptions, "tools" | "dir" | "log">): Promise<void>;
