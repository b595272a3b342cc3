import { readFileSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The root of the project: three directories above this file. */
export const ROOT = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));

export const toolsFile = (root = ROOT) => join(root, ".tools", "tools.json");

/** What the set-up found. Throws when it has not run. */
export function readTools(root = ROOT) {
  try {
    return JSON.parse(readFileSync(toolsFile(root), "utf8"));
  } catch (error) {
    throw new Error(
      `${toolsFile(root)}: run npm start or npm test first, which write it (${error.message})`,
      { cause: error },
    );
  }
}

/** Readable by its owner only: the address of a server may hold a password. */
export async function writeTools(tools, root = ROOT) {
  const path = toolsFile(root);
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, `${JSON.stringify(tools, null, 2)}\n`, { mode: 0o600 });
  await rename(draft, path);
}
