import type { TaskSpec } from "#protocol/task.js";
import { portList } from "#libs/core/resources.js";

/** Where a task runs. */
export interface Surroundings {
  readonly agent: string;
  readonly host: string;
  readonly framework: string;
}

/**
 * What every task finds in its environment, its own `env` aside, which wins: who it is, where it is, what it may use. The path
 * of the sandbox (EMPORION_SANDBOX, MESOS_SANDBOX) is the executor's to say: in a container it is another one. Names that
 * people know from Mesos and Marathon: HOST, PORT, PORT0, …, PORTS, MESOS_TASK_ID.
 */
export function environmentOf(
  { id, name, resources, limits }: TaskSpec,
  { agent, host, framework }: Surroundings,
): Record<string, string> {
  const ports = portList(resources.ports);
  const env: Record<string, string> = {
    EMPORION_TASK_ID: id,
    EMPORION_TASK_NAME: name,
    EMPORION_FRAMEWORK: framework,
    EMPORION_AGENT: agent,
    EMPORION_HOST: host,
    EMPORION_CPUS: inUnits(limits?.cpus ?? resources.scalars["cpus"]),
    EMPORION_MEM: inUnits(limits?.mem ?? resources.scalars["mem"]),
    MESOS_TASK_ID: id,
    HOST: host,
  };
  if (ports.length > 0) {
    env["PORT"] = String(ports[0]);
    env["PORTS"] = ports.join(",");
    for (const [index, port] of ports.entries()) env[`PORT${index}`] = String(port);
  }
  return env;
}

/** Ports that the task itself opens on the host. A bridged container's are opened by the engine, which tells when they are taken. */
export const hostPortsOf = ({ workload, resources }: TaskSpec): number[] =>
  workload.kind === "container" && workload.network !== "host" ? [] : portList(resources.ports);

const inUnits = (thousandths = 0): string => String(thousandths / 1000);
