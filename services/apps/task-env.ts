import type { App } from "#protocol/app.js";
import type { AppPort } from "./app-ports.js";

/**
 * The environment of an instance: Marathon's variables, then the app's own, which win. `HOST` and `PORT0`, `PORT1`, … come
 * from the agent, and are the host's ports in a bridge too, as in Marathon.
 */
export function taskEnv(
  { definition, version }: App,
  task: { readonly id: string; readonly ports: readonly AppPort[]; readonly hostPorts: readonly number[] },
): Record<string, string> {
  return {
    EMPORION_APP_ID: definition.id,
    MESOS_TASK_ID: task.id,
    MARATHON_APP_ID: definition.id,
    MARATHON_APP_VERSION: version,
    ...(definition.container !== undefined && {
      MARATHON_APP_DOCKER_IMAGE: definition.container.docker.image,
    }),
    MARATHON_APP_RESOURCE_CPUS: decimal(definition.cpus),
    MARATHON_APP_RESOURCE_MEM: decimal(definition.mem),
    MARATHON_APP_RESOURCE_DISK: decimal(definition.disk),
    MARATHON_APP_RESOURCE_GPUS: String(definition.gpus),
    ...labelVariables(definition.labels),
    ...portVariables(task.ports, task.hostPorts),
    ...definition.env,
  };
}

/** As Marathon writes them: `0.1`, `32.0`. */
const decimal = (amount: number): string => (Number.isInteger(amount) ? `${amount}.0` : String(amount));

const upper = (name: string): string => name.replaceAll(/[^A-Za-z0-9]+/g, "_").toUpperCase();

/** Keys from 493 and values from 512 characters on are left out (Marathon's limits). */
function labelVariables(labels: Readonly<Record<string, string>>): Record<string, string> {
  const fitting = Object.entries(labels).filter(([key, value]) => key.length < 493 && value.length < 512);
  return {
    MARATHON_APP_LABELS: fitting.map(([key]) => upper(key)).join(" "),
    ...Object.fromEntries(fitting.map(([key, value]) => [`MARATHON_APP_LABEL_${upper(key)}`, value])),
  };
}

/** `PORT` is the first, `PORTS` are all, `PORT_<NAME>` and `PORT_<number>` are by what the definition calls them. */
function portVariables(ports: readonly AppPort[], hostPorts: readonly number[]): Record<string, string> {
  if (hostPorts.length === 0) return {};
  const variables: Record<string, string> = { PORT: String(hostPorts[0]), PORTS: hostPorts.join(",") };
  for (const [index, { name, number }] of ports.entries()) {
    const port = String(hostPorts[index]);
    if (number !== 0) variables[`PORT_${number}`] = port;
    if (name !== undefined) variables[`PORT_${upper(name)}`] = port;
  }
  return variables;
}
