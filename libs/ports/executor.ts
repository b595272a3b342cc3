import type { Observable } from "rxjs";
import type { ExecutorInfo } from "#protocol/offer.js";
import type { Result } from "#protocol/result.js";
import type { ExecutorKind } from "#protocol/task.js";
import type { LaunchFailure, LaunchOrder, TaskExit } from "#libs/core/launch.js";

/**
 * Runs one kind of workload. Tasks outlive the executor object and its process: what runs is found again by `recover`, and
 * what ended meanwhile is reported with its true exit code (R8).
 */
export interface Executor {
  readonly kind: ExecutorKind;
  /** What can be run here; a reason in words when nothing can. May be asked again at any time. */
  detect(): Promise<Result<ExecutorInfo, string>>;
  /** Kept when the task runs. Called at most once for a task id. A failed launch leaves nothing that runs. */
  launch(order: LaunchOrder): Promise<Result<void, LaunchFailure>>;
  /** Asks it to end (SIGTERM to all of it), or ends it (`force`: SIGKILL to all of it). Safe to repeat and for a task that has ended. The end comes by `exits`. */
  kill(task: string, force: boolean): Promise<void>;
  /**
   * After a start: looks for these tasks. `running`: it runs, its end will come by `exits`. `ended`: its exit comes by
   * `exits` soon (reason `host-restarted` when the host was started anew since). `absent`: nothing of it is here: it never
   * started.
   */
  recover(tasks: readonly LaunchOrder[]): Promise<ReadonlyMap<string, "running" | "ended" | "absent">>;
  /** Every end once, also those that happened while nobody looked (after `recover`). Without end. */
  readonly exits: Observable<TaskExit>;
  /** Runs the command where the task runs: exit code, or a failure in words. For health checks. */
  run(task: string, command: string, timeoutMs: number): Promise<Result<number, string>>;
  /** Removes what the executor still holds of an ended task (container, cgroup). Safe to repeat. */
  collect(task: string): Promise<void>;
  /**
   * The agent has just heard from the cluster. Tasks with `stopWhenCutOffMs` are ended when this is not called for so long,
   * also when no agent runs. To be called at least once a second.
   */
  reached?(): void;
  /** Lets go of everything without ending any task. */
  close(): Promise<void>;
}
