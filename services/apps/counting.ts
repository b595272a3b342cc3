import type { Attributes } from "#protocol/resources.js";

/**
 * The constraints that cannot be told from an agent alone: they count the app's own instances. They are decided at placement,
 * against the instances of the present configuration that have not ended: those of an older one are on their way out, and
 * would otherwise keep their successors from the places that they leave.
 */
export type CountingRule =
  /** At most one for each value. */
  | { readonly operator: "UNIQUE"; readonly attribute: string }
  /** All where the first one is. */
  | { readonly operator: "CLUSTER"; readonly attribute: string }
  /** At most `most` for each value. */
  | { readonly operator: "MAX_PER"; readonly attribute: string; readonly most: number }
  /** As many for each value; over `groups` values, or over all that are seen. */
  | { readonly operator: "GROUP_BY"; readonly attribute: string; readonly groups: number | undefined };

/** Counts of an app's placed instances by value of any attribute; grows with each that is placed. */
export class Counted {
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

/** Undefined when one more instance may go there; else why not, in counts. */
export function ruleBroken(rule: CountingRule, there: Attributes, counted: Counted): string | undefined {
  const { attribute } = rule;
  const value = there[attribute];
  if (value === undefined) return `${rule.operator} ${attribute}: the agent has no such attribute`;
  const counts = counted.by(attribute);
  const here = counts.get(value) ?? 0;
  switch (rule.operator) {
    case "UNIQUE":
      return here === 0 ? undefined : `UNIQUE ${attribute}: ${value} has ${here} already`;
    case "MAX_PER":
      return here < rule.most ? undefined : `MAX_PER ${attribute} ${rule.most}: ${value} has ${here} already`;
    case "CLUSTER": {
      const [first] = counts.keys();
      return first === undefined || first === value
        ? undefined
        : `CLUSTER ${attribute}: the others are on ${first}, this is ${value}`;
    }
    case "GROUP_BY":
      return rule.groups === undefined
        ? unevenOverSeen(attribute, value, counted)
        : unevenOverGroups(attribute, value, rule.groups, counts, counted.instances);
  }
}

/** The value must be among those that have the fewest. */
function unevenOverSeen(attribute: string, value: string, counted: Counted): string | undefined {
  const counts = counted.by(attribute);
  let fewest = counts.get(value) ?? 0;
  let where = value;
  for (const other of counted.valuesOf(attribute)) {
    const there = counts.get(other) ?? 0;
    if (there < fewest) [fewest, where] = [there, other];
  }
  return where === value
    ? undefined
    : `GROUP_BY ${attribute}: ${value} has ${counts.get(value)}, ${where} has ${fewest}`;
}

/**
 * Of n instances over g groups each value takes ⌊n / g⌋, and n mod g of them one more (Marathon's rule); a new value is taken
 * while fewer than g are used.
 */
function unevenOverGroups(
  attribute: string,
  value: string,
  groups: number,
  counts: ReadonlyMap<string, number>,
  instances: number,
): string | undefined {
  const here = counts.get(value);
  if (here === undefined)
    return counts.size < groups
      ? undefined
      : `GROUP_BY ${attribute} ${groups}: ${counts.size} values are used already, ${value} would be one more`;
  const each = Math.floor(instances / groups);
  let moreUsed = 0;
  for (const count of counts.values()) moreUsed += Math.max(0, count - each);
  const fits = here < each || (here === each && moreUsed < instances % groups);
  return fits ? undefined : `GROUP_BY ${attribute} ${groups}: ${value} has ${here} of ${instances} already`;
}
