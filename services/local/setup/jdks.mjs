import { existsSync } from "node:fs";
import { readFile, readdir, realpath } from "node:fs/promises";
import { dirname, join } from "node:path";
import { compareVersions } from "./versions.mjs";
import { which } from "./run.mjs";

/**
 * Every Java on this machine, newest first, known by the `release` file in its home.
 * @returns {Promise<{home: string, version: string, major: number, vendor: string, java: string, javac?: string}[]>}
 */
export async function findJdks() {
  const homes = [
    process.env.JAVA_HOME,
    await homeOnPath(),
    ...(await childrenOf("/usr/lib/jvm")),
    ...(await childrenOf("/usr/java")),
    ...(await childrenOf("/opt")),
    ...(await childrenOf(join(process.env.HOME ?? "/root", ".sdkman/candidates/java"))),
  ].filter((home) => home !== undefined && home !== "");
  const real = await Promise.all(homes.map((home) => realpath(home).catch(() => undefined)));
  const found = await Promise.all([...new Set(real)].map(readJdk));
  return found.filter((jdk) => jdk !== undefined).toSorted((a, b) => compareVersions(b.version, a.version));
}

async function readJdk(home) {
  if (home === undefined) return undefined;
  const text = await readFile(join(home, "release"), "utf8").catch(() => "");
  const field = (name) => new RegExp(`^${name}="([^"]*)"`, "m").exec(text)?.[1];
  const version = field("JAVA_VERSION");
  const java = join(home, "bin", "java");
  if (version === undefined || !existsSync(java)) return undefined;
  const javac = join(home, "bin", "javac");
  return {
    home,
    version,
    major: majorOf(version),
    vendor: field("IMPLEMENTOR") ?? "unknown",
    java,
    ...(existsSync(javac) ? { javac } : {}),
  };
}

/** "17.0.15" → 17; "1.8.0_412" → 8 */
function majorOf(version) {
  const [first = "0", second = "0"] = version.split(".");
  return Number.parseInt(first === "1" ? second : first, 10);
}

async function homeOnPath() {
  const java = await which("java");
  return java === undefined ? undefined : dirname(dirname(await realpath(java)));
}

async function childrenOf(dir) {
  return (await readdir(dir).catch(() => [])).map((name) => join(dir, name));
}
