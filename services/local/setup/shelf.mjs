// .tools/<name>/ holds one fetched tool. It appears there whole or not at all: it is made in .tools/.tmp/ and renamed.
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** @param {string} dir the directory .tools of the project */
export function openShelf(dir) {
  const draftsDir = join(dir, ".tmp");
  return {
    dir,
    draftsDir,
    /** Where the tool is and what `put` noted about it, or undefined. */
    async get(name) {
      const home = join(dir, name);
      const note = await readFile(join(home, ".origin.json"), "utf8").catch(() => undefined);
      return note === undefined ? undefined : { home, ...parseNote(note) };
    },
    /** Runs `fill` on an empty directory and keeps it under `name`; what `fill` returns is noted with it. */
    async put(name, fill) {
      const draft = join(draftsDir, name);
      const home = join(dir, name);
      await rm(draft, { recursive: true, force: true });
      await mkdir(draft, { recursive: true });
      const note = await fill(draft);
      await writeFile(join(draft, ".origin.json"), `${JSON.stringify(note)}\n`);
      await rm(home, { recursive: true, force: true });
      await rename(draft, home);
      return { home, ...note };
    },
    /** Leftovers of a set-up that was killed; only under the lock. */
    async sweep() {
      await rm(draftsDir, { recursive: true, force: true });
    },
  };
}

function parseNote(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
