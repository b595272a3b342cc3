/** What a host has, in the units of the agent's configuration: cores, MiB, MiB. */
export interface HostAmounts {
  readonly cpus: number;
  readonly mem: number;
  readonly disk: number;
  readonly ports: readonly [number, number];
}

export interface AgentShare extends HostAmounts {
  readonly id: string;
  readonly rack: string;
}

/** The host in `count` equal parts, rounded down; racks a, b, c in turn. Ports that do not divide go to the last. */
export function shareOut(
  { cpus, mem, disk, ports: [first, last] }: HostAmounts,
  count: number,
): AgentShare[] {
  const each = Math.floor((last - first + 1) / count);
  return Array.from({ length: count }, (_, index) => {
    const start = first + index * each;
    return {
      id: `agent-${letter(index)}`,
      rack: letter(index % 3),
      cpus: Math.floor((cpus * 1000) / count) / 1000,
      mem: Math.floor(mem / count),
      disk: Math.floor(disk / count),
      ports: [start, index === count - 1 ? last : start + each - 1] as const,
    };
  });
}

const letter = (index: number): string => String.fromCharCode("a".charCodeAt(0) + index);
