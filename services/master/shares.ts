import { dominantShare } from "#libs/core/resources.js";
import type { Resources } from "#protocol/resources.js";

/** What is used and offered under one name, and how often something was allocated to it. Changed in place: it is counted often. */
export class Charge {
  readonly amounts: { readonly scalars: Record<string, number>; readonly ports: [] } = {
    scalars: {},
    ports: [],
  };
  allocations = 0;

  add({ scalars }: Resources, times: 1 | -1): void {
    const mine = this.amounts.scalars;
    for (const name in scalars) mine[name] = (mine[name] ?? 0) + times * scalars[name]!;
  }

  /** 0 to 1 */
  share(total: Resources): number {
    return dominantShare(this.amounts, total);
  }
}

/**
 * Who has which part of the cluster, offers counted as taken: by role, and by framework within its role (Ghodsi et al.,
 * "Dominant Resource Fairness", NSDI 2011). Always up to date: a change costs what changed.
 */
export class Shares {
  readonly #total = new Charge();
  readonly #roles = new Map<string, { readonly whole: Charge; readonly frameworks: Map<string, Charge> }>();

  /** Of all agents that count: registered and awaited. */
  get total(): Resources {
    return this.#total.amounts;
  }

  count(totals: Resources, times: 1 | -1): void {
    this.#total.add(totals, times);
  }

  /** @param allocations how many allocations this was */
  charge(role: string, framework: string, resources: Resources, times: 1 | -1, allocations = 0): void {
    const { whole, frameworks } = this.#entry(role);
    let charge = frameworks.get(framework);
    if (charge === undefined) frameworks.set(framework, (charge = new Charge()));
    whole.add(resources, times);
    charge.add(resources, times);
    whole.allocations += allocations;
    charge.allocations += allocations;
  }

  role(name: string): Charge {
    return this.#entry(name).whole;
  }

  framework(role: string, id: string): Charge {
    const { frameworks } = this.#entry(role);
    let charge = frameworks.get(id);
    if (charge === undefined) frameworks.set(id, (charge = new Charge()));
    return charge;
  }

  #entry(name: string) {
    let entry = this.#roles.get(name);
    if (entry === undefined) this.#roles.set(name, (entry = { whole: new Charge(), frameworks: new Map() }));
    return entry;
  }
}
