import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Child, startChild } from "./child.js";
import { eventually } from "./eventually.js";
import { freePorts, toolPath } from "./tools.js";

export interface NatsServer {
  readonly url: string;
  readonly pid: number;
  /** Ends it as an operator would, and removes its data. */
  stop(): Promise<void>;
  /** As if the machine lost power: data stays. */
  kill(): Promise<void>;
  /** On the same port with the same data, after `kill`. */
  restart(): Promise<void>;
  /** Gives it another configuration while it runs. */
  reload(configuration: string): Promise<void>;
}

export interface NatsServerOptions {
  /** Text of a configuration file. */
  readonly configuration?: string;
  /** Further ones of its command line. */
  readonly flags?: readonly string[];
}

/** A private nats-server with JetStream on a port of its own. */
export async function startNats({
  configuration = "",
  flags = [],
}: NatsServerOptions = {}): Promise<NatsServer> {
  const directory = mkdtempSync(join(tmpdir(), "emporion-nats-"));
  const argv = ["-a", "127.0.0.1", "-js", "-sd", directory, "--ports_file_dir", directory, ...flags];
  const path = join(directory, "nats.conf");
  if (configuration !== "") {
    writeFileSync(path, configuration);
    argv.push("-c", path);
  }
  const [port] = await freePorts(1);
  let server = await start(directory, [...argv, "-p", String(port)]);
  return {
    url: `nats://127.0.0.1:${port}`,
    get pid() {
      return server.process.pid!;
    },
    async stop() {
      await server.end("SIGTERM");
      rmSync(directory, { recursive: true, force: true });
    },
    async reload(text) {
      writeFileSync(path, text);
      server.process.kill("SIGHUP");
      await eventually("the new configuration", () =>
        server.output().includes("Reloaded server configuration"),
      );
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
    return portsFiles(directory).some((path) => /(nats|tls):\/\//.test(readFileSync(path, "utf8")));
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
