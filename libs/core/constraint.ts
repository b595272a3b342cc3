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

/** Undefined when the text is a regular expression that is quick to try, else what is wrong with it. */
export function regexpFault(text: string): string | undefined {
  try {
    void new RegExp(`^(?:${text})$`, "u");
    return slownessOf(text);
  } catch (cause) {
    return (cause as Error).message;
  }
}

const repetitionsMost = 3;

/**
 * One expression is tried on every agent, by the leader, between two events: `(.*)*x` would stop the cluster for years.
 * Refused is what can take more than polynomial time, a repeated group with a choice or a repetition in it, and more
 * repetitions than a few.
 */
function slownessOf(text: string): string | undefined {
  /** Of each group that is open: whether there is a choice or a repetition in it. */
  const isVaried = [false];
  let repetitions = 0;
  let endedVaried = false;
  for (const [part] of text.matchAll(/\\.|\[(?:\\.|[^\]\\])*\]|\(\?(?:[:=!]|<[=!]?)|[^]/gu)) {
    const isRepetition = part === "*" || part === "+" || part === "{";
    if (isRepetition && ++repetitions > repetitionsMost)
      return `more than ${repetitionsMost} repetitions (* + {}) can take too long`;
    if (isRepetition && endedVaried)
      return "a repeated group with a choice or a repetition in it can take too long";
    if (part.startsWith("(")) isVaried.push(false);
    endedVaried = part === ")" && isVaried.pop() === true;
    if (endedVaried || isRepetition || part === "|" || part === "?") isVaried[isVaried.length - 1] = true;
  }
  return undefined;
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
