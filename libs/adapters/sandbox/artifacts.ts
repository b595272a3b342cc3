import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open, realpath } from "node:fs/promises";
import { basename, sep } from "node:path";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { closedAbove, isAllowed } from "#libs/adapters/process/permissions.js";
import type { User } from "#libs/adapters/process/users.js";
import { fail, ok, type Result } from "#protocol/result.js";
import type { Artifact } from "#protocol/task.js";
import { componentsOf } from "./confined.js";

export interface ArtifactLimits {
  /** Of one artifact. */
  readonly bytesMax: number;
  readonly timeoutMs: number;
  /** Files below these may be taken by every task; others only by one whose user may read them. */
  readonly fileRoots: readonly string[];
}

/** Names that the outputs have. */
const reserved = new Set(["stdout", "stderr"]);

/** Where the artifact goes, as components below the sandbox. */
export function targetOf({ uri, path }: Artifact): Result<string[], string> {
  const url = parseUrl(uri);
  if (url === undefined) return fail(`${shown(uri)}: not a URI`);
  const components = componentsOf(path ?? decode(basename(url.pathname)));
  if (!components.ok) return fail(`artifact ${shown(uri)}: ${components.error}`);
  const name = components.value.join("/");
  if (name === "") return fail(`artifact ${shown(uri)}: give it a path, its URI has none`);
  if (reserved.has(name)) return fail(`artifact ${shown(uri)}: ${name} is the task's output`);
  return components;
}

/** Writes the content to a new file, and says in words what is wrong with it. */
export async function bring(
  { uri, sha256 }: Artifact,
  to: string,
  user: User,
  limits: ArtifactLimits,
): Promise<Result<void, string>> {
  const signal = AbortSignal.timeout(limits.timeoutMs);
  const target = await open(to, "wx", 0o600);
  try {
    const url = new URL(uri);
    const source =
      url.protocol === "file:" ? await readLocal(url, user, limits) : await readRemote(url, signal);
    if (!source.ok) return fail(`artifact ${shown(uri)}: ${source.error}`);
    const hash = createHash("sha256");
    let size = 0;
    for await (const piece of source.value) {
      signal.throwIfAborted();
      const bytes = piece as Uint8Array;
      size += bytes.length;
      if (size > limits.bytesMax) {
        source.value.destroy();
        return fail(`artifact ${shown(uri)}: larger than ${limits.bytesMax} bytes, which is the most`);
      }
      hash.update(bytes);
      await target.writeFile(bytes);
    }
    const found = hash.digest("hex");
    if (sha256 !== undefined && found !== sha256)
      return fail(`artifact ${shown(uri)}: sha256 is ${found}, expected ${sha256}`);
    return ok(undefined);
  } catch (cause) {
    if (signal.aborted) return fail(`artifact ${shown(uri)}: not there within ${limits.timeoutMs} ms`);
    return fail(`artifact ${shown(uri)}: ${words(cause)}`);
  } finally {
    await target.close();
  }
}

/** The agent may read more than the task: what it hands on is what the task's user could have read himself. */
async function readLocal(
  url: URL,
  user: User,
  { fileRoots }: ArtifactLimits,
): Promise<Result<Readable, string>> {
  const named = fileURLToPath(url);
  const path = await realpath(named).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT" || cause.code === "ENOTDIR") return undefined;
    throw cause;
  });
  if (path === undefined) return fail(`no such file on the agent's host (looked for at ${named})`);
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  const seen = await file.stat();
  const fault = seen.isFile()
    ? below(path, fileRoots) || (isAllowed("read", seen, user) && closedAbove(path, user) === undefined)
      ? undefined
      : `user ${user.name} may not read it`
    : "not a regular file";
  if (fault === undefined) return ok(file.createReadStream());
  await file.close();
  return fail(fault);
}

async function readRemote(url: URL, signal: AbortSignal): Promise<Result<Readable, string>> {
  const { username, password } = url;
  const headers: Record<string, string> = {};
  if (username !== "") {
    headers["authorization"] =
      `Basic ${Buffer.from(`${decode(username)}:${decode(password)}`).toString("base64")}`;
    url.username = url.password = "";
  }
  const response = await fetch(url, { signal, headers });
  if (!response.ok) {
    await response.body?.cancel();
    return fail(`HTTP ${response.status} ${response.statusText}`.trim());
  }
  return ok(response.body === null ? Readable.from([]) : Readable.fromWeb(response.body));
}

const below = (path: string, roots: readonly string[]): boolean =>
  roots.some((root) => path.startsWith(root.endsWith(sep) ? root : root + sep));

/** Without what may be secret in it. */
function shown(uri: string): string {
  const url = parseUrl(uri);
  return url === undefined ? uri : `${url.protocol}//${url.host}${url.pathname}`;
}

function parseUrl(uri: string): URL | undefined {
  return URL.canParse(uri) ? new URL(uri) : undefined;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** fetch says only "fetch failed"; the reason is below it. */
function words(cause: unknown): string {
  const { message, cause: below } = cause as Error;
  return below instanceof Error ? `${message}: ${below.message}` : message;
}
