import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "#setup/tools.mjs";
import { type Child, startChild } from "#test/support/child.js";
import { eventually } from "#test/support/eventually.js";
import { Api } from "./api.js";

export interface Services {
  readonly api: Api;
  readonly workDir: string;
  end(): Promise<void>;
}

/** A process of a service as it was built, without a registry, on the servers that are named. */
export const startService = (
  name: string,
  natsUrls: readonly string[],
  env: Record<string, string> = {},
): Child =>
  startChild(process.execPath, [join(ROOT, ".build/services", name, "main.js")], {
    PATH: process.env["PATH"] ?? "",
    NATS_URL: natsUrls.join(","),
    EMPORION_CONSUL: "off",
    EMPORION_CLUSTER_KEY: "0123456789abcdef0123456789abcdef",
    ...env,
  });

/** One of each service, without a supervisor, a registry or an engine, on the servers that are named. */
export async function startServices(
  natsUrls: readonly string[],
  env: Record<string, string>,
): Promise<Services> {
  const workDir = mkdtempSync(join(tmpdir(), "emporion-"));
  const start = (name: string, more: Record<string, string> = {}): Child =>
    startService(name, natsUrls, { ...env, ...more });
  const children = [
    start("master"),
    start("apps"),
    start("jobs"),
    start("agent", {
      EMPORION_AGENT_ID: "agent-a",
      EMPORION_AGENT_HOST: "127.0.0.1",
      EMPORION_AGENT_WORK_DIR: workDir,
      EMPORION_AGENT_KILL_ON_STOP: "true",
      EMPORION_AGENT_PORTS: "20000-20099",
      EMPORION_DOCKER: "off",
    }),
  ];
  const gateway = start("gateway", { EMPORION_GATEWAY_PORT: "0" });
  const url = await eventually(
    "the gateway to listen",
    () => /"address":"(http:[^"]+)"/.exec(gateway.output())?.[1],
    60_000,
  );
  return {
    api: new Api(url),
    workDir,
    async end() {
      await Promise.all([...children, gateway].map((child) => child.end("SIGTERM")));
      rmSync(workDir, { recursive: true, force: true });
    },
  };
}
