// A build context for services/Dockerfile that brings packages and build along, so that the image is built without a network.
import { cpSync, existsSync, mkdirSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { ensureBuild } from "./build.mjs";
import { ensurePackages } from "./install.mjs";
import { ROOT } from "./tools.mjs";

const FILES = ["package.json", "package-lock.json", ".npmrc", "LICENSE", "services/Dockerfile"];
/** Of the build; `test` stays behind. */
const BUILT = ["protocol", "libs", "services"];
/** Looked for by the Dockerfile. */
const MARKER = ".staged";
/** By nobody who runs it: types, and the maps and words of others. Half of all files, and files are what takes time. */
const unread = /\.d\.[cm]?ts$|\/node_modules\/.*\.(map|md|markdown|[cm]?ts)$/;

/** Declared in stage.d.mts. */
export async function stage(into, root = ROOT) {
  await rm(into, { recursive: true, force: true });
  const lock = JSON.parse(await readFile(join(root, "package-lock.json"), "utf8"));
  const paths = [
    ...FILES,
    ...BUILT.map((name) => join(".build", name)),
    "services/cli/emporion.mjs",
    ...productionPackages(lock).filter((path) => existsSync(join(root, path))),
  ];
  for (const path of paths) copy(join(root, path), join(into, path));
  await writeFile(join(into, MARKER), "");
}

/** Directories of the packages that run. */
export function productionPackages({ packages }) {
  return Object.entries(packages)
    .filter(([path, { dev }]) => path !== "" && dev !== true)
    .map(([path]) => path);
}

/** A package's own packages are entries of the lock file: not all of them are for production. */
function copy(from, to) {
  mkdirSync(join(to, ".."), { recursive: true });
  const own = join(from, "node_modules");
  // Waiting for each of thousands of files cost four times the processor time.
  cpSync(from, to, { recursive: true, filter: (path) => path !== own && !unread.test(path) });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const into = resolve(process.argv[2] ?? join(ROOT, ".stage"));
  console.log(await ensurePackages(ROOT));
  console.log(await ensureBuild(ROOT));
  await stage(into);
  console.log(`staged in ${into}: docker build -f services/Dockerfile -t emporion:local ${into}`);
}
