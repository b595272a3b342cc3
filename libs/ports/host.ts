import type { PortRange, Resources } from "#protocol/resources.js";

/** The host under an agent. */
export interface Host {
  /** cpus, mem and disk that there are; nothing is taken off for the system. */
  detect(): Promise<Resources>;
  readonly name: string;
  /** Another one after each start of the host. */
  readonly bootId: string;
  readonly isRoot: boolean;
  /** True when somebody listens on the port already. */
  portTaken(port: number): Promise<boolean>;
  /** All ports of the ranges on which somebody listens, ascending: in one look, and without touching them. None where the system does not tell. */
  takenPorts(ranges: readonly PortRange[]): Promise<number[]>;
  /** Share of the disk under the work directory that is free, 0 to 1. Where it is not known, sandboxes go by age and number alone. */
  diskFree?(): Promise<number>;
}
