import type { Need } from "#protocol/framework.js";

/** A message has room for so many kinds. */
const needsMost = 100;

/** What lies beyond is summed up in one that asks the least of each, so that those behind are not starved by those before. */
export function boundedNeeds(needs: readonly Need[]): readonly Need[] {
  if (needs.length <= needsMost) return needs;
  const rest = needs.slice(needsMost - 1);
  const names = new Set(rest.flatMap(({ resources }) => Object.keys(resources.scalars)));
  const least = (name: string) => Math.min(...rest.map(({ resources }) => resources.scalars[name] ?? 0));
  const scalars = Object.fromEntries(Array.from(names, (name) => [name, least(name)]));
  return [...needs.slice(0, needsMost - 1), { resources: { scalars, ports: [] }, constraints: [] }];
}
