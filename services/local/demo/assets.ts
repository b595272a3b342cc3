import { BUSYBOX_IMAGE, buildBusyboxImage } from "#setup/image.mjs";
import { buildDemoJar } from "#setup/jar.mjs";
import { ROOT, type Tools } from "#setup/tools.mjs";
import { isOpenToAll } from "../open-to-all.js";
import type { DemoOptions } from "./definitions.js";

export interface AssetsOptions {
  readonly tools: Tools;
  readonly dockerSocket: string | undefined;
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

async function demoImage({ tools, dockerSocket, say }: AssetsOptions): Promise<string | undefined> {
  if (dockerSocket === undefined || tools.busybox.path === undefined) {
    const why =
      dockerSocket === undefined
        ? "there is no Docker engine"
        : "there is no static busybox to make its image of";
    say(`/demo/box is left out: ${why}`);
    return undefined;
  }
  try {
    await buildBusyboxImage({ socket: dockerSocket, busybox: tools.busybox.path });
    return BUSYBOX_IMAGE;
  } catch (cause) {
    say(`/demo/box is left out: its image could not be made: ${(cause as Error).message}`);
    return undefined;
  }
}

async function demoJar({ tools, outDir, say }: AssetsOptions): Promise<string | undefined> {
  if (tools.jdks.length === 0) {
    say("/demo/jar is left out: there is no JDK");
    return undefined;
  }
  return buildDemoJar({ javac: tools.jdks.find(({ javac }) => javac !== undefined)?.javac, outDir });
}
