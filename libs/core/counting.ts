import type { CountingRule } from "#protocol/api.js";
import type { Attributes } from "#protocol/resources.js";

/** What such a rule counts. */
export interface Counts {
  /** How many there shall be in all. */
  readonly instances: number;
  /** Placed ones by value of the attribute, in the order in which they came. */
  by(attribute: string): ReadonlyMap<string, number>;
  /** All values that are known: those above among them. */
  valuesOf(attribute: string): Iterable<string>;
}

/** The one answer for placement and explanation alike: undefined when one more may go there; else why not, in counts. */
export function ruleBroken(rule: CountingRule, there: Attributes, counted: Counts): string | undefined {
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
function unevenOverSeen(attribute: string, value: string, counted: Counts): string | undefined {
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
