import { createHash } from "node:crypto";
import { readdirSync, statSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { lastLines, run, SetupError } from "./run.mjs";

const SOURCE_DIRS = ["protocol", "libs", "services", "test"];
const SETTINGS = ["tsconfig.json", "package.json", "package-lock.json"];
const OUTPUTS = [".js", ".js.map", ".d.ts"];

/** Brings .build up to the sources. @returns a line for the user; throws with the compiler's words. */
export async function ensureBuild(root) {
  const out = join(root, ".build");
  const stamp = join(out, ".stamp");
  const sources = listFiles(root, SOURCE_DIRS).filter((path) => path.endsWith(".ts"));
  const wanted = fingerprint(statAll(root, [...sources, ...SETTINGS]));
  const isCurrent = (await readFile(stamp, "utf8").catch(() => "")) === wanted;
  if (isCurrent) return `${sources.length} sources, build is current`;

  const startedAt = Date.now();
  await rm(stamp, { force: true });
  const stale = staleOutputs(sources, listFiles(out, SOURCE_DIRS));
  await Promise.all(stale.map((path) => rm(join(out, path), { force: true })));
  await compile(root);
  await mkdir(out, { recursive: true });
  // The fingerprint was taken before the compiler ran: what was edited meanwhile is compiled the next time.
  await writeFile(stamp, wanted);
  return `${sources.length} sources built in ${((Date.now() - startedAt) / 1000).toFixed(1)} s`;
}

async function compile(root) {
  const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
  const result = await run(process.execPath, [compiler, "-p", "."], { cwd: root });
  if (result.code !== 0)
    throw new SetupError(`the build failed:\n${lastLines(result.stdout + result.stderr, 30)}`);
}

/** Changes whenever a source is added, removed or written: sizes and times, not contents, so that it costs milliseconds. */
export function fingerprint(files) {
  const lines = files.map(({ path, size, mtimeMs }) => `${path} ${size} ${mtimeMs}`).toSorted();
  return createHash("sha256").update(lines.join("\n")).digest("hex");
}

/** What the compiler once wrote for sources that are gone. Paths are relative to the root and to .build. */
export function staleOutputs(sources, outputs) {
  const kept = new Set(sources.map((path) => path.replace(/\.ts$/, "")));
  return outputs.filter((path) => {
    const ending = OUTPUTS.toSorted((a, b) => b.length - a.length).find((end) => path.endsWith(end));
    return ending !== undefined && !kept.has(path.slice(0, -ending.length));
  });
}

function statAll(root, paths) {
  return paths.flatMap((path) => {
    const info = statSync(join(root, path), { throwIfNoEntry: false });
    return info === undefined ? [] : [{ path, size: info.size, mtimeMs: info.mtimeMs }];
  });
}

function listFiles(base, dirs) {
  return dirs.flatMap((dir) => {
    const entries = readEntries(join(base, dir));
    const files = entries.filter((entry) => entry.isFile()).map((entry) => `${dir}/${entry.name}`);
    const folders = entries.filter((entry) => entry.isDirectory() && entry.name !== "node_modules");
    return [
      ...files,
      ...listFiles(
        base,
        folders.map((entry) => `${dir}/${entry.name}`),
      ),
    ];
  });
}

function readEntries(dir) {
  try {
    return readdirSync(dir, { withFileTypes: true });
  } catch (error) {
    if (error.code === "ENOENT") return [];
    throw error;
  }
}
