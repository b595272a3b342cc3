import { accessSync, constants, readdirSync, readFileSync, realpathSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { jdkMatches } from "#libs/core/fits.js";
import type { ExecutorInfo } from "#protocol/offer.js";

export type Jdk = NonNullable<ExecutorInfo["jdks"]>[number];

export interface JdkPlaces {
  /** Directories that hold JDKs, or are one. */
  readonly roots: readonly string[];
  readonly javaHome?: string | undefined;
  readonly path?: string | undefined;
}

/** Where distributions put them. */
export const usualRoots: readonly string[] = [
  "/usr/lib/jvm",
  "/opt/java",
  "/Library/Java/JavaVirtualMachines",
];

/** Every JDK once, the latest first. Told by its `release` file: no JVM is started for it. */
export function findJdks({ roots, javaHome, path = "" }: JdkPlaces): Jdk[] {
  const places = [
    ...roots.flatMap((root) => [root, ...childrenOf(root)]),
    ...(javaHome ? [javaHome] : []),
    ...path.split(delimiter).flatMap(homeOfJava),
  ];
  const homes = new Set(places.flatMap((place) => realPath(place) ?? []));
  return [...homes].flatMap((home) => readJdk(home) ?? []).toSorted(latestFirst);
}

/** The latest that is asked for: `17`, `>=21`, or any. */
export const chooseJdk = (jdks: readonly Jdk[], asked: string | undefined): Jdk | undefined =>
  jdks.toSorted(latestFirst).find(({ release }) => asked === undefined || jdkMatches(asked, release));

function readJdk(home: string): Jdk | undefined {
  try {
    accessSync(join(home, "bin", "java"), constants.X_OK);
    const release = readFileSync(join(home, "release"), "utf8");
    const value = (name: string) => new RegExp(`^${name}="?([^"\\n]*)"?$`, "m").exec(release)?.[1];
    const version = value("JAVA_VERSION");
    const feature = featureRelease(version);
    if (version === undefined || feature === undefined) return undefined;
    return { release: feature, version, vendor: value("IMPLEMENTOR") ?? "unknown", home };
  } catch {
    return undefined;
  }
}

/** `17.0.15` is 17; up to Java 8 it was `1.8.0_402`. */
function featureRelease(version = ""): number | undefined {
  const number = /^(?:1\.)?([0-9]+)/.exec(version)?.[1];
  return number === undefined ? undefined : Number(number);
}

const latestFirst = (a: Jdk, b: Jdk): number =>
  b.release - a.release ||
  b.version.localeCompare(a.version, "en", { numeric: true }) ||
  (a.home < b.home ? -1 : 1);

function childrenOf(root: string): string[] {
  try {
    return readdirSync(root).map((name) => join(root, name));
  } catch {
    return [];
  }
}

function homeOfJava(dir: string): string[] {
  const java = dir === "" ? undefined : realPath(join(dir, "java"));
  return java === undefined ? [] : [dirname(dirname(java))];
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
