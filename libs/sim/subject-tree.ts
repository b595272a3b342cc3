import type { Cancel } from "#libs/ports/clock.js";

interface Branch<T> {
  readonly children: Map<string, Branch<T>>;
  readonly values: Map<number, T>;
}

/** Finds what was put under patterns that match a subject: `*` is one token, `>` at the end one or more. */
export class SubjectTree<T> {
  readonly #root: Branch<T> = { children: new Map(), values: new Map() };
  #count = 0;

  add(pattern: string, value: T): Cancel {
    let branch = this.#root;
    for (const token of pattern.split(".")) {
      let child = branch.children.get(token);
      if (child === undefined)
        branch.children.set(token, (child = { children: new Map(), values: new Map() }));
      branch = child;
    }
    const order = this.#count++;
    branch.values.set(order, value);
    return () => void branch.values.delete(order);
  }

  /** In the order of their adding. */
  match(subject: string): T[] {
    const found: [number, T][] = [];
    collect(this.#root, subject.split("."), 0, found);
    return found.toSorted(([a], [b]) => a - b).map(([, value]) => value);
  }
}

function collect<T>(branch: Branch<T>, tokens: readonly string[], at: number, found: [number, T][]): void {
  if (at === tokens.length) {
    found.push(...branch.values);
    return;
  }
  const rest = branch.children.get(">");
  if (rest !== undefined) found.push(...rest.values);
  for (const token of [tokens[at]!, "*"]) {
    const child = branch.children.get(token);
    if (child !== undefined) collect(child, tokens, at + 1, found);
  }
}

export function subjectMatches(pattern: string, subject: string): boolean {
  const asked = pattern.split(".");
  const given = subject.split(".");
  if (asked.at(-1) === ">" && given.length >= asked.length) given.length = asked.length;
  else if (asked.length !== given.length) return false;
  return asked.every((token, at) => token === "*" || token === ">" || token === given[at]);
}
