import type { CountingRule } from "#protocol/api.js";
import type { Constraint } from "#protocol/resources.js";
import type { Fault } from "#protocol/errors.js";
import { regexpFault } from "#libs/core/constraint.js";

export const operators = ["IS", "LIKE", "UNLIKE", "CLUSTER", "UNIQUE", "MAX_PER", "GROUP_BY"] as const;
type Operator = (typeof operators)[number];

/** `[field, operator, value?]` of an app, read. */
interface Triple {
  readonly field: string;
  readonly operator: Operator;
  readonly value: string | undefined;
}

export interface Constraints {
  /** Those that an agent can be asked alone. */
  readonly onAgents: readonly Constraint[];
  /** Those that count instances. */
  readonly counting: readonly CountingRule[];
}

/** Of constraints without faults. */
export function constraintsOf(constraints: readonly (readonly string[])[]): Constraints {
  const onAgents: Constraint[] = [];
  const counting: CountingRule[] = [];
  for (const each of constraints) {
    const { field, operator, value } = tripleOf(each);
    const compared = { attribute: comparedAttribute(field), ...(value !== undefined && { value }) };
    const attribute = countedAttribute(field);
    switch (operator) {
      case "IS":
        onAgents.push({ ...compared, operator: "is" });
        break;
      case "LIKE":
        onAgents.push({ ...compared, operator: "like" });
        break;
      case "UNLIKE":
        onAgents.push({ ...compared, operator: "unlike" });
        break;
      case "CLUSTER":
        if (value !== undefined) onAgents.push({ ...compared, operator: "is" });
        else counting.push({ operator, attribute });
        break;
      case "UNIQUE":
        counting.push({ operator, attribute });
        break;
      case "MAX_PER":
        counting.push({ operator, attribute, most: Number(value) });
        break;
      case "GROUP_BY":
        counting.push({ operator, attribute, ...(value !== undefined && { groups: Number(value) }) });
        break;
    }
  }
  for (const { attribute } of counting) onAgents.push({ attribute, operator: "exists" });
  return { onAgents, counting };
}

/** What is wrong with one of them; `path` points at it. */
export function constraintFaults(constraint: readonly string[], path: string): Fault[] {
  const { field, operator, value } = tripleOf(constraint);
  const faults: Fault[] = [];
  const wrong = (at: number, expected: string) =>
    faults.push({ path: `${path}/${at}`, expected, found: constraint[at] ?? "nothing" });
  if (field === "") wrong(0, "name of an attribute, or hostname, @host, @agent");
  switch (operator) {
    case "IS":
      if (value === undefined) wrong(2, "the text to be equal to");
      break;
    case "LIKE":
    case "UNLIKE": {
      const fault = value === undefined ? "nothing given" : regexpFault(value);
      if (fault !== undefined) wrong(2, `a regular expression (${fault})`);
      break;
    }
    case "CLUSTER":
      break;
    case "UNIQUE":
      if (value !== undefined) wrong(2, "no value with UNIQUE");
      break;
    case "MAX_PER":
      if (!isCount(value)) wrong(2, "a whole number from 1");
      break;
    case "GROUP_BY":
      if (value !== undefined && !isCount(value)) wrong(2, "a whole number from 1, or nothing");
      break;
    default:
      wrong(1, `one of ${operators.join(", ")}`);
  }
  return faults;
}

function tripleOf([field = "", operator = "", value]: readonly string[]): Triple {
  return { field, operator: operator.toUpperCase() as Operator, value };
}

const isCount = (text: string | undefined): boolean => text !== undefined && /^[1-9][0-9]{0,8}$/.test(text);

const isHostname = (field: string): boolean => field === "hostname" || field === "@hostname";

/** Marathon's `hostname` names an agent: its address is what is compared, … */
const comparedAttribute = (field: string): string => (isHostname(field) ? "@host" : field);

/** … and the agent what is counted, since several agents may share one address. */
const countedAttribute = (field: string): string => (isHostname(field) ? "@agent" : field);
