import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Child, startChild } from "./child.js";
import { eventually } from "./eventually.js";
import { freePorts, toolPath } from "./tools.js";

export interface NatsServer {
  readonly url: string;
  /** Ends it as an operator would, and removes its data. */
  stop(): Promise<void>;
  /** As if the machine lost power: data stays. */
  kill(): Promise<void>;
  /** On the same port with the same data, after `kill`. */
  restart(): Promise<void>;
}

/** A private nats-server with JetStream on a port of its own. `configuration`: text of a configuration file. */
export async function startNats({ configuration = "" } = {}): Promise<NatsServer> {
  const directory = mkdtempSync(join(tmpdir(), "emporion-nats-"));
  const argv = ["-a", "127.0.0.1", "-js", "-sd", directory, "--ports_file_dir", directory];
  if (configuration !== "") {
    const path = join(directory, "nats.conf");
    writeFileSync(path, configuration);
    argv.push("-c", path);
  }
  const [port] = await freePorts(1);
  let server = await start(directory, [...argv, "-p", String(port)]);
  return {
    url: `nats://127.0.0.1:${port}`,
    async stop() {
      await server.end("SIGTERM");
      rmSync(directory, { recursive: true, force: true });
    },
    kill: () => server.end("SIGKILL"),
    async restart() {
      removePortsFiles(directory);
      server = await start(directory, [...argv, "-p", String(port)]);
    },
  };
}

async function start(directory: string, argv: readonly string[]): Promise<Child> {
  const server = startChild(toolPath("nats"), argv);
  await eventually("nats-server to listen", () => {
    if (server.process.exitCode !== null) throw new Error(`nats-server ended: ${server.output()}`);
    return portsFiles(directory).some((path) => readFileSync(path, "utf8").includes("nats://"));
  });
  return server;
}

const portsFiles = (directory: string): string[] =>
  readdirSync(directory)
    .filter((name) => name.endsWith(".ports"))
    .map((name) => join(directory, name));

const removePortsFiles = (directory: string): void => {
  for (const path of portsFiles(directory)) rmSync(path);
};
