import { Agent } from "node:http";
import { inspect } from "node:util";
import Docker from "dockerode";
import type { ExecutorInfo } from "#protocol/offer.js";
import { fail, ok, type Result } from "#protocol/result.js";
import { wordsOf } from "./failure.js";

/** Of the engine's answer to `info`, what matters here. */
export interface EngineInfo {
  readonly ServerVersion: string;
  readonly OSType: string;
  /** The engine's clock, with a fraction of nanoseconds. */
  readonly SystemTime: string;
  readonly LiveRestoreEnabled: boolean;
  readonly MemoryLimit: boolean;
  readonly SwapLimit: boolean;
  readonly CPUShares?: boolean;
  readonly CpuCfsQuota: boolean;
  readonly PidsLimit?: boolean;
  /** `N/A` when the engine found no init binary. */
  readonly InitCommit?: { readonly ID: string };
}

export const defaultDockerHost = "unix:///var/run/docker.sock";

const infoTimeoutMs = 5000;

/**
 * A client of the engine at an address as in DOCKER_HOST: `unix:///run/docker.sock` or `tcp://127.0.0.1:2375`. Each request has
 * a connection of its own: one that was kept might belong to an engine that is gone, and a start must not fail for that.
 * Throws when the address is none.
 */
export function dockerAt(dockerHost: string): Docker {
  const agent = new Connections({ keepAlive: false });
  const [, scheme, rest] = /^(unix|tcp):\/\/(.+)$/.exec(dockerHost) ?? [];
  if (scheme === "unix" && rest!.startsWith("/"))
    // Unset, DOCKER_HOST of the environment would win.
    return new Docker({ socketPath: rest, host: undefined, agent } as unknown as Docker.DockerOptions);
  const url = scheme === "tcp" && URL.canParse(`http://${rest}`) ? new URL(`http://${rest}`) : undefined;
  if (url === undefined || url.hostname === "")
    throw new Error(`the Docker host: expected unix:///path or tcp://host:port, found ${dockerHost}`);
  const port = Number(url.port === "" ? 2375 : url.port);
  return new Docker({ protocol: "http", host: url.hostname, port, agent } as unknown as Docker.DockerOptions);
}

/**
 * The client formats each request for its debug log, written or not, the agent with all open sockets included: with 50 containers
 * whose output is followed that took most of a core. A word is enough.
 */
class Connections extends Agent {
  [inspect.custom](): string {
    return "Connections";
  }
}

/** The types know of no options. */
type AskedInfo = (options: { readonly abortSignal: AbortSignal }) => Promise<EngineInfo>;

/** Failure in words with the address. */
export async function askInfo(docker: Docker, dockerHost: string): Promise<Result<EngineInfo, string>> {
  const abortSignal = AbortSignal.timeout(infoTimeoutMs);
  try {
    const info = await (docker as unknown as { info: AskedInfo }).info({ abortSignal });
    if (info.OSType !== "linux")
      return fail(`the Docker engine at ${dockerHost} runs ${info.OSType} containers only`);
    return ok(info);
  } catch (cause) {
    const why = abortSignal.aborted ? `no answer within ${infoTimeoutMs} ms` : wordsOf(cause);
    return fail(`no Docker engine answers at ${dockerHost}: ${why}`);
  }
}

export const hasInit = ({ InitCommit }: EngineInfo): boolean =>
  InitCommit !== undefined && InitCommit.ID !== "N/A";

/** What the engine is, and what it cannot promise. */
export function executorInfo(info: EngineInfo): ExecutorInfo {
  const lacks: readonly (readonly [boolean, string])[] = [
    [!info.LiveRestoreEnabled, "live-restore is off: tasks end when the engine is restarted"],
    [!hasInit(info), "no init binary: programs that do not handle SIGTERM end only after their grace"],
    [!info.MemoryLimit, "the kernel has no memory limits: tasks may use more than they asked for"],
    [
      info.MemoryLimit && !info.SwapLimit,
      "the kernel does not limit swap: tasks may use more than they asked for",
    ],
    [info.CPUShares === false, "the kernel has no CPU shares: tasks get equal parts of busy cores"],
    [!info.CpuCfsQuota, "the kernel has no CPU quota: limits.cpus is not kept"],
    [info.PidsLimit === false, "the kernel does not limit the number of processes"],
  ];
  const warnings = lacks.filter(([isSo]) => isSo).map(([, warning]) => warning);
  return { kind: "container", version: info.ServerVersion, warnings };
}
