import { Subject } from "rxjs";
import type { ExecutorInfo } from "#protocol/offer.js";
import type { Resources } from "#protocol/resources.js";
import { ok, type Result } from "#protocol/result.js";
import type { LaunchFailure, LaunchOrder, TaskExit } from "#libs/core/launch.js";
import type { Executor } from "#libs/ports/executor.js";
import type { Host } from "#libs/ports/host.js";
import type { Journal } from "#libs/ports/journal.js";
import type { Sandboxes } from "#libs/ports/sandboxes.js";

/*
 * The host's side of an agent's ports where nothing is started and nothing touches the disk but, where it is asked for, the
 * journal: what is left is the agent itself.
 */

/** Says at once that a task runs, and ends it when it is killed. */
export class NothingExecutor implements Executor {
  readonly kind = "process";
  readonly exits = new Subject<TaskExit>();
  readonly #running = new Set<string>();

  async detect(): Promise<Result<ExecutorInfo, string>> {
    return ok({ kind: this.kind, version: "nothing", warnings: [] });
  }

  async launch({ spec }: LaunchOrder): Promise<Result<void, LaunchFailure>> {
    this.#running.add(spec.id);
    return ok(undefined);
  }

  async kill(task: string): Promise<void> {
    if (this.#running.delete(task)) this.exits.next({ task, signal: "SIGTERM", reason: "exited" });
  }

  async recover(tasks: readonly LaunchOrder[]): ReturnType<Executor["recover"]> {
    return new Map(tasks.map(({ spec }) => [spec.id, "absent" as const]));
  }

  async run(): Promise<Result<number, string>> {
    return ok(0);
  }

  async collect(): Promise<void> {}

  async close(): Promise<void> {}
}

/** What was appended, in memory, as JSON: the work of writing it down without the disk. */
export class MemoryJournal implements Journal {
  #lines: string[] = [];

  get length(): number {
    return this.#lines.length;
  }

  async load(): Promise<readonly unknown[]> {
    return this.#lines.map((line) => JSON.parse(line) as unknown);
  }

  async append(records: readonly unknown[]): Promise<void> {
    for (const record of records) this.#lines.push(JSON.stringify(record));
  }

  async compact(records: readonly unknown[]): Promise<void> {
    this.#lines = records.map((record) => JSON.stringify(record));
  }
}

export class QuietHost implements Host {
  readonly name: string;
  readonly bootId = "boot";
  readonly isRoot = false;
  readonly #resources: Resources;

  constructor(name: string, resources: Resources) {
    this.name = name;
    this.#resources = resources;
  }

  async detect(): Promise<Resources> {
    return this.#resources;
  }

  async portTaken(): Promise<boolean> {
    return false;
  }

  async takenPorts(): Promise<number[]> {
    return [];
  }
}

const noFile = { ok: false, error: "nothing is kept here" } as const;

export const noSandboxes: Sandboxes = {
  create: async () => ok(undefined),
  fetch: async () => ok(undefined),
  read: async () => noFile,
  grown: async () => undefined,
  list: async () => noFile,
  remove: async () => undefined,
  all: async () => [],
};
