import { realpath } from "node:fs/promises";
import { isIP } from "node:net";
import { posix } from "node:path";
import type { ContainerCreateOptions, HostConfig, MountSettings } from "dockerode";
import type { LaunchFailure, LaunchOrder } from "#libs/core/launch.js";
import { portList } from "#libs/core/resources.js";
import { fail, ok, type Result } from "#protocol/result.js";
import type { ContainerWorkload } from "#protocol/task.js";

/** What the operator lets containers do. */
export interface ContainerPolicy {
  /** Containers may be privileged. */
  readonly privileged: boolean;
  /** Directories of the host, each with all below it, that containers may mount; absolute. */
  readonly hostMounts: readonly string[];
}

export interface CreateSettings {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly policy: ContainerPolicy;
  /** The task's sandbox on the host. */
  readonly sandbox: string;
  /** The engine has an init process to put first. */
  readonly hasInit: boolean;
}

/** Where a container finds its artifacts, when it has any; it cannot write there. */
const sandboxInContainer = "/mnt/emporion/sandbox";

/** The engine refuses less. */
const memoryLeast = 6 * 1024 * 1024;
/** Keeps a program that multiplies without end from filling the host's table of processes. */
const processesMost = 4096;

/**
 * What programs that start as root need to give their files and themselves to somebody else, and to listen on low ports. Of the
 * engine's usual set it leaves out AUDIT_WRITE, MKNOD, NET_RAW, SETFCAP, SETPCAP and SYS_CHROOT.
 */
const capabilities = [
  "CHOWN",
  "DAC_OVERRIDE",
  "FOWNER",
  "FSETID",
  "KILL",
  "NET_BIND_SERVICE",
  "SETGID",
  "SETUID",
];

/** The engine's word for a task, or why this agent will not run it. */
export async function createOptions(
  order: LaunchOrder,
  settings: CreateSettings,
): Promise<Result<ContainerCreateOptions, LaunchFailure>> {
  const { spec } = order;
  const { workload } = spec;
  if (workload.kind !== "container")
    return refused("executor-unavailable", `the container executor cannot run a ${workload.kind}`);
  if (spec.stopWhenCutOffMs !== undefined) return refused("not-allowed", noCutOff);
  if (workload.privileged === true && !settings.policy.privileged)
    return refused("not-allowed", "the agent's configuration allows no privileged containers");
  const ports = portsOf(order, workload);
  if (!ports.ok) return ports;
  const mounts = await mountsOf(workload, settings.policy);
  if (!mounts.ok) return mounts;
  const hasArtifacts = (spec.artifacts ?? []).length > 0;
  const sandboxMount = bind(settings.sandbox, sandboxInContainer, true);

  const hostConfig: HostConfig = {
    NetworkMode: workload.network,
    ...(ports.value && { PortBindings: ports.value.bindings }),
    Mounts: hasArtifacts ? [...mounts.value, sandboxMount] : mounts.value,
    ...limitsOf(order),
    ...confinement(workload),
    Init: settings.hasInit,
    RestartPolicy: { Name: "no" },
    AutoRemove: false,
    LogConfig: { Type: "json-file", Config: wholeLog },
  };
  return ok({
    name: settings.name,
    Image: workload.image,
    ...programOf(workload),
    Env: envOf(order, hasArtifacts),
    Labels: { ...spec.labels, ...settings.labels },
    ...(spec.user !== undefined && { User: spec.user }),
    ...(workload.workingDirectory !== undefined && { WorkingDir: workload.workingDirectory }),
    ...(ports.value && { ExposedPorts: ports.value.exposed }),
    Tty: false,
    HostConfig: hostConfig,
  });
}

const refused = (reason: LaunchFailure["reason"], message: string): Result<never, LaunchFailure> =>
  fail({ reason, message });

/** A guard that only holds while the agent lives is none: the task would be replaced elsewhere and run twice. */
const noCutOff =
  "stopWhenCutOffMs cannot be kept for a container: the engine lets it go on while no agent is there to end it; run the task as a process or without it";

/** The files of the sandbox are written from the whole log: nothing may be dropped or rotated, whatever the engine's own default. */
const wholeLog = { mode: "blocking", "max-size": "1p" };

function programOf({ command, argv, entrypoint }: ContainerWorkload): Partial<ContainerCreateOptions> {
  // Without an entrypoint of the task's own the image's would get the shell as its arguments.
  if (command !== undefined) return { Entrypoint: [...(entrypoint ?? []), "/bin/sh", "-c"], Cmd: [command] };
  return {
    ...(entrypoint !== undefined && { Entrypoint: [...entrypoint] }),
    ...(argv !== undefined && { Cmd: [...argv] }),
  };
}

function envOf({ spec, env }: LaunchOrder, hasArtifacts: boolean): string[] {
  const sandbox = hasArtifacts
    ? { EMPORION_SANDBOX: sandboxInContainer, MESOS_SANDBOX: sandboxInContainer }
    : {};
  return Object.entries({ ...sandbox, ...env, ...spec.env }).map(([name, value]) => `${name}=${value}`);
}

function limitsOf({ spec: { resources, limits } }: LaunchOrder): HostConfig {
  const mem = limits?.mem ?? resources.scalars["mem"] ?? 0;
  const cpus = resources.scalars["cpus"] ?? 0;
  const bytes = Math.max(memoryLeast, Math.round((mem / 1000) * 1024 * 1024));
  return {
    ...(mem > 0 && { Memory: bytes, MemorySwap: bytes }),
    ...(cpus > 0 && { CpuShares: Math.max(2, Math.round((cpus * 1024) / 1000)) }),
    ...(limits?.cpus !== undefined && { NanoCpus: limits.cpus * 1_000_000 }),
    PidsLimit: processesMost,
  };
}

const confinement = ({ privileged }: ContainerWorkload): HostConfig =>
  privileged === true
    ? { Privileged: true }
    : { CapDrop: ["ALL"], CapAdd: capabilities, SecurityOpt: ["no-new-privileges"] };

interface Ports {
  readonly bindings: Record<string, { HostIp: string; HostPort: string }[]>;
  readonly exposed: Record<string, object>;
}

/** Published on the agent's address only. On the host's network there is nothing to publish. */
function portsOf(
  { spec, host }: LaunchOrder,
  { network, portMappings = [] }: ContainerWorkload,
): Result<Ports | undefined, LaunchFailure> {
  if (portMappings.length === 0 || network === "host") return ok(undefined);
  if (network === "none")
    return refused("launch-failed", "a container without a network cannot have port mappings");
  const hostPorts = portList(spec.resources.ports);
  const ports: Ports = { bindings: {}, exposed: {} };
  for (const { containerPort, port, protocol } of portMappings) {
    const hostPort = hostPorts[port];
    if (hostPort === undefined) {
      const has = `the task has ${hostPorts.length} ports`;
      return refused("launch-failed", `a port mapping asks for PORT${port}, but ${has}`);
    }
    const inside = `${containerPort === 0 ? hostPort : containerPort}/${protocol}`;
    ports.exposed[inside] = {};
    // A host name cannot be bound to; then it is every address of the host.
    const binding = { HostIp: isIP(host) === 0 ? "" : host, HostPort: String(hostPort) };
    ports.bindings[inside] = [...(ports.bindings[inside] ?? []), binding];
  }
  return ok(ports);
}

/** Where links lead counts, not what they are called, and what was looked at is what is mounted. */
async function mountsOf(
  { volumes = [] }: ContainerWorkload,
  { hostMounts }: ContainerPolicy,
): Promise<Result<MountSettings[], LaunchFailure>> {
  const mounts: MountSettings[] = [];
  const allowed = await Promise.all(hostMounts.map((path) => realpath(path).catch(() => path)));
  for (const { hostPath, containerPath, readOnly } of volumes) {
    if (![...hostMounts, ...allowed].some((directory) => isBelow(posix.normalize(hostPath), directory)))
      return refused(
        "not-allowed",
        `the agent's configuration does not allow to mount ${hostPath}; ${allowedText(hostMounts)}`,
      );
    const real = await realpath(hostPath).catch((cause: Error) => cause);
    if (real instanceof Error)
      return refused("launch-failed", `${hostPath}, which is to be mounted, cannot be read: ${real.message}`);
    if (!allowed.some((directory) => isBelow(real, directory)))
      return refused(
        "not-allowed",
        `${hostPath} leads to ${real}, which may not be mounted; ${allowedText(hostMounts)}`,
      );
    mounts.push(bind(real, containerPath, readOnly));
  }
  return ok(mounts);
}

const isBelow = (path: string, directory: string): boolean => {
  const way = posix.relative(directory, path);
  return way === "" || (way !== ".." && !way.startsWith("../") && !posix.isAbsolute(way));
};

const allowedText = (hostMounts: readonly string[]): string =>
  hostMounts.length === 0 ? "no mounts are allowed" : `allowed: ${hostMounts.join(", ")}`;

const bind = (source: string, target: string, readOnly: boolean): MountSettings => ({
  Type: "bind",
  Source: source,
  Target: target,
  ReadOnly: readOnly,
});
