import type { Need } from "#protocol/framework.js";
import type { PortRange, Resources } from "#protocol/resources.js";
import { portCount } from "#libs/core/resources.js";

/** Cutting pieces of the size of a need out of what is free. */

/** An offer without a hundredth of a core and without 32 MiB is of no use to anybody. */
export const worthOffering = ({ scalars }: Resources): boolean =>
  (scalars["cpus"] ?? 0) >= 10 || (scalars["mem"] ?? 0) >= 32_000;

/** True when the need says how large a piece is; else it is met by the whole of what is free. */
export function hasSize({ resources, portCount: ports = 0 }: Need): boolean {
  if (ports > 0 || resources.ports.length > 0) return true;
  for (const name in resources.scalars) if (resources.scalars[name]! > 0) return true;
  return false;
}

/** How often the need, which has a size, goes into what is free. Ports asked by number are there once. */
export function timesIn({ resources, portCount: ports = 0 }: Need, free: Resources): number {
  let times = resources.ports.length > 0 ? 1 : Number.POSITIVE_INFINITY;
  for (const name in resources.scalars) {
    const amount = resources.scalars[name]!;
    if (amount > 0) times = Math.min(times, Math.floor((free.scalars[name] ?? 0) / amount));
  }
  return ports > 0 ? Math.min(times, Math.floor(portCount(free.ports) / ports)) : times;
}

/** The need so many times. Its ports are the free ones that come after `lastPort`. */
export function piece(need: Need, times: number, free: Resources, lastPort: number): Resources {
  const scalars: Record<string, number> = {};
  for (const name in need.resources.scalars) {
    const amount = need.resources.scalars[name]! * times;
    if (amount > 0) scalars[name] = amount;
  }
  const ports = (need.portCount ?? 0) * times;
  return {
    scalars,
    ports:
      ports > 0
        ? [...need.resources.ports, ...portsAfter(lastPort, free.ports, ports)]
        : need.resources.ports,
  };
}

/** The first `count` of the sorted ranges that come after a port, going round at the end. */
export function portsAfter(lastPort: number, ranges: readonly PortRange[], count: number): PortRange[] {
  const taken: PortRange[] = [];
  let left = count;
  const take = (first: number, last: number) => {
    if (left === 0 || first > last) return;
    const end = Math.min(last, first + left - 1);
    taken.push([first, end]);
    left -= end - first + 1;
  };
  for (const [first, last] of ranges) take(Math.max(first, lastPort + 1), last);
  for (const [first, last] of ranges) take(first, Math.min(last, lastPort));
  return taken;
}

/** At most so much of each name that a limit names. */
export function clipped({ scalars, ports }: Resources, most: Record<string, number>): Resources {
  const left = { ...scalars };
  for (const name in most) if ((left[name] ?? 0) > most[name]!) left[name] = most[name]!;
  for (const name in left) if (left[name] === 0) delete left[name];
  return { scalars: left, ports };
}
