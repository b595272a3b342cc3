import { constants } from "node:fs";
import { type FileHandle, lstat, open } from "node:fs/promises";
import { fail, ok, type Result } from "#protocol/result.js";

/**
 * Opens files of a directory whose content belongs to somebody who may be hostile. Each component of the path is opened
 * from its parent's open directory (/proc/self/fd/<n>/<name>, what openat does) and without following links, so that nothing that
 * is swapped meanwhile leads outside.
 */
const { O_RDONLY, O_NOFOLLOW, O_DIRECTORY, O_NONBLOCK } = constants;

/** The components of a path below a directory; failure in words for one that is not. The directory itself has none. */
export function componentsOf(path: string): Result<string[], string> {
  if (path.startsWith("/")) return fail(`${path}: paths are relative to the sandbox`);
  if (path.includes("\0")) return fail("a path has no NUL character");
  const components = path.split("/").filter((component) => component !== "" && component !== ".");
  return components.includes("..") ? fail(`${path}: outside the sandbox`) : ok(components);
}

/** The caller closes it. */
export async function openDirectory(root: string, path: string): Promise<Result<FileHandle, string>> {
  const components = componentsOf(path);
  if (!components.ok) return components;
  let dir = await open(root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW).catch(wordsFor(path));
  for (const name of components.value) {
    if (typeof dir === "string") return fail(dir);
    const parent = dir;
    dir = await open(inside(parent, name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW).catch(wordsFor(path));
    await parent.close();
  }
  return typeof dir === "string" ? fail(dir) : ok(dir);
}

/**
 * A regular file, to be read. The caller closes it. Looked at before it is opened, as opening a device may do something, and
 * once more when it is open. A second name is refused unless the file belongs to the owner of the directory: it may be somebody
 * else's file, put there by a hard link.
 */
export async function openFile(root: string, path: string): Promise<Result<FileHandle, string>> {
  const components = componentsOf(path);
  if (!components.ok) return components;
  const name = components.value.pop();
  if (name === undefined) return fail(`${path || "."}: is a directory`);
  const dir = await openDirectory(root, components.value.join("/"));
  if (!dir.ok) return fail(dir.error);
  try {
    const place = inside(dir.value, name);
    const { uid: owner } = await lstat(root);
    const seen = await lstat(place).catch(wordsFor(path));
    if (typeof seen === "string") return fail(seen);
    if (!seen.isFile()) return fail(`${path}: not a regular file`);
    const file = await open(place, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch(wordsFor(path));
    if (typeof file === "string") return fail(file);
    const stat = await file.stat();
    if (stat.isFile() && (stat.nlink === 1 || stat.uid === owner)) return ok(file);
    await file.close();
    return fail(`${path}: ${stat.isFile() ? "a file of another user" : "not a regular file"}`);
  } finally {
    await dir.value.close();
  }
}

/** A name of an open directory, whatever its path leads to by now. */
export const inside = (dir: FileHandle, name: string): string => `/proc/self/fd/${dir.fd}/${name}`;

const wordsFor =
  (path: string) =>
  ({ code, message }: NodeJS.ErrnoException): string => {
    const shown = path || ".";
    if (code === "ENOENT") return `${shown}: no such file`;
    if (code === "ELOOP") return `${shown}: links are not followed`;
    if (code === "ENOTDIR") return `${shown}: not a directory, or a link`;
    return `${shown}: ${message}`;
  };
