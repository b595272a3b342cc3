import type { App, AppDefinition } from "#protocol/app.js";
import type { Attributes, PortRange, Resources } from "#protocol/resources.js";
import type { HealthCheck, TaskSpec, Workload } from "#protocol/task.js";
import { portList, subtractPorts, takePorts } from "#libs/core/resources.js";
import { workloadOf } from "#libs/framework/workload.js";
import { networkOf } from "./app-ports.js";
import { encodeTaskData } from "./record.js";
import type { Shape } from "./shape.js";
import { taskEnv } from "./task-env.js";
import { servicesOf } from "./task-services.js";

export interface TaskPlace {
  readonly taskId: string;
  /** What is left of the offer: it holds what the shape asks. */
  readonly left: Resources;
  /** Of the agent. */
  readonly attributes: Attributes;
}

/** One instance of an app, as an agent launches it. */
export function taskSpec(app: App, shape: Shape, { taskId, left, attributes }: TaskPlace): TaskSpec {
  const { definition } = app;
  const ports = hostPorts(shape, left);
  const resources: Resources = { scalars: shape.scalars, ports };
  const limits = limitsOf(definition);
  const grace = definition.taskKillGracePeriodSeconds;
  const cutOff = definition.stopWhenCutOffSeconds;
  const healthCheck = healthCheckOf(definition);
  return {
    id: taskId,
    name: definition.id,
    workload: programOf(definition),
    resources,
    env: taskEnv(app, { id: taskId, ports: shape.ports, hostPorts: portList(ports) }),
    services: servicesOf(app),
    labels: definition.labels,
    data: encodeTaskData({ app, where: { attributes } }),
    ...(limits !== undefined && { limits }),
    ...(definition.user !== undefined && { user: definition.user }),
    ...(definition.fetch.length > 0 && { artifacts: definition.fetch }),
    ...(healthCheck !== undefined && { healthCheck }),
    ...(grace !== undefined && { killGraceMs: Math.round(grace * 1000) }),
    ...(cutOff !== undefined && { stopWhenCutOffMs: Math.round(cutOff * 1000) }),
  };
}

/** In the order of PORT0, PORT1, …: the exact ones as asked, the others the lowest that are free. */
function hostPorts({ ports }: Shape, left: Resources): PortRange[] {
  const exact = ports.flatMap((port) => port.exact ?? []);
  const free = subtractPorts(
    left.ports,
    exact.map((port): PortRange => [port, port]),
  );
  const any = takePorts(free, ports.length - exact.length)?.values();
  return ports.flatMap((port): PortRange[] => {
    if (port.exact !== undefined) return [[port.exact, port.exact]];
    const next = any?.next().value;
    return next === undefined ? [] : [next];
  });
}

function programOf(definition: AppDefinition): Workload {
  const { cmd, args, jvm, container } = definition;
  const { docker, volumes = [], portMappings = [] } = container ?? {};
  const network = networkOf(definition);
  const mappings = portMappings.map(({ containerPort, protocol }, port) => ({
    containerPort,
    port,
    protocol,
  }));
  return workloadOf(
    { cmd, args, jvm, docker, volumes },
    { network, ...(network === "bridge" && { portMappings: mappings }) },
  );
}

function limitsOf({ resourceLimits }: AppDefinition): TaskSpec["limits"] {
  if (resourceLimits === undefined) return undefined;
  const { cpus, mem } = resourceLimits;
  return {
    ...(cpus !== undefined && { cpus: Math.max(1, Math.round(cpus * 1000)) }),
    ...(mem !== undefined && { mem: Math.round(mem * 1000) }),
  };
}

const kinds = { HTTP: "http", MESOS_HTTP: "http", TCP: "tcp", MESOS_TCP: "tcp", COMMAND: "command" } as const;

function healthCheckOf({ healthChecks }: AppDefinition): HealthCheck | undefined {
  const [check] = healthChecks;
  if (check === undefined) return undefined;
  const kind = kinds[check.protocol];
  const most = check.maxConsecutiveFailures;
  return {
    kind,
    ...(kind !== "command" && { port: check.portIndex ?? 0 }),
    ...(kind === "http" && check.path !== undefined && { path: check.path }),
    ...(kind === "command" && check.command !== undefined && { command: check.command.value }),
    intervalMs: Math.round(check.intervalSeconds * 1000),
    timeoutMs: Math.round(check.timeoutSeconds * 1000),
    graceMs: Math.round(check.gracePeriodSeconds * 1000),
    // Marathon kills with the first failure beyond the maximum (HealthCheckActor looks before it counts).
    failuresMax: most === 0 ? 0 : most + 1,
  };
}
