import type { Attributes, Constraint } from "#protocol/resources.js";

/** The attributes that a constraint sees: the agent's own, and `@agent` and `@host`. */
export const seenAttributes = (agent: {
  readonly id: string;
  readonly host: string;
  readonly attributes: Attributes;
}): Attributes => ({
  ...agent.attributes,
  "@agent": agent.id,
  "@host": agent.host,
});

/** Undefined when it holds; else why not: `rack is b, asked: is a`. */
export function constraintBroken(
  { attribute, operator, value = "" }: Constraint,
  attributes: Attributes,
): string | undefined {
  const found = attributes[attribute];
  const holds = () => {
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
  };
  return holds()
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
