import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import Docker from "dockerode";
import { AuthDirectory } from "#libs/adapters/nats/auth/directory.js";
import { connected } from "#test/support/link.js";
import type { LocalCluster } from "#test/e2e/support/cluster.js";

/** What a cluster on this machine holds. */
export interface Footprint {
  readonly processes: Readonly<Record<string, ProcessFootprint>>;
  /** Directories of tasks, those of ended ones included. */
  readonly sandboxes: number;
  /** Processes with a directory of the agents in their environment: the agents, their shims, their tasks. */
  readonly tasks: number;
  /** Of the engine, ended ones included; those of other clusters too, if it has any. */
  readonly containers: number;
  /** KiB of the logs of all services. */
  readonly logs: number;
  /** Agents' scalars and ports that tasks take. */
  readonly used: number;
  readonly offers: number;
  /** In Consul, but for its own. */
  readonly entries: number;
  /** KiB, of streams and buckets by name. */
  readonly streams: Readonly<Record<string, number>>;
}

export interface ProcessFootprint {
  readonly memoryMiB: number;
  readonly handles: number;
}

interface AgentAnswer {
  readonly used: { readonly scalars: Readonly<Record<string, number>>; readonly ports: readonly unknown[] };
}

export async function footprint(cluster: LocalCluster): Promise<Footprint> {
  const { data, api, consul } = cluster;
  const names = readdirSync(join(data, "run")).filter((name) => name.endsWith(".pid"));
  const processes = names.map((name) => {
    const service = name.slice(0, -".pid".length);
    return [service, processFootprint(cluster.pid(service))] as const;
  });
  const agents = await api.get<AgentAnswer[]>("/cluster/agents");
  const offers = await api.get<unknown[]>("/cluster/offers");
  const services = (await (await fetch(`${consul.url}/v1/agent/services`)).json()) as object;
  const workDirs = readdirSync(join(data, "agents")).map((agent) => join(data, "agents", agent));
  return {
    processes: Object.fromEntries(processes),
    sandboxes: sum(workDirs.map((directory) => entriesIn(join(directory, "sandboxes")))),
    tasks: pidsWithin(join(data, "agents")),
    containers: await containersOf(cluster.dockerSocket),
    logs: Math.ceil(sum(filesIn(join(data, "log")).map((file) => statSync(file).size)) / 1024),
    used: sum(agents.map(({ used }) => Object.keys(used.scalars).length + used.ports.length)),
    offers: offers.length,
    entries: Object.keys(services).length,
    streams: await streamSizes(cluster),
  };
}

function processFootprint(pid: number): ProcessFootprint {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const memory = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
  return { memoryMiB: memory / 1024, handles: readdirSync(`/proc/${pid}/fd`).length };
}

/** Processes whose command line, words followed by spaces, is like that. */
export const pidsOf = (pattern: RegExp): number[] =>
  allPids().filter((pid) => pattern.test(read(`/proc/${pid}/cmdline`).replaceAll("\0", " ")));

const pidsWithin = (directory: string): number =>
  allPids().filter((pid) => read(`/proc/${pid}/environ`).includes(directory)).length;

const allPids = (): number[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

/** Empty for what has ended meanwhile. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

const entriesIn = (directory: string): number => (existsSync(directory) ? readdirSync(directory).length : 0);

const filesIn = (directory: string): string[] => readdirSync(directory).map((name) => join(directory, name));

/** Without an engine there are none. */
const containersOf = async (socketPath: string): Promise<number> =>
  socketPath === ""
    ? 0
    : (
        await new Docker({ socketPath }).listContainers({
          all: true,
          filters: { label: ["emporion.agent"] },
        })
      ).length;

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Streams and buckets of all accounts: what they hold, not the disk, where the server frees what was deleted a block at a time. */
async function streamSizes({ data, natsUrl }: LocalCluster): Promise<Record<string, number>> {
  const directory = join(data, "nats", "jetstream");
  const accounts = readdirSync(directory).map((account) => join(directory, account, "streams"));
  const names = accounts.filter(existsSync).flatMap((streams) => readdirSync(streams));
  const credentials = AuthDirectory.open(join(data, "keys"), Date.now).issue({
    kind: "master",
    id: "master",
  });
  const { link } = await connected(natsUrl, "footprint", {
    credentials: readFileSync(credentials[0]!, "utf8"),
  });
  try {
    const manager = await link.nc.jetstreamManager({ checkAPI: false });
    const sizes = names.map(async (name) => [name, (await manager.streams.info(name)).state.bytes] as const);
    return Object.fromEntries(
      (await Promise.all(sizes)).map(([name, bytes]) => [name, Math.ceil(bytes / 1024)]),
    );
  } finally {
    await link.close();
  }
}
