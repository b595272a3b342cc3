import type { Clock } from "#libs/ports/clock.js";
import type { LaunchFailure } from "#libs/core/launch.js";
import type { Random } from "#libs/ports/random.js";
import { pieceStart, type SandboxEntry, type SandboxRead } from "#libs/core/sandbox.js";
import type { Sandboxes } from "#libs/ports/sandboxes.js";
import { fail, ok, type Result } from "#protocol/result.js";
import type { Artifact } from "#protocol/task.js";

export interface SimSandboxesOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Content by URI; what is not there is missing. */
  readonly artifacts?: ReadonlyMap<string, Uint8Array>;
  /** Of an artifact; 5 unless given. */
  readonly fetchMs?: number;
  /** Users that a task may have; all unless given. */
  readonly users?: readonly string[];
}

interface SimFile {
  bytes: Uint8Array;
  modifiedAt: number;
}

/** Sandboxes in memory. They outlive the agent that made them. */
export class SimSandboxes implements Sandboxes {
  readonly #sandboxes = new Map<string, Map<string, SimFile>>();
  readonly #waiting = new Set<() => void>();
  readonly #options: SimSandboxesOptions;

  constructor(options: SimSandboxesOptions) {
    this.#options = options;
  }

  async create(task: string, user: string | undefined): Promise<Result<void, LaunchFailure>> {
    const { users } = this.#options;
    if (user !== undefined && users !== undefined && !users.includes(user))
      return fail({ reason: "not-allowed", message: `there is no user ${user} on this host` });
    if (!this.#sandboxes.has(task)) this.#sandboxes.set(task, new Map());
    return ok(undefined);
  }

  async fetch(task: string, artifacts: readonly Artifact[]): Promise<Result<void, LaunchFailure>> {
    for (const { uri, path } of artifacts) {
      await new Promise<void>((done) => void this.#options.clock.after(this.#options.fetchMs ?? 5, done));
      const bytes = this.#options.artifacts?.get(uri);
      if (bytes === undefined)
        return fail({ reason: "artifact-missing", message: `artifact ${uri}: no such file` });
      const name = pathOf(path ?? uri.slice(uri.lastIndexOf("/") + 1));
      if (!name.ok) return fail({ reason: "artifact-missing", message: name.error });
      this.write(task, name.value, bytes);
    }
    return ok(undefined);
  }

  async read(
    task: string,
    path: string,
    offset: number,
    length: number,
  ): Promise<Result<SandboxRead, string>> {
    const name = pathOf(path);
    if (!name.ok) return name;
    const file = this.#sandboxes.get(task)?.get(name.value);
    if (file === undefined)
      return fail(`${path}: ${this.#isDirectory(task, name.value) ? "not a regular file" : "no such file"}`);
    const size = file.bytes.length;
    const from = pieceStart(offset, size);
    return ok({ offset: from, size, bytes: file.bytes.slice(from, from + length) });
  }

  async grown(task: string, path: string, size: number, timeoutMs: number): Promise<void> {
    const { clock } = this.#options;
    const now = () => this.#sandboxes.get(task)?.get(path)?.bytes.length ?? 0;
    await new Promise<void>((resolve) => {
      const look = () => {
        if (now() !== size) done();
      };
      const cancel = clock.after(timeoutMs, () => done());
      const done = () => {
        this.#waiting.delete(look);
        cancel();
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  async list(task: string, path: string): Promise<Result<SandboxEntry[], string>> {
    const name = pathOf(path);
    if (!name.ok) return name;
    const files = this.#sandboxes.get(task);
    if (files === undefined || (name.value !== "" && !this.#isDirectory(task, name.value)))
      return fail(`${path || "."}: no such file`);
    const prefix = name.value === "" ? "" : `${name.value}/`;
    const entries = new Map<string, SandboxEntry>();
    for (const [file, { bytes, modifiedAt }] of files) {
      if (!file.startsWith(prefix)) continue;
      const [first = "", ...below] = file.slice(prefix.length).split("/");
      const kind = below.length > 0 ? "directory" : "file";
      const size = kind === "file" ? bytes.length : 0;
      entries.set(first, { path: prefix + first, kind, size, modifiedAt });
    }
    return ok([...entries.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1)));
  }

  async remove(task: string): Promise<void> {
    this.#sandboxes.delete(task);
  }

  async all(): Promise<string[]> {
    return [...this.#sandboxes.keys()];
  }

  /** As a task of the host would: the file has this content now. Nothing where there is no such sandbox. */
  write(task: string, path: string, bytes: Uint8Array): void {
    this.#sandboxes.get(task)?.set(path, { bytes, modifiedAt: this.#options.clock.now().wall });
    for (const look of this.#waiting) look();
  }

  #isDirectory(task: string, path: string): boolean {
    return [...(this.#sandboxes.get(task)?.keys() ?? [])].some((file) => file.startsWith(`${path}/`));
  }
}

function pathOf(path: string): Result<string, string> {
  if (path.startsWith("/")) return fail(`${path}: paths are relative to the sandbox`);
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  return parts.includes("..") ? fail(`${path}: outside the sandbox`) : ok(parts.join("/"));
}
