import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";

/** Where a server's binary is: named by the environment, found by the set-up, or on PATH. Throws when it is nowhere. */
export function toolPath(tool: "nats" | "consul"): string {
  const binary = tool === "nats" ? "nats-server" : "consul";
  const named = process.env[tool === "nats" ? "NATS_SERVER" : "CONSUL_BINARY"];
  const found = named ?? fetched(tool) ?? onPath(binary);
  if (found === undefined)
    throw new Error(`no ${binary}: neither in .tools/ nor on PATH; run \`npm test\`, which fetches it`);
  return found;
}

function fetched(tool: string): string | undefined {
  const list = join(process.cwd(), ".tools", "tools.json");
  if (!existsSync(list)) return undefined;
  const { [tool]: entry } = JSON.parse(readFileSync(list, "utf8")) as Record<string, { path?: string }>;
  return entry?.path !== undefined && existsSync(entry.path) ? entry.path : undefined;
}

const onPath = (binary: string): string | undefined =>
  (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((directory) => join(directory, binary))
    .find((path) => existsSync(path));

/** Ports of 127.0.0.1 that nobody listens on now. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, listening));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((closed) => void server.close(closed))));
  return ports;
}

const listening = (): Promise<ReturnType<typeof createServer>> =>
  new Promise((ready, failed) => {
    const server = createServer().once("error", failed);
    server.listen(0, "127.0.0.1", () => ready(server));
  });
