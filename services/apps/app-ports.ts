import type { AppDefinition } from "#protocol/app.js";

/** One port of each instance, in the order of PORT0, PORT1, …. */
export interface AppPort {
  /** The host port that it must be; any of the offer unless given. */
  readonly exact: number | undefined;
  readonly name: string | undefined;
  /** The number by which the definition calls it, for PORT_<number>; 0: none. */
  readonly number: number;
  readonly protocol: "tcp" | "udp";
  readonly labels: Readonly<Record<string, string>>;
  /** In the container; undefined on the host's network. */
  readonly containerPort: number | undefined;
}

export type Network = "host" | "bridge";

/** As asked; else a bridge for a container that maps ports, and the host's for all others. */
export function networkOf({ networks, container }: AppDefinition): Network {
  const mode = networks?.[0]?.mode;
  if (mode !== undefined) return mode === "host" ? "host" : "bridge";
  return container !== undefined && container.portMappings.length > 0 ? "bridge" : "host";
}

/** On the host's network the `portDefinitions`, one port unless given (as in Marathon); in a bridge the `portMappings`. */
export function portsOf(definition: AppDefinition): readonly AppPort[] {
  if (networkOf(definition) === "bridge")
    return (definition.container?.portMappings ?? []).map((mapping) => ({
      exact: mapping.hostPort === 0 ? undefined : mapping.hostPort,
      name: mapping.name,
      number: mapping.containerPort,
      protocol: mapping.protocol,
      labels: mapping.labels ?? {},
      containerPort: mapping.containerPort,
    }));
  const definitions = definition.portDefinitions ?? [{ port: 0, protocol: "tcp" as const, name: "default" }];
  return definitions.map((each) => ({
    exact: definition.requirePorts && each.port !== 0 ? each.port : undefined,
    name: each.name,
    number: each.port,
    protocol: each.protocol,
    labels: ("labels" in each ? each.labels : undefined) ?? {},
    containerPort: undefined,
  }));
}
