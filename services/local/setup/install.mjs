import { readFile, utimes } from "node:fs/promises";
import { statSync } from "node:fs";
import { join } from "node:path";
import { run, SetupError } from "./run.mjs";

/** Makes node_modules what package-lock.json says. @returns a line for the user. */
export async function ensurePackages(root) {
  if (await packagesAreCurrent(root)) return "node_modules as locked";
  const startedAt = Date.now();
  const { command, args } = npm();
  // --include=dev: the compiler is among them, also where NODE_ENV says production.
  // --ignore-scripts: nothing we use needs an install script, so none gets to run.
  const result = await run(
    command,
    [...args, "ci", "--ignore-scripts", "--include=dev", "--prefer-offline", "--no-audit", "--no-fund"],
    { cwd: root, env: { ...process.env, npm_config_ignore_scripts: "true" } },
  );
  if (result.code !== 0) throw new SetupError(`npm ci failed:\n${faultOf(result.stderr || result.stdout)}`);
  return `npm ci took ${((Date.now() - startedAt) / 1000).toFixed(1)} s`;
}

/** npm ends its words with how to use it; the fault stands at their beginning, among warnings. */
function faultOf(text) {
  const lines = text
    .split("\n")
    .filter((line) => !line.startsWith("npm warn") && !/^npm error\s*$/.test(line));
  return lines.slice(0, 15).join("\n");
}

/** The npm that runs us, else the one on PATH. */
function npm() {
  const script = process.env.npm_execpath;
  const isNpm = script !== undefined && /npm(-cli)?\.c?js$/.test(script);
  return isNpm ? { command: process.execPath, args: [script] } : { command: "npm", args: [] };
}

async function packagesAreCurrent(root) {
  // npm writes this file last, so an installation that was killed does not have it.
  const installed = join(root, "node_modules", ".package-lock.json");
  const lock = join(root, "package-lock.json");
  const installedAt = modifiedAt(installed);
  if (installedAt === undefined) return false;
  const lockedAt = modifiedAt(lock);
  if (lockedAt === undefined || lockedAt <= installedAt) return true;
  // A checkout touches the lock file without changing what it asks for.
  const same = sameInstallation(await readJson(lock), await readJson(installed));
  if (same) await utimes(installed, new Date(), new Date());
  return same;
}

/** Whether every package of the lock file stands installed in its version; an optional one may be absent. */
export function sameInstallation(lock, installed) {
  const wanted = Object.entries(lock.packages ?? {}).filter(([path]) => path !== "");
  const there = installed.packages ?? {};
  const allThere = wanted.every(([path, entry]) => {
    const found = there[path];
    return found === undefined ? entry.optional === true : found.version === entry.version;
  });
  return allThere && Object.keys(there).every((path) => lock.packages[path] !== undefined);
}

function modifiedAt(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs;
}

async function readJson(path) {
  return JSON.parse(await readFile(path, "utf8").catch(() => "{}"));
}
