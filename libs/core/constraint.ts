import type { Attributes, Constraint } from "#protocol/resources.js";

/** Who a constraint is asked of. */
export interface Constrained {
  readonly id: string;
  readonly host: string;
  readonly attributes: Attributes;
}

/** The attributes that a constraint sees: the agent's own, and `@agent` and `@host`. */
export const seenAttributes = ({ id, host, attributes }: Constrained): Attributes => ({
  ...attributes,
  "@agent": id,
  "@host": host,
});

/** One of them, without making the others. */
export const seenAttribute = ({ id, host, attributes }: Constrained, name: string): string | undefined =>
  name === "@agent" ? id : name === "@host" ? host : attributes[name];

/** @param found value of the constraint's attribute; undefined: there is none */
export function constraintHolds({ operator, value = "" }: Constraint, found: string | undefined): boolean {
  switch (operator) {
    case "is":
      return found === value;
    case "is-not":
      return found !== value;
    case "like":
      return found !== undefined && wholeMatch(value, found);
    case "unlike":
      return found === undefined || !wholeMatch(value, found);
    case "exists":
      return found !== undefined;
  }
}

/** Undefined when it holds; else why not: `attribute rack is b, asked: is a`. */
export function constraintBroken(constraint: Constraint, attributes: Attributes): string | undefined {
  const { attribute, operator, value = "" } = constraint;
  const found = attributes[attribute];
  return constraintHolds(constraint, found)
    ? undefined
    : `attribute ${attribute} is ${found ?? "absent"}, asked: ${operator}${value && ` ${value}`}`;
}

/** Undefined when the text is a regular expression, else what is wrong with it. */
export function regexpFault(text: string): string | undefined {
  try {
    void new RegExp(`^(?:${text})$`, "u");
    return undefined;
  } catch (cause) {
    return (cause as Error).message;
  }
}

const compiled = new Map<string, RegExp>();

function wholeMatch(pattern: string, text: string): boolean {
  let regexp = compiled.get(pattern);
  if (regexp === undefined) {
    if (regexpFault(pattern) !== undefined) return false;
    regexp = new RegExp(`^(?:${pattern})$`, "u");
    if (compiled.size >= 1000) compiled.clear();
    compiled.set(pattern, regexp);
  }
  return regexp.test(text);
}
