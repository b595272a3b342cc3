import { type Instance, isStarting, isUnreachable } from "./instance.js";

/**
 * Which `count` of these instances end first when there are too many:
 * 1. what serves least: unreachable, not yet running, unhealthy, health not known yet, the others;
 * 2. from the fullest places, so that what is left stays spread: first by the attributes of `groups`, then by agent;
 * 3. the youngest; then by id, so that one state gives one answer.
 */
export function firstToEnd(
  instances: readonly Instance[],
  count: number,
  groups: readonly string[] = [],
): readonly Instance[] {
  if (count <= 0) return [];
  if (count >= instances.length) return instances;
  const crowds = [...groups, "@agent"].map((attribute) => new Crowd(attribute, instances));
  const left = instances.map((instance) => ({ instance, rank: rankOf(instance) }));
  const chosen: Instance[] = [];
  while (chosen.length < count) {
    let at = 0;
    for (let other = 1; other < left.length; other++) if (before(left[other]!, left[at]!, crowds)) at = other;
    const { instance } = left[at]!;
    left[at] = left.at(-1)!;
    left.pop();
    for (const crowd of crowds) crowd.leave(instance);
    chosen.push(instance);
  }
  return chosen;
}

interface Candidate {
  readonly instance: Instance;
  readonly rank: number;
}

function before(a: Candidate, b: Candidate, crowds: readonly Crowd[]): boolean {
  if (a.rank !== b.rank) return a.rank < b.rank;
  for (const crowd of crowds) {
    const difference = crowd.sizeAround(a.instance) - crowd.sizeAround(b.instance);
    if (difference !== 0) return difference > 0;
  }
  if (a.instance.stagedAt !== b.instance.stagedAt) return a.instance.stagedAt > b.instance.stagedAt;
  return a.instance.id > b.instance.id;
}

function rankOf(instance: Instance): number {
  if (isUnreachable(instance)) return 0;
  if (isStarting(instance)) return 1;
  if (instance.healthy === false) return 2;
  return instance.isChecked && instance.healthy === undefined ? 3 : 4;
}

/** How many instances share each value of an attribute. */
class Crowd {
  readonly #attribute: string;
  readonly #sizes = new Map<string | undefined, number>();

  constructor(attribute: string, instances: readonly Instance[]) {
    this.#attribute = attribute;
    for (const instance of instances) this.#add(instance, 1);
  }

  sizeAround = (instance: Instance): number => this.#sizes.get(instance.attributes[this.#attribute]) ?? 0;

  leave(instance: Instance): void {
    this.#add(instance, -1);
  }

  #add(instance: Instance, by: number): void {
    const value = instance.attributes[this.#attribute];
    this.#sizes.set(value, (this.#sizes.get(value) ?? 0) + by);
  }
}
