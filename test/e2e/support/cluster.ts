import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "#setup/tools.mjs";
import { SystemClock } from "#libs/adapters/clock.js";
import { AuthDirectory } from "#libs/adapters/nats/auth/directory.js";
import { type Child, startChild } from "#test/support/child.js";
import { eventually } from "#test/support/eventually.js";
import { Api } from "./api.js";

export interface LocalCluster {
  /** Of the gateway. */
  readonly url: string;
  /** Of the gateways besides. */
  readonly otherUrls: readonly string[];
  readonly api: Api;
  readonly natsUrl: string;
  /** Issues credentials for a framework of one's own; returns their file. */
  credentials(framework: string): string;
  readonly consul: { readonly url: string; readonly dnsPort: number };
  readonly dockerSocket: string;
  readonly data: string;
  /** Of the process under its supervisor: `master`, `agent-a`, `nats`, … */
  pid(name: string): number;
  /** kill -9 of a process of the cluster; kept when its supervisor has started it again. */
  crash(name: string): Promise<void>;
  /** The same, with nobody to start it again meanwhile: its supervisor is stopped. Kept when it has been started again. */
  without(name: string, during: () => Promise<unknown>): Promise<void>;
  output(): string;
  /** kill -9 of the supervisor: what it started goes on without it. */
  kill(): Promise<void>;
  /** Ctrl-C under `npm start`: SIGINT from the terminal, and once more from npm. Kept when it has ended. */
  interrupt(): Promise<void>;
  /** Asks it to end, as a service manager does, and waits until it has. The data stays. */
  end(): Promise<void>;
  /** The same, and the data goes. */
  remove(): Promise<void>;
}

const wall = (): number => new SystemClock().now().wall;

export interface ClusterOptions {
  /** Kept from an earlier cluster; a new directory unless given. */
  readonly data?: string;
  readonly flags?: readonly string[];
  /** Besides that of the tests. */
  readonly env?: Readonly<Record<string, string>>;
  /** With npm and the set-up before it, in a process group of its own, as at a terminal. */
  readonly throughNpm?: boolean;
  /** How long it may take to be ready; 120 s unless given. */
  readonly readyMs?: number;
}

/** A whole cluster, as `npm start -- --empty` makes it, on ports of its own. */
export async function startCluster({
  data = mkdtempSync(join(tmpdir(), "emporion-")),
  flags = ["--empty"],
  env = {},
  throughNpm = false,
  readyMs = 120_000,
}: ClusterOptions = {}): Promise<LocalCluster> {
  const local = (throughNpm ? npmStart : startLocal)(["--data", data, ...anyPorts, ...flags], env);
  const url = await eventually("the cluster to be ready", () => readyUrl(local), readyMs);
  const said = (pattern: RegExp): string => pattern.exec(local.output())?.[1] ?? "";
  const pid = (name: string): number => Number(readFileSync(join(data, "run", `${name}.pid`), "utf8"));
  return {
    url,
    otherUrls: said(/^also\s+(.*), more gateways$/m)
      .split(", ")
      .filter(Boolean),
    api: new Api(url),
    credentials: (id) => AuthDirectory.open(join(data, "keys"), wall).issue({ kind: "framework", id })[0]!,
    natsUrl: said(/^nats\s+(\S+)$/m),
    consul: { url: said(/^consul\s+(http\S+?),/m), dnsPort: Number(said(/^consul.* DNS on port (\d+)$/m)) },
    dockerSocket: said(/^docker\s+(\/\S+)$/m),
    data,
    pid,
    async crash(name) {
      const before = pid(name);
      process.kill(before, "SIGKILL");
      await eventually(`${name} to be started again`, () => pid(name) !== before, 10_000);
    },
    async without(name, during) {
      const before = pid(name);
      local.process.kill("SIGSTOP");
      try {
        process.kill(before, "SIGKILL");
        await during();
      } finally {
        local.process.kill("SIGCONT");
      }
      await eventually(`${name} to be started again`, () => pid(name) !== before, 10_000);
    },
    output: () => local.output(),
    kill: () => local.end("SIGKILL"),
    async interrupt() {
      const ended = local.end("SIGINT");
      if (throughNpm) return ended;
      // Sooner, the two would be one to it.
      await eventually("it to have heard", () => local.output().includes("SIGINT"));
      local.process.kill("SIGINT");
      await ended;
    },
    end: () => local.end("SIGTERM"),
    async remove() {
      await local.end("SIGTERM");
      rmSync(data, { recursive: true, force: true });
    },
  };
}

/** The program behind `npm start`, with these flags. */
export const startLocal = (flags: readonly string[], env: Readonly<Record<string, string>> = {}): Child =>
  startChild(
    process.execPath,
    ["--enable-source-maps", join(ROOT, ".build/services/local/main.js"), ...flags],
    { ...process.env, ...env },
  );

const npmStart = (flags: readonly string[], env: Readonly<Record<string, string>>): Child =>
  startChild("npm", ["start", "--prefix", ROOT, "--", ...flags], { ...process.env, ...env }, { leads: true });

/** Flags that let several clusters run side by side. */
export const anyPorts = [
  "--port",
  "0",
  "--nats-port",
  "0",
  "--consul-port",
  "0",
  "--consul-dns-port",
  "0",
  "--task-ports",
  "0",
];

function readyUrl(local: Child): string | undefined {
  const { exitCode } = local.process;
  if (exitCode !== null) throw new Error(`the cluster ended with exit code ${exitCode}:\n${local.output()}`);
  return /^ready (http:\S+)$/m.exec(local.output())?.[1];
}
