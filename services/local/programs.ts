import { join } from "node:path";
import type { Principal } from "#libs/adapters/nats/auth/credentials.js";
import type { AgentShare } from "./shares.js";
import type { DataDirectory } from "./data-directory.js";
import type { Program } from "./supervisor.js";

/** The ports that this cluster uses. */
export interface Ports {
  /** Of each copy; the first is the one that is asked for. */
  readonly gateways: readonly [number, ...number[]];
  readonly nats: number;
  readonly consulHttp: number;
  readonly consulDns: number;
  /** Consul's server and gossip, of no use to us, but it listens on them. */
  readonly consulOwn: readonly [number, number, number];
}

/** What every service is told. */
export interface Common {
  readonly root: string;
  readonly cluster: string;
  readonly natsUrl: string;
  /** Issues credentials and returns their file; undefined: NATS asks for none. */
  readonly credentials: ((principal: Principal) => string) | undefined;
  /** Undefined: there is no Consul. */
  readonly consulAddress: string | undefined;
}

const stopMs = 10_000;

export const natsProgram = (path: string, configuration: string): Program => ({
  name: "nats",
  command: path,
  args: ["-c", configuration],
  env: ownEnvironment(),
  stopMs,
});

/**
 * In memory: the registry is a projection of what agents run, and they repair it. Having no data directory, Consul reads `services/`
 * and `checks/` of where it works: these must not be our sources.
 */
export const consulProgram = (
  path: string,
  data: DataDirectory,
  { consulHttp, consulDns, consulOwn: [server, lan, wan] }: Ports,
): Program => ({
  name: "consul",
  command: path,
  args: [
    "agent",
    "-dev",
    ...flags({ bind: "127.0.0.1", client: "127.0.0.1", "log-level": "warn" }),
    ...flags({ "http-port": consulHttp, "dns-port": consulDns, "grpc-port": -1 }),
    ...flags({ "server-port": server, "serf-lan-port": lan, "serf-wan-port": wan }),
  ],
  env: ownEnvironment(),
  cwd: data.path,
  stopMs,
});

const flags = (values: Readonly<Record<string, string | number>>): string[] =>
  Object.entries(values).flatMap(([name, value]) => [`-${name}`, String(value)]);

export const masterProgram = (common: Common, clusterKeyFile: string): Program =>
  service(
    "master",
    common,
    { kind: "master", id: "master" },
    { EMPORION_CLUSTER_KEY_FILE: clusterKeyFile },
    masterFlags,
  );

/** The first bears the service's name; each has a pid file and a log of its own. */
export const copyOf = (program: Program, copy: number): Program =>
  copy === 1 ? program : { ...program, name: `${program.name}-${copy}` };

/** A pass over thousands of agents makes offers faster than a young generation of 16 MiB takes them: a third of it was collecting. */
const masterFlags = ["--max-semi-space-size=64"];

export interface AgentOptions {
  readonly share: AgentShare;
  readonly keyFile: string;
  readonly dockerSocket: string | undefined;
  /** Homes of those that the set-up found: it looks in more places than an agent does. */
  readonly jdks: readonly string[];
  readonly killOnStop: boolean;
  /** Only ends the tasks that it has, and itself. */
  readonly endAtOnce?: boolean;
  /** They may, and do unless they say otherwise. */
  readonly tasksAsRoot: boolean;
}

export const agentProgram = (
  common: Common,
  data: DataDirectory,
  { share, keyFile, dockerSocket, jdks, killOnStop, endAtOnce = false, tasksAsRoot }: AgentOptions,
): Program => ({
  ...service(
    "agent",
    common,
    { kind: "agent", id: share.id },
    {
      EMPORION_AGENT_ID: share.id,
      EMPORION_AGENT_HOST: "127.0.0.1",
      EMPORION_AGENT_WORK_DIR: data.in("agents", share.id),
      EMPORION_AGENT_KEY_FILE: keyFile,
      EMPORION_AGENT_CPUS: String(share.cpus),
      EMPORION_AGENT_MEM: String(share.mem),
      EMPORION_AGENT_DISK: String(share.disk),
      EMPORION_AGENT_PORTS: share.ports.join("-"),
      EMPORION_AGENT_ATTRIBUTES: `rack:${share.rack}`,
      ...jdksVariable(jdks),
      EMPORION_AGENT_KILL_ON_STOP: String(killOnStop),
      EMPORION_AGENT_END_AT_ONCE: String(endAtOnce),
      ...(tasksAsRoot && { EMPORION_AGENT_ALLOW_ROOT: "true", EMPORION_AGENT_DEFAULT_USER: "root" }),
      ...(dockerSocket === undefined
        ? { EMPORION_DOCKER: "off" }
        : { DOCKER_HOST: `unix://${dockerSocket}` }),
    },
  ),
  name: share.id,
  stopMs: 30_000,
});

/** Those that the user names stay. */
function jdksVariable(homes: readonly string[]): Record<string, string> {
  const all = [...(process.env["EMPORION_AGENT_JDKS"]?.split(",") ?? []), ...homes].filter(Boolean);
  return all.length === 0 ? {} : { EMPORION_AGENT_JDKS: all.join(",") };
}

export const appsProgram = (common: Common): Program =>
  service("apps", common, { kind: "apps", id: "apps" }, {});
export const jobsProgram = (common: Common): Program =>
  service("jobs", common, { kind: "jobs", id: "jobs" }, {});
export const gatewayProgram = (common: Common, port: number): Program =>
  service(
    "gateway",
    common,
    { kind: "gateway", id: "gateway" },
    { EMPORION_GATEWAY_HOST: "127.0.0.1", EMPORION_GATEWAY_PORT: String(port) },
  );

function service(
  name: string,
  { root, cluster, natsUrl, credentials, consulAddress }: Common,
  principal: Principal,
  env: Record<string, string>,
  nodeFlags: readonly string[] = [],
): Program {
  return {
    name,
    command: process.execPath,
    args: ["--enable-source-maps", ...nodeFlags, join(root, ".build", "services", name, "main.js")],
    env: {
      ...ownEnvironment(name),
      EMPORION_CLUSTER: cluster,
      NATS_URL: natsUrl,
      ...(credentials !== undefined && { EMPORION_NATS_CREDS_FILE: credentials(principal) }),
      ...(consulAddress === undefined ? { EMPORION_CONSUL: "off" } : { CONSUL_HTTP_ADDR: consulAddress }),
      ...env,
    },
    stopMs,
  };
}

/**
 * What a program needs of our environment; not all of it, for there may be secrets in it. Settings of Emporion's own are passed
 * on; those that are secrets only to the service that they are for.
 */
function ownEnvironment(service = ""): Record<string, string> {
  const ownSecrets =
    service === "agent"
      ? /^(EMPORION_AGENT_|CONSUL_HTTP_TOKEN)/
      : new RegExp(`^EMPORION_${service.toUpperCase()}_`);
  // A gateway of this machine listens on loopback; with a token, which we do not send, it would not let us look.
  const isPassed = (name: string): boolean =>
    !name.startsWith("EMPORION_GATEWAY_TOKEN") &&
    (isSecret.test(name) ? service !== "" && ownSecrets.test(name) : plain.test(name));
  const passed = Object.entries(process.env).filter(([name]) => isPassed(name));
  return Object.fromEntries(passed.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

const plain = /^(PATH|HOME|LANG|TZ|TMPDIR|JAVA_HOME|NODE_OPTIONS|EMPORION_[A-Z_]+)$/;
const isSecret = /(KEY|TOKEN|CREDS)(_FILE)?$/;
