import { type Static, Type } from "typebox";
import { clusterKeySetting, commonSettings, consulSettings } from "#libs/adapters/config.js";
import type { Fault } from "#protocol/errors.js";
import { AgentId } from "#protocol/ids.js";
import type { Attributes, PortRange, Resources } from "#protocol/resources.js";
import { joinPorts } from "#libs/core/resources.js";
import type { Allowance } from "./allowance.js";
import type { CollectionSettings } from "./collection.js";

const amount = (env: string, unit: string) =>
  Type.Optional(Type.Number({ env, minimum: 0, description: `${unit}; what the host has unless given` }));

/** What an agent reads from its environment. */
export const AgentSettings = Type.Object({
  ...commonSettings,
  ...consulSettings,
  agent: Type.Optional(
    Type.String({
      ...AgentId,
      env: "EMPORION_AGENT_ID",
      description: "made once, of the host's name and chance, and kept in the work directory unless given",
    }),
  ),
  host: Type.Optional(
    Type.String({
      env: "EMPORION_AGENT_HOST",
      minLength: 1,
      description: "address under which its tasks are reached; the first that is no loopback unless given",
    }),
  ),
  workDir: Type.String({ env: "EMPORION_AGENT_WORK_DIR", default: ".emporion/agent", minLength: 1 }),
  agentKey: Type.Optional(
    Type.String({
      env: "EMPORION_AGENT_KEY",
      secret: true,
      minLength: 16,
      description: "with which offers are sealed; derived from the cluster's key unless given",
    }),
  ),
  clusterKey: Type.Optional(clusterKeySetting),
  cpus: amount("EMPORION_AGENT_CPUS", "cores"),
  mem: amount("EMPORION_AGENT_MEM", "MiB"),
  disk: amount("EMPORION_AGENT_DISK", "MiB"),
  gpus: Type.Optional(
    Type.Integer({
      env: "EMPORION_AGENT_GPUS",
      minimum: 0,
      description: "number; none unless given, for they are not detected",
    }),
  ),
  ports: Type.String({
    env: "EMPORION_AGENT_PORTS",
    default: "31000-32000",
    description: "ranges for tasks: `31000-31999,33000`; those that others listen on are not offered",
  }),
  resources: Type.String({
    env: "EMPORION_AGENT_RESOURCES",
    default: "",
    description: "scalars of the operator's own: `licences:4;bandwidth:1000`",
  }),
  attributes: Type.String({
    env: "EMPORION_AGENT_ATTRIBUTES",
    default: "",
    description: "what is said about the host: `rack:a;zone:x`",
  }),
  allowRoot: Type.Boolean({
    env: "EMPORION_AGENT_ALLOW_ROOT",
    default: false,
    description: "tasks may run as root",
  }),
  allowPrivileged: Type.Boolean({
    env: "EMPORION_AGENT_ALLOW_PRIVILEGED",
    default: false,
    description: "containers may be privileged",
  }),
  hostMounts: Type.Array(Type.String({ pattern: "^/" }), {
    env: "EMPORION_AGENT_HOST_MOUNTS",
    default: [],
    description: "directories that containers may mount, each with all below it",
  }),
  defaultUser: Type.Optional(
    Type.String({
      env: "EMPORION_AGENT_DEFAULT_USER",
      description: "of processes and JVMs that name none; nobody where the agent is root, else its own",
    }),
  ),
  killOnStop: Type.Boolean({
    env: "EMPORION_AGENT_KILL_ON_STOP",
    default: false,
    description: "on SIGTERM the tasks end too: for clusters that end with their machine",
  }),
  endAtOnce: Type.Boolean({
    env: "EMPORION_AGENT_END_AT_ONCE",
    default: false,
    description:
      "ends the tasks that an earlier process left in the work directory, tells of it, and ends: for an agent that is given up",
  }),
  executors: Type.Array(Type.Enum(["container", "process", "jvm"]), {
    env: "EMPORION_AGENT_EXECUTORS",
    default: ["container", "process", "jvm"],
    minItems: 1,
    description: "kinds of tasks that it takes",
  }),
  docker: Type.Boolean({ env: "EMPORION_DOCKER", default: true, description: "off: no containers" }),
  dockerHost: Type.Optional(Type.String({ env: "DOCKER_HOST", minLength: 1 })),
  dockerConfig: Type.Optional(
    Type.String({
      env: "EMPORION_AGENT_DOCKER_CONFIG",
      pattern: "^/",
      description: "a config.json as `docker login` writes it: the logins for registries; read at each pull",
    }),
  ),
  jdks: Type.Array(Type.String({ pattern: "^/" }), {
    env: "EMPORION_AGENT_JDKS",
    default: [],
    description: "directories with JDKs, besides the usual ones, JAVA_HOME and PATH",
  }),
  javaHome: Type.Optional(Type.String({ env: "JAVA_HOME" })),
  path: Type.Optional(Type.String({ env: "PATH" })),
  sandboxHours: Type.Number({
    env: "EMPORION_AGENT_SANDBOX_HOURS",
    default: 168,
    minimum: 0,
    description: "how long the sandbox of an ended task is kept",
  }),
  sandboxesMax: Type.Integer({
    env: "EMPORION_AGENT_SANDBOXES_MAX",
    default: 1000,
    minimum: 0,
    description: "most sandboxes of ended tasks; the oldest go first",
  }),
  diskFreeMin: Type.Number({
    env: "EMPORION_AGENT_DISK_FREE_MIN",
    default: 0.05,
    minimum: 0,
    maximum: 1,
    description: "with a smaller share of the disk free, sandboxes go before their time",
  }),
});
export type AgentSettings = Static<typeof AgentSettings>;

/** What the schema cannot say: texts with a form of their own, and settings that need each other. */
export function settingsFaults(settings: AgentSettings): Fault[] {
  const { agentKey, clusterKey, allowRoot, defaultUser } = settings;
  const faults: Fault[] = [];
  if (agentKey === undefined && clusterKey === undefined)
    faults.push({
      path: "EMPORION_AGENT_KEY",
      expected: "it, EMPORION_CLUSTER_KEY, or a file of one of them (…_FILE)",
      found: "nothing",
    });
  if (!allowRoot && (defaultUser === "root" || defaultUser === "0"))
    faults.push({
      path: "EMPORION_AGENT_DEFAULT_USER",
      expected: "another user, or EMPORION_AGENT_ALLOW_ROOT=true",
      found: defaultUser,
    });
  return [
    ...faults,
    ...faultOf("EMPORION_AGENT_PORTS", settings.ports, "ranges as in 31000-32000", parsePorts),
    ...faultOf(
      "EMPORION_AGENT_ATTRIBUTES",
      settings.attributes,
      "name:text pairs as in rack:a;zone:x",
      parseAttributes,
    ),
    ...faultOf(
      "EMPORION_AGENT_RESOURCES",
      settings.resources,
      "name:number pairs as in licences:4",
      parseScalars,
    ),
  ];
}

/** What the host has, as far as nobody says otherwise. */
export function totalsOf(settings: AgentSettings, detected: Resources): Resources {
  const given = { cpus: settings.cpus, mem: settings.mem, disk: settings.disk, gpus: settings.gpus };
  const scalars = { ...detected.scalars, ...parseScalars(settings.resources) };
  for (const [name, value] of Object.entries(given))
    if (value !== undefined) scalars[name] = Math.round(value * 1000);
  return { scalars, ports: parsePorts(settings.ports) ?? [] };
}

export const attributesOf = ({ attributes }: AgentSettings): Attributes => parseAttributes(attributes) ?? {};

export const allowanceOf = (settings: AgentSettings, isRoot: boolean): Allowance => ({
  root: settings.allowRoot,
  privileged: settings.allowPrivileged,
  hostMounts: settings.hostMounts,
  defaultUser: settings.defaultUser ?? (isRoot ? "nobody" : undefined),
});

export const collectionOf = (settings: AgentSettings): CollectionSettings => ({
  keptMs: settings.sandboxHours * 3_600_000,
  keptMax: settings.sandboxesMax,
  diskFreeMin: settings.diskFreeMin,
});

const faultOf = (path: string, text: string, expected: string, parse: (text: string) => unknown): Fault[] =>
  parse(text) === undefined ? [{ path, expected, found: JSON.stringify(text) }] : [];

export function parsePorts(text: string): PortRange[] | undefined {
  const ranges = wordsOf(text).map((word): PortRange | undefined => {
    const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(word) ?? [];
    const range: PortRange = [Number(first), Number(last)];
    return first !== undefined && range[0] <= range[1] && range[1] <= 65_535 ? range : undefined;
  });
  return ranges.includes(undefined) ? undefined : joinPorts(ranges as PortRange[]);
}

function parseAttributes(text: string): Attributes | undefined {
  const pairs = pairsOf(text);
  return pairs?.every(
    ([name, value]) => /^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$/.test(name) && value.length <= 256,
  )
    ? Object.fromEntries(pairs)
    : undefined;
}

/** In thousandths. */
function parseScalars(text: string): Record<string, number> | undefined {
  const pairs = pairsOf(text);
  return pairs?.every(([name, value]) => /^[a-z][a-z0-9_.-]{0,31}$/.test(name) && /^\d+(\.\d+)?$/.test(value))
    ? Object.fromEntries(pairs.map(([name, value]) => [name, Math.round(Number(value) * 1000)]))
    : undefined;
}

/** `a:b;c:d`, also with commas and equals signs. */
function pairsOf(text: string): [string, string][] | undefined {
  const pairs = wordsOf(text).map((word) => /^([^:=]+)[:=](.*)$/.exec(word));
  return pairs.includes(null) ? undefined : pairs.map((pair) => [pair![1]!.trim(), pair![2]!.trim()]);
}

const wordsOf = (text: string): string[] =>
  text
    .split(/[;,]/)
    .map((word) => word.trim())
    .filter((word) => word !== "");
