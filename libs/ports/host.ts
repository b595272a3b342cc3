import type { Resources } from "#protocol/resources.js";

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
}
