import { BUSYBOX_IMAGE, buildBusyboxImage } from "#setup/image.mjs";
import { buildDemoJar } from "#setup/jar.mjs";
import { ROOT, type Tools } from "#setup/tools.mjs";
import { jdkMatches } from "#libs/core/fits.js";
import type { ExecutorInfo } from "#protocol/offer.js";
import { isOpenToAll } from "../open-to-all.js";
import { type DemoOptions, jarNeeds } from "./definitions.js";

export interface AssetsOptions {
  readonly tools: Tools;
  readonly dockerSocket: string | undefined;
  /** What the agents offer: what none of them can run would wait for ever. */
  readonly offered: readonly ExecutorInfo[];
  readonly outDir: string;
  readonly say: (line: string) => void;
}

/** What the demo runs: an image, a JAR, a node. What cannot be had is said, and its part of the demo left out. */
export async function demoAssets(options: AssetsOptions): Promise<DemoOptions> {
  const [image, jar, everybodyMayRun] = await Promise.all([
    demoImage(options),
    demoJar(options),
    isOpenToAll(process.execPath),
  ]);
  return { root: ROOT, image, jar, node: { path: process.execPath, everybodyMayRun } };
}

async function demoImage({ tools, dockerSocket, offered, say }: AssetsOptions): Promise<string | undefined> {
  const none = (why: string) => {
    say(`/demo/box is left out: ${why}`);
    return undefined;
  };
  if (dockerSocket === undefined) return none("there is no Docker engine");
  if (!offered.some(({ kind }) => kind === "container")) return none("no agent offers containers");
  if (tools.busybox.path === undefined) return none("there is no static busybox to make its image of");
  try {
    await buildBusyboxImage({ socket: dockerSocket, busybox: tools.busybox.path });
    return BUSYBOX_IMAGE;
  } catch (cause) {
    return none(`its image could not be made: ${(cause as Error).message}`);
  }
}

async function demoJar({ tools, offered, outDir, say }: AssetsOptions): Promise<string | undefined> {
  const releases = offered.flatMap(({ jdks = [] }) => jdks.map(({ release }) => release));
  if (!releases.some((release) => jdkMatches(jarNeeds, release))) {
    const found = releases.length === 0 ? "" : `, they have ${[...new Set(releases)].join(", ")}`;
    say(`/demo/jar is left out: no agent offers a JDK ${jarNeeds}${found}`);
    return undefined;
  }
  return buildDemoJar({ javac: tools.jdks.find(({ javac }) => javac !== undefined)?.javac, outDir });
}
