import {
  claimPorts,
  overlap,
  portClaims,
  type PortRange,
  whilePortsRest,
} from "#libs/adapters/port-claims.js";
import type { Clock } from "#libs/ports/clock.js";
import type { Options } from "#setup/options.mjs";
import { StartFailure } from "./start-failure.js";

export interface TaskPorts {
  readonly range: PortRange;
  readonly release: () => void;
}

/**
 * Takes the ports that tasks may get for this cluster alone. Two clusters that gave out the same ports would have half of their
 * tasks fail.
 * @throws StartFailure when another cluster, or an agent, of this machine has some of them
 */
export const takeTaskPorts = (asked: Options["taskPorts"], clock: Clock): Promise<TaskPorts> =>
  whilePortsRest(clock, async () => {
    const taken = (await portClaims()).filter(({ pid }) => pid !== process.pid);
    const range = asked === 0 ? freeRange(taken.map(({ ports }) => ports)) : asked;
    const other = taken.find(({ ports }) => overlap(ports, range));
    if (other !== undefined)
      throw new StartFailure(
        `of the task ports ${range.join("-")} another cluster on this machine has ${other.ports.join("-")} ` +
          `(process ${other.pid}); choose others with --task-ports, or --task-ports 0 for any free ones`,
      );
    return { range, release: await claimPorts(range) };
  });

const size = 1000;
/** Below the ports from which Linux takes those of outgoing connections (32768 and more). */
const firsts = [
  31_000, 30_000, 29_000, 28_000, 27_000, 26_000, 25_000, 24_000, 23_000, 22_000, 21_000, 20_000,
];

/** @throws StartFailure when there are as many clusters as ranges */
export function freeRange(taken: readonly PortRange[]): PortRange {
  const first = firsts.find((from) => !taken.some((each) => overlap(each, [from, from + size - 1])));
  if (first === undefined)
    throw new StartFailure(
      `no ${size} task ports from ${firsts.at(-1)} to ${firsts[0]! + size - 1} are free of other clusters; name some with --task-ports`,
    );
  return [first, first + size - 1];
}
