import type { Counting, CountingRule } from "#protocol/api.js";
import type { Attributes } from "#protocol/resources.js";
import type { Counts } from "#libs/core/counting.js";

/**
 * Counts of an app's placed instances by value of any attribute; grows with each that is placed. Rules on counts are decided at
 * placement, against the instances of the present configuration that have not ended: those of an older one are on their way
 * out, and would otherwise keep their successors from the places that they leave.
 */
export class Counted implements Counts {
  /** How many instances the app shall have. */
  readonly instances: number;
  /** Attributes of agents that could be had lately: GROUP_BY without a number spreads over their values. */
  readonly #seen: readonly Attributes[];
  readonly #placed: Attributes[];
  readonly #counts = new Map<string, Map<string, number>>();

  constructor(facts: {
    readonly instances: number;
    readonly placed: Iterable<Attributes>;
    readonly seen: readonly Attributes[];
  }) {
    this.instances = facts.instances;
    this.#placed = [...facts.placed];
    this.#seen = facts.seen;
  }

  add(attributes: Attributes): void {
    this.#placed.push(attributes);
    for (const [attribute, counts] of this.#counts) count(counts, attributes[attribute]);
  }

  by(attribute: string): ReadonlyMap<string, number> {
    let counts = this.#counts.get(attribute);
    if (counts === undefined) {
      counts = new Map();
      for (const attributes of this.#placed) count(counts, attributes[attribute]);
      this.#counts.set(attribute, counts);
    }
    return counts;
  }

  valuesOf(attribute: string): Set<string> {
    return new Set([...this.by(attribute).keys(), ...this.#seen.flatMap((each) => each[attribute] ?? [])]);
  }
}

function count(counts: Map<string, number>, value: string | undefined): void {
  if (value !== undefined) counts.set(value, (counts.get(value) ?? 0) + 1);
}

/** The rules with what they count, for whoever knows all agents; and what is left out, in words, where it is too much for a message. */
export function countingOf(
  rules: readonly CountingRule[],
  counted: Counted,
): { readonly counting: Counting[]; readonly leftOut: readonly string[] } {
  const leftOut: string[] = [];
  let room = roomBytes;
  const fits = (value: string) => (room -= utf8.encode(value).length + 16) > 0;
  const counting = rules.map((rule): Counting => {
    const counts = counted.by(rule.attribute);
    const placed = [...counts].filter(([value]) => fits(value));
    if (placed.length < counts.size)
      leftOut.push(
        `${rule.operator} ${rule.attribute}: instances on ${placed.length} of ${counts.size} values are counted here`,
      );
    const others = [...counted.valuesOf(rule.attribute)].filter((value) => !counts.has(value) && fits(value));
    return { rule, instances: counted.instances, placed, others };
  });
  return { counting, leftOut };
}

/** A message has 256 KB, and some of it is for the need and the words. */
const roomBytes = 150_000;
const utf8 = new TextEncoder();
