import { fits, type Place } from "#libs/core/fits.js";
import { amounts, contains, subtract, takePorts } from "#libs/core/resources.js";
import type { Need } from "#protocol/framework.js";
import type { Offer } from "#protocol/offer.js";
import type { Constraint, Resources } from "#protocol/resources.js";

/** How large a task is, in the units that people use. */
export interface Size {
  /** Cores. */
  readonly cpus?: number;
  /** MiB */
  readonly mem?: number;
  /** MiB */
  readonly disk?: number;
  /** Devices. */
  readonly gpus?: number;
  /** How many ports of the offer, whichever: they come to the task as PORT0, PORT1, …. None unless given. */
  readonly ports?: number;
}

/** The need of so many tasks of that size, on agents whose attributes have these values: `{ rack: "a" }`. */
export function needOf(
  { ports = 0, ...size }: Size,
  {
    count = 1,
    attributes = {},
  }: { readonly count?: number; readonly attributes?: Record<string, string> } = {},
): Need {
  const constraints = Object.entries(attributes).map(([attribute, value]): Constraint => ({
    attribute,
    operator: "is",
    value,
  }));
  return { resources: amounts(size), portCount: ports, constraints, count };
}

/** An offer from which tasks are cut, one after the other. */
export class Carving {
  readonly offer: Offer;
  #left: Resources;

  constructor(offer: Offer) {
    this.offer = offer;
    this.#left = offer.resources;
  }

  /** What is not cut out yet. */
  get left(): Resources {
    return this.#left;
  }

  /** Executor, constraints and what is left are enough for one. */
  fits(need: Need): boolean {
    const { agent: id, host, attributes, executors } = this.offer;
    return fits(need, { id, host, attributes, executors, resources: this.#left } satisfies Place);
  }

  /** The resources for one task, with its ports, or undefined when not enough is left. */
  take({ ports: portCount = 0, ...size }: Size): Resources | undefined {
    const ports = takePorts(this.#left.ports, portCount);
    if (ports === undefined) return undefined;
    const taken = { ...amounts(size), ports };
    if (!contains(this.#left, taken)) return undefined;
    this.#left = subtract(this.#left, taken);
    return taken;
  }
}

/** The resources for one task out of a whole offer. */
export const carve = (offer: Offer, size: Size): Resources | undefined => new Carving(offer).take(size);
