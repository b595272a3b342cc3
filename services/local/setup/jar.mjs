// The demo's JVM service: compiled where there is a compiler, else the JAR kept in the tree.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { runOrThrow } from "./run.mjs";
import { ROOT } from "./tools.mjs";

const SOURCE = join(ROOT, "services", "local", "demo", "DemoJar.java");
const KEPT = join(ROOT, "services", "local", "demo", "demo.jar");

/** Declared in jar.d.mts. */
export async function buildDemoJar({ javac, outDir, log = () => {} }) {
  const packer = javac === undefined ? undefined : join(dirname(javac), "jar");
  if (packer === undefined || !existsSync(packer)) return KEPT;
  const jar = join(outDir, "demo.jar");
  const stamp = join(outDir, "demo.jar.source");
  const source = createHash("sha256")
    .update(await readFile(SOURCE))
    .digest("hex");
  if (existsSync(jar) && (await readFile(stamp, "utf8").catch(() => "")) === source) return jar;
  try {
    await compile({ javac, packer, outDir, jar });
    await writeFile(stamp, source);
    return jar;
  } catch (error) {
    // A compiler older than 11, or half a JDK.
    log(`the demo's JAR could not be built, the one kept in the tree is used: ${error.message}`);
    return KEPT;
  }
}

async function compile({ javac, packer, outDir, jar }) {
  const classes = join(outDir, `classes.${process.pid}`);
  const draft = `${jar}.${process.pid}`;
  await mkdir(classes, { recursive: true });
  try {
    await runOrThrow(javac, ["--release", "11", "-d", classes, SOURCE]);
    await runOrThrow(packer, ["--create", "--file", draft, "--main-class", "DemoJar", "-C", classes, "."]);
    await rename(draft, jar);
  } finally {
    await rm(classes, { recursive: true, force: true });
    await rm(draft, { force: true });
  }
}
