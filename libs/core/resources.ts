import type { PortRange, Resources } from "#protocol/resources.js";

/** Arithmetic on what hosts have. Values are never changed in place; `ports` of results are sorted and joined. */
export const none: Resources = { scalars: {}, ports: [] };

export interface AmountOptions {
  readonly cpus?: number;
  /** MiB */
  readonly mem?: number;
  /** MiB */
  readonly disk?: number;
  readonly gpus?: number;
  readonly ports?: readonly PortRange[];
}

/** From the units that people use: cores and MiB, as fractions if need be. Names whose amount is 0 are left out. */
export function amounts({ ports = [], ...scalars }: AmountOptions): Resources {
  const thousandths: Record<string, number> = {};
  for (const [name, amount] of Object.entries(scalars))
    if (amount) thousandths[name] = Math.round(amount * 1000);
  return { scalars: thousandths, ports: ports.map(([first, last]) => [first, last]) };
}

export const scalar = (resources: Resources, name: string): number => resources.scalars[name] ?? 0;

export function add(a: Resources, b: Resources): Resources {
  const scalars = { ...a.scalars };
  for (const name in b.scalars) scalars[name] = (scalars[name] ?? 0) + b.scalars[name]!;
  return { scalars, ports: b.ports.length === 0 ? a.ports : joinPorts([...a.ports, ...b.ports]) };
}

export const sum = (all: Iterable<Resources>): Resources => {
  let total = none;
  for (const each of all) total = add(total, each);
  return total;
};

/** What is left of `a` without `b`; a name that `b` has more of than `a` comes out as 0. */
export function subtract(a: Resources, b: Resources): Resources {
  const scalars: Record<string, number> = {};
  for (const name in a.scalars) {
    const left = a.scalars[name]! - (b.scalars[name] ?? 0);
    if (left > 0) scalars[name] = left;
  }
  return { scalars, ports: b.ports.length === 0 ? a.ports : subtractPorts(a.ports, b.ports) };
}

/** `whole` without `part`; undefined when it does not contain it. Both questions in one go. */
export function remainder(whole: Resources, part: Resources): Resources | undefined {
  for (const name in part.scalars) if (part.scalars[name]! > (whole.scalars[name] ?? 0)) return undefined;
  if (part.ports.length > 0 && subtractPorts(part.ports, whole.ports).length > 0) return undefined;
  return subtract(whole, part);
}

/** True when `whole` has all that `part` has: every scalar and every single port. */
export function contains(whole: Resources, part: Resources): boolean {
  for (const name in part.scalars) if ((whole.scalars[name] ?? 0) < part.scalars[name]!) return false;
  return part.ports.length === 0 || subtractPorts(part.ports, whole.ports).length === 0;
}

export function isEmpty(resources: Resources): boolean {
  for (const name in resources.scalars) if (resources.scalars[name]! > 0) return false;
  return resources.ports.length === 0;
}

export const equals = (a: Resources, b: Resources): boolean => contains(a, b) && contains(b, a);

export const portCount = (ports: readonly PortRange[]): number =>
  ports.reduce((count, [first, last]) => count + last - first + 1, 0);

/** Every port, in the order of the ranges: PORT0, PORT1, … */
export function portList(ports: readonly PortRange[]): number[] {
  const list: number[] = [];
  for (const [first, last] of ports) for (let port = first; port <= last; port++) list.push(port);
  return list;
}

/** Those of `ports` that lie in one of the ranges, the lowest first. */
export const portsWithin = (ports: Iterable<number>, ranges: readonly PortRange[]): number[] =>
  [...ports]
    .filter((port) => ranges.some(([first, last]) => first <= port && port <= last))
    .toSorted((a, b) => a - b);

/** The lowest `count` ports of the ranges as ranges of one each; undefined when there are not so many. */
export function takePorts(ports: readonly PortRange[], count: number): PortRange[] | undefined {
  const taken: PortRange[] = [];
  for (const [first, last] of ports)
    for (let port = first; port <= last; port++) {
      if (taken.length === count) return taken;
      taken.push([port, port]);
    }
  return taken.length === count ? taken : undefined;
}

/** Sorted, overlapping and neighbouring ranges joined, ranges that end before they begin dropped. */
export function joinPorts(ports: readonly PortRange[]): PortRange[] {
  if (isJoined(ports)) return ports as PortRange[];
  const sorted = ports.filter(([first, last]) => first <= last).toSorted((a, b) => a[0] - b[0]);
  const joined: PortRange[] = [];
  for (const [first, last] of sorted) {
    const before = joined.at(-1);
    if (before !== undefined && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else joined.push([first, last]);
  }
  return joined;
}

/** They mostly are: telling so is much cheaper than making a new list. */
function isJoined(ports: readonly PortRange[]): boolean {
  let next = Number.NEGATIVE_INFINITY;
  for (const [first, last] of ports) {
    if (first < next || last < first) return false;
    next = last + 2;
  }
  return true;
}

/** Walks both sorted lists once: O(ranges). */
export function subtractPorts(from: readonly PortRange[], without: readonly PortRange[]): PortRange[] {
  const holes = joinPorts(without);
  const left: PortRange[] = [];
  let hole = 0;
  for (const [start, end] of joinPorts(from)) {
    let first = start;
    while (hole < holes.length && holes[hole]![1] < first) hole++;
    for (let at = hole; at < holes.length && holes[at]![0] <= end; at++) {
      if (holes[at]![0] > first) left.push([first, holes[at]![0] - 1]);
      first = Math.max(first, holes[at]![1] + 1);
    }
    if (first <= end) left.push([first, end]);
  }
  return left;
}

/** The largest fraction of any scalar of the total that is taken, 0 to 1: dominant share (Ghodsi et al., NSDI 2011). */
export function dominantShare(taken: Resources, total: Resources): number {
  let share = 0;
  for (const name in taken.scalars) {
    const whole = total.scalars[name] ?? 0;
    if (whole > 0) share = Math.max(share, taken.scalars[name]! / whole);
  }
  return share;
}

const units: Record<string, string> = { mem: " MiB", disk: " MiB" };

/** A thousandths amount as people write it: `0.5`, `512 MiB`. */
export const amountText = (name: string, thousandths: number): string =>
  `${Number((thousandths / 1000).toFixed(3))}${units[name] ?? ""}`;

/** `cpus 0.5, mem 128 MiB, ports 31000-31002`; `nothing` when empty. */
export function resourcesText({ scalars, ports }: Resources): string {
  const parts = Object.keys(scalars).map((name) => `${name} ${amountText(name, scalars[name]!)}`);
  if (ports.length > 0)
    parts.push(
      `ports ${joinPorts(ports)
        .map(([a, b]) => (a === b ? `${a}` : `${a}-${b}`))
        .join(" ")}`,
    );
  return parts.join(", ") || "nothing";
}
