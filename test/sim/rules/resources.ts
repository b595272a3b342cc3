import type { Resources } from "#protocol/resources.js";
import type { TaskSpec } from "#protocol/task.js";
import { add, contains, resourcesText, sum } from "#libs/core/resources.js";
import type { Breach } from "./breaches.js";

/** R1 What runs on a host never takes more than it has, and no port twice. In the leader's books, used + offered never exceeds total. */
export class ResourcesRule {
  readonly #breach: Breach;

  constructor(breach: Breach) {
    this.#breach = breach;
  }

  starting(host: string, totals: Resources, running: readonly TaskSpec[], spec: TaskSpec): void {
    const taken = [...running, spec].map(({ resources }) => resources);
    const ports = taken.flatMap((each) => each.ports).flatMap(([first, last]) => range(first, last));
    const text = resourcesText(spec.resources);
    if (!contains(totals, sum(taken)))
      this.#breach(
        `R1: task ${spec.id} with ${text} does not fit on ${host} beside ${running.length} others`,
      );
    if (new Set(ports).size < ports.length)
      this.#breach(`R1: task ${spec.id} with ${text} gets a port on ${host} that another has`);
  }

  booked(master: string, { id, info, used, offered }: Booked): void {
    if (contains(info.totals, add(used, offered))) return;
    const [total, use, offer] = [info.totals, used, offered].map(resourcesText);
    this.#breach(
      `R1: in the books of ${master} agent ${id} of ${total} has ${use} in use and ${offer} offered`,
    );
  }
}

/** As the leader's books have an agent. */
export interface Booked {
  readonly id: string;
  readonly info: { readonly totals: Resources };
  readonly used: Resources;
  readonly offered: Resources;
}

const range = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);
