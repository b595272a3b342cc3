import { chmodSync, chownSync, mkdirSync } from "node:fs";
import { type FileHandle, lstat, chmod, chown, mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { assert } from "#libs/core/assert.js";
import type { LaunchFailure } from "#libs/core/launch.js";
import { pieceStart, type SandboxEntry, type SandboxRead } from "#libs/core/sandbox.js";
import type { Sandboxes } from "#libs/ports/sandboxes.js";
import { fail, ok, type Result } from "#protocol/result.js";
import type { Artifact } from "#protocol/task.js";
import type { User, Users } from "./process/users.js";
import { type ArtifactLimits, bring, targetOf } from "./sandbox/artifacts.js";
import { inside, openDirectory, openFile } from "./sandbox/confined.js";
import { growth } from "./sandbox/growth.js";

export interface HostSandboxesOptions {
  /** The agent's work directory; the sandboxes are in `sandboxes/<task>`. */
  readonly workDir: string;
  readonly users: Users;
  /** At most 1 GiB within 5 minutes, files by the rights of the task's user, unless given. */
  readonly artifacts?: Partial<ArtifactLimits>;
}

/** The directories of an agent's tasks. Inside, each belongs to its task's user: whatever is read from it is read as from a stranger. */
export class HostSandboxes implements Sandboxes {
  readonly #root: string;
  /** Artifacts on their way are not in the sandbox: nobody sees them before they were checked. */
  readonly #arriving: string;
  readonly #users: Users;
  readonly #limits: ArtifactLimits;
  readonly #owners = new Map<string, User>();
  #arrivals = 0;

  constructor({ workDir, users, artifacts }: HostSandboxesOptions) {
    this.#root = join(workDir, "sandboxes");
    this.#arriving = join(workDir, "arriving");
    this.#users = users;
    this.#limits = { bytesMax: 2 ** 30, timeoutMs: 300_000, fileRoots: [], ...artifacts };
    // Everybody may pass through to his own, nobody sees what others there are.
    mkdirSync(this.#root, { recursive: true, mode: 0o711 });
    chmodSync(this.#root, 0o711);
  }

  /** Where a task's sandbox is, whether or not it exists. */
  readonly directory = (task: string): string => {
    assert(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/.test(task), "a task id is a file name");
    return join(this.#root, task);
  };

  /** At once, not in the background: it is a part of every launch and takes less than the way to another thread. */
  async create(task: string, asked: string | undefined): Promise<Result<void, LaunchFailure>> {
    const user = this.#users.resolve(asked);
    if (!user.ok) return fail({ reason: "not-allowed", message: user.error });
    const dir = this.directory(task);
    try {
      mkdirSync(dir, { recursive: true, mode: 0o750 });
      const { uid, gid } = user.value;
      if (uid !== process.getuid?.()) chownSync(dir, uid, gid);
      this.#owners.set(task, user.value);
      return ok(undefined);
    } catch (cause) {
      return fail({
        reason: "launch-failed",
        message: `the sandbox cannot be made: ${(cause as Error).message}`,
      });
    }
  }

  async fetch(task: string, artifacts: readonly Artifact[]): Promise<Result<void, LaunchFailure>> {
    const owner = this.#owners.get(task);
    assert(owner !== undefined, "a sandbox is made before artifacts are brought into it");
    for (const artifact of artifacts) {
      const brought = await this.#fetchOne(task, artifact, owner);
      if (!brought.ok) return fail({ reason: "artifact-missing", message: brought.error });
    }
    return ok(undefined);
  }

  async read(
    task: string,
    path: string,
    offset: number,
    length: number,
  ): Promise<Result<SandboxRead, string>> {
    const file = await openFile(this.directory(task), path);
    if (!file.ok) return file;
    return closing(file.value, async (handle) => {
      const { size } = await handle.stat();
      const from = pieceStart(offset, size);
      const bytes = new Uint8Array(Math.min(length, size - from));
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, from);
      return ok({ offset: from, size, bytes: bytes.subarray(0, bytesRead) });
    });
  }

  grown(task: string, path: string, size: number, timeoutMs: number): Promise<void> {
    return growth({ root: this.directory(task), path, size, timeoutMs });
  }

  async list(task: string, path: string): Promise<Result<SandboxEntry[], string>> {
    const dir = await openDirectory(this.directory(task), path);
    if (!dir.ok) return dir;
    return closing(dir.value, async (handle) => {
      const names = (await readdir(inside(handle, "."))).toSorted();
      const prefix = path.split("/").filter((part) => part !== "" && part !== ".");
      const entries: SandboxEntry[] = [];
      for (const name of names) {
        const stat = await lstat(inside(handle, name)).catch(() => undefined);
        if (stat === undefined) continue;
        const kind = stat.isFile() ? "file" : stat.isDirectory() ? "directory" : "other";
        entries.push({ path: [...prefix, name].join("/"), kind, size: stat.size, modifiedAt: stat.mtimeMs });
      }
      return ok(entries);
    });
  }

  async remove(task: string): Promise<void> {
    this.#owners.delete(task);
    await rm(this.directory(task), { recursive: true, force: true, maxRetries: 3 });
  }

  async all(): Promise<string[]> {
    const entries = await readdir(this.#root, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  }

  /** The task has not started: nobody but us changes the sandbox. */
  async #fetchOne(task: string, artifact: Artifact, owner: User): Promise<Result<void, string>> {
    const target = targetOf(artifact);
    if (!target.ok) return target;
    await mkdir(this.#arriving, { recursive: true, mode: 0o700 });
    const arriving = join(this.#arriving, `${task}.${++this.#arrivals}`);
    try {
      await rm(arriving, { force: true });
      const brought = await bring(artifact, arriving, owner, this.#limits);
      if (!brought.ok) return brought;
      await chmod(arriving, artifact.executable ? 0o755 : 0o644);
      await this.#give(arriving, owner);
      await rename(arriving, await this.#place(task, target.value, owner));
      return ok(undefined);
    } catch (cause) {
      return fail(`artifact ${target.value.join("/")}: ${(cause as Error).message}`);
    } finally {
      await rm(arriving, { force: true });
    }
  }

  /** Makes the directories above it. */
  async #place(task: string, components: readonly string[], owner: User): Promise<string> {
    let dir = this.directory(task);
    for (const name of components.slice(0, -1)) {
      dir = join(dir, name);
      if ((await mkdir(dir, { recursive: true, mode: 0o750 })) !== undefined) await this.#give(dir, owner);
    }
    return join(dir, components.at(-1)!);
  }

  async #give(path: string, { uid, gid }: User): Promise<void> {
    if (uid !== process.getuid?.()) await chown(path, uid, gid);
  }
}

async function closing<T>(
  handle: FileHandle,
  work: (handle: FileHandle) => Promise<Result<T, string>>,
): Promise<Result<T, string>> {
  try {
    return await work(handle);
  } catch (cause) {
    return fail((cause as Error).message);
  } finally {
    await handle.close();
  }
}
