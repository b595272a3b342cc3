import type { AppDefinition } from "#protocol/app.js";
import type { CountingRule } from "#protocol/api.js";
import type { Need } from "#protocol/framework.js";
import type { Resources } from "#protocol/resources.js";
import { amounts } from "#libs/core/resources.js";
import { type AppPort, portsOf } from "./app-ports.js";
import { constraintsOf } from "./constraints.js";

/** What one instance of a configuration asks of an agent; made once a configuration. */
export interface Shape {
  readonly scalars: Resources["scalars"];
  readonly ports: readonly AppPort[];
  readonly need: Need;
  /** The same for equal needs. */
  readonly kind: string;
  readonly counting: readonly CountingRule[];
  /** Attributes of GROUP_BY: over them it stays spread when some end. */
  readonly groups: readonly string[];
}

export function shapeOf(definition: AppDefinition): Shape {
  const { cpus, mem, disk, gpus, constraints, container, jvm } = definition;
  const ports = portsOf(definition);
  const { onAgents, counting } = constraintsOf(constraints);
  const exact = ports.flatMap((port) => port.exact ?? []);
  const anyCount = ports.length - exact.length;
  const resources = amounts({ cpus, mem, disk, gpus, ports: exact.map((port) => [port, port]) });
  const need: Need = {
    resources,
    constraints: [...onAgents],
    executor: container !== undefined ? "container" : jvm !== undefined ? "jvm" : "process",
    ...(anyCount > 0 && { portCount: anyCount }),
    ...(jvm?.version !== undefined && { jdk: jvm.version }),
  };
  return {
    scalars: resources.scalars,
    ports,
    counting,
    groups: counting.filter(({ operator }) => operator === "GROUP_BY").map(({ attribute }) => attribute),
    need,
    kind: JSON.stringify(need),
  };
}
