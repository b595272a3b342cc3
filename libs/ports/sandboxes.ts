import type { Result } from "#protocol/result.js";
import type { Artifact } from "#protocol/task.js";
import type { LaunchFailure } from "#libs/core/launch.js";
import type { SandboxEntry, SandboxRead } from "#libs/core/sandbox.js";

/** The directories of an agent's tasks. Reading is confined to regular files of the sandbox; no links are followed. */
export interface Sandboxes {
  /** Makes the sandbox of a task, owned by the user who will run it. Safe to repeat. */
  create(task: string, user: string | undefined): Promise<Result<void, LaunchFailure>>;
  /** Brings the artifacts into the sandbox; checks their sha256 before they can be seen under their names. */
  fetch(task: string, artifacts: readonly Artifact[]): Promise<Result<void, LaunchFailure>>;
  /** Failure in words: no such file, not a regular file, outside the sandbox. */
  read(task: string, path: string, offset: number, length: number): Promise<Result<SandboxRead, string>>;
  /** Kept when the file is larger than `size`, or after `timeoutMs`. */
  grown(task: string, path: string, size: number, timeoutMs: number): Promise<void>;
  list(task: string, path: string): Promise<Result<SandboxEntry[], string>>;
  /** Removes it whole. Safe to repeat. */
  remove(task: string): Promise<void>;
  /** Names of all sandboxes that exist. */
  all(): Promise<string[]>;
}
