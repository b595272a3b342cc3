import type { Use } from "#protocol/agent.js";
import type { PortRange, Resources } from "#protocol/resources.js";
import { assert } from "#libs/core/assert.js";
import { add, contains, none, subtract, subtractPorts } from "#libs/core/resources.js";

interface Entry {
  readonly framework: string;
  readonly role: string;
  readonly resources: Resources;
}

/**
 * What of the host is taken, and by whom. The agent is the only one who writes here, and nothing runs that is not in here.
 *
 * - L1 What is reserved fits what was free at that moment, so used never exceeds the totals (R1).
 * - L2 A task holds its resources from its acceptance to its end, once.
 */
export class Ledger {
  readonly #configured: Resources;
  #totals: Resources;
  readonly #entries = new Map<string, Entry>();
  readonly #use = new Map<string, Use>();
  #used: Resources = none;

  constructor(totals: Resources) {
    this.#configured = totals;
    this.#totals = totals;
  }

  /** These ports are not ours to give, all others that were configured are. What holds one of them keeps it. */
  withhold(ports: readonly PortRange[]): void {
    const { scalars, ports: configured } = this.#configured;
    this.#totals = { scalars, ports: subtractPorts(configured, ports) };
  }

  get totals(): Resources {
    return this.#totals;
  }

  get used(): Resources {
    return this.#used;
  }

  get free(): Resources {
    return subtract(this.#totals, this.#used);
  }

  holds(task: string): boolean {
    return this.#entries.has(task);
  }

  reserve(task: string, entry: Entry): void {
    assert(contains(this.free, entry.resources), `R1: ${task} fits what is free`);
    this.#take(task, entry);
  }

  /** For a task that was accepted before this process began: it holds what it holds, even if the totals were lowered since. */
  restore(task: string, entry: Entry): void {
    this.#take(task, entry);
  }

  /** Safe to repeat. */
  release(task: string): void {
    const entry = this.#entries.get(task);
    if (entry === undefined) return;
    this.#entries.delete(task);
    this.#used = subtract(this.#used, entry.resources);
    const key = useKey(entry);
    const use = this.#use.get(key)!;
    if (use.tasks === 1) this.#use.delete(key);
    else
      this.#use.set(key, {
        ...use,
        resources: subtract(use.resources, entry.resources),
        tasks: use.tasks - 1,
      });
  }

  /** By framework and role, in their order. */
  use(): Use[] {
    return [...this.#use.keys()].toSorted().map((key) => this.#use.get(key)!);
  }

  #take(task: string, entry: Entry): void {
    assert(!this.#entries.has(task), `L2: ${task} holds nothing yet`);
    this.#entries.set(task, entry);
    this.#used = add(this.#used, entry.resources);
    const key = useKey(entry);
    const { framework, role } = entry;
    const use = this.#use.get(key) ?? { framework, role, resources: none, tasks: 0 };
    this.#use.set(key, { ...use, resources: add(use.resources, entry.resources), tasks: use.tasks + 1 });
  }
}

const useKey = ({ framework, role }: Pick<Entry, "framework" | "role">): string => `${framework} ${role}`;
