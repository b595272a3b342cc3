import type { Use } from "#protocol/agent.js";
import type { PortRange, Resources } from "#protocol/resources.js";
import { assert } from "#libs/core/assert.js";
import { add, contains, none, subtract, subtractPorts, sum } from "#libs/core/resources.js";

interface Holder {
  readonly framework: string;
  readonly role: string;
}

interface Entry extends Holder {
  readonly resources: Resources;
}

interface Holding {
  readonly id: string;
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

  /** All tasks of an accept at once. */
  reserve(holder: Holder, tasks: readonly Holding[]): void {
    const total = sum(tasks.map(({ resources }) => resources));
    assert(contains(this.free, total), `R1: what ${holder.framework} is given fits what is free`);
    this.#take(holder, tasks, total);
  }

  /** For a task that was accepted before this process began: it holds what it holds, even if the totals were lowered since. */
  restore(task: string, entry: Entry): void {
    this.#take(entry, [{ id: task, resources: entry.resources }], entry.resources);
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

  #take({ framework, role }: Holder, tasks: readonly Holding[], total: Resources): void {
    for (const { id, resources } of tasks) {
      assert(!this.#entries.has(id), `L2: ${id} holds nothing yet`);
      this.#entries.set(id, { framework, role, resources });
    }
    this.#used = add(this.#used, total);
    const key = useKey({ framework, role });
    const use = this.#use.get(key) ?? { framework, role, resources: none, tasks: 0 };
    this.#use.set(key, { ...use, resources: add(use.resources, total), tasks: use.tasks + tasks.length });
  }
}

const useKey = ({ framework, role }: Holder): string => `${framework} ${role}`;
