import { mkdtempSync, chmodSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { buildBusyboxImage } from "#setup/image.mjs";
import { buildDemoJar } from "#setup/jar.mjs";
import { readTools, ROOT } from "#setup/tools.mjs";
import { buildProgramJar } from "#test/support/program-jar.js";

/** What the tests run on the cluster's executors. */
export interface Work {
  /** Name of an image with busybox in it. */
  readonly image: string;
  /** URI of the demo's JAR. */
  readonly jar: string;
  /** URI of the demo's web service. */
  readonly web: string;
  /** URI of a JAR that `await FILE CODE` makes end with the code when the file is there. */
  readonly program: string;
}

export async function prepareWork(dockerSocket: string): Promise<Work> {
  const tools = readTools();
  if (tools.busybox.path === undefined) throw new Error(`no busybox: ${tools.busybox.reason}`);
  const { image } = await buildBusyboxImage({ socket: dockerSocket, busybox: tools.busybox.path });
  const javac = tools.jdks.find((jdk) => jdk.javac !== undefined)?.javac;
  const outDir = mkdtempSync(join(tmpdir(), "emporion-jar-"));
  // Tasks run as nobody, who may bring only what he may read.
  chmodSync(outDir, 0o755);
  const jar = await buildDemoJar({ javac, outDir });
  const compiler = tools.jdks.find((jdk) => jdk.javac !== undefined && jdk.major >= 17);
  if (compiler === undefined) throw new Error("no JDK 17 or later with a compiler");
  return {
    image,
    jar: pathToFileURL(jar).href,
    program: pathToFileURL(buildProgramJar(compiler.home, outDir)).href,
    web: pathToFileURL(join(ROOT, "services/local/demo/web.mjs")).href,
  };
}

/** Definitions, small in resources so that many fit. */
export const small = { cpus: 0.02, mem: 32 };

export const sleeper = (id: string, instances: number) => ({
  id,
  cmd: "exec sleep 1000",
  instances,
  ...small,
  portDefinitions: [],
});

export const webApp = (id: string, instances: number, { web }: Work) => ({
  id,
  cmd: `exec '${process.execPath}' web.mjs`,
  fetch: [{ uri: web }],
  instances,
  cpus: 0.05,
  mem: 96,
  healthChecks: [
    {
      protocol: "HTTP",
      path: "/health",
      gracePeriodSeconds: 20,
      intervalSeconds: 0.5,
      timeoutSeconds: 1,
      maxConsecutiveFailures: 3,
    },
  ],
});

export const boxApp = (id: string, instances: number, { image }: Work) => ({
  id,
  cmd: 'mkdir -p /tmp/www && echo "$EMPORION_TASK_ID" > /tmp/www/index.html && echo started && exec httpd -f -p 8000 -h /tmp/www',
  container: { type: "DOCKER", docker: { image }, portMappings: [{ containerPort: 8000 }] },
  networks: [{ mode: "container/bridge" }],
  instances,
  ...small,
});

export const jarApp = (id: string, instances: number, { jar }: Work) => ({
  id,
  jvm: { jar: "demo.jar" },
  fetch: [{ uri: jar, path: "demo.jar" }],
  instances,
  cpus: 0.1,
  mem: 192,
});
