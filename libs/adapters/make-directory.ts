import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Makes it with all above it; nothing when it is there. Node's own recursive mkdir never ends where directories cannot be made (/proc).
 *
 * @param mode of those that are made
 * @throws Error in words, when a file is in its place, or the system's
 */
export function makeDirectory(path: string, mode = 0o777): void {
  try {
    mkdirSync(path, { mode });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "EEXIST") return expectDirectory(path);
    if ((code !== "ENOENT" && code !== "ENOTDIR") || dirname(path) === path) throw cause;
    makeDirectory(dirname(path), mode);
    mkdirSync(path, { mode });
  }
}

function expectDirectory(path: string): void {
  if (!statSync(path).isDirectory()) throw new Error(`${path} is a file, not a directory`);
}
