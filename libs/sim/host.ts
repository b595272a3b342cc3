import { amounts, portsWithin } from "#libs/core/resources.js";
import type { Clock } from "#libs/ports/clock.js";
import type { Host } from "#libs/ports/host.js";
import type { Random } from "#libs/ports/random.js";
import type { PortRange, Resources } from "#protocol/resources.js";

export interface SimHostOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  /** 4 cores, 8 GiB of memory, 100 GiB of disk unless given. */
  readonly resources?: Resources;
  readonly isRoot?: boolean;
}

/** A host that is what it is told to be. */
export class SimHost implements Host {
  readonly name: string;
  readonly isRoot: boolean;
  bootId: string;
  /** Ports on which somebody else listens. */
  readonly taken = new Set<number>();
  /** 0 to 1 */
  free = 0.9;
  readonly #options: SimHostOptions;

  constructor(options: SimHostOptions) {
    this.#options = options;
    this.name = options.name;
    this.isRoot = options.isRoot ?? true;
    this.bootId = options.random.token(12);
  }

  async detect(): Promise<Resources> {
    return this.#options.resources ?? amounts({ cpus: 4, mem: 8192, disk: 102_400 });
  }

  async portTaken(port: number): Promise<boolean> {
    return this.taken.has(port);
  }

  async takenPorts(ranges: readonly PortRange[]): Promise<number[]> {
    return portsWithin(this.taken, ranges);
  }

  async diskFree(): Promise<number> {
    return this.free;
  }

  /** Another boot id; what ran is for `SimHostTasks.restart` to end. */
  restart(): void {
    this.bootId = this.#options.random.token(12);
  }
}
