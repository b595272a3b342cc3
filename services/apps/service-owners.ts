import type { AppDefinition } from "#protocol/app.js";
import type { Fault } from "#protocol/errors.js";
import { serviceNames } from "./task-services.js";

/** Which app has which service name: `/demo/web` and `/demo.web` would both be `demo-web`, and get each other's callers. */
export class ServiceOwners {
  readonly #owners = new Map<string, string>();
  readonly #names = new Map<string, readonly string[]>();

  set(definition: AppDefinition): void {
    const names = serviceNames(definition).map(({ name }) => name);
    this.delete(definition.id);
    this.#names.set(definition.id, names);
    for (const name of names) this.#owners.set(name, definition.id);
  }

  delete(id: string): void {
    for (const name of this.#names.get(id) ?? [])
      if (this.#owners.get(name) === id) this.#owners.delete(name);
    this.#names.delete(id);
  }

  faults(definition: AppDefinition): Fault[] {
    return serviceNames(definition).flatMap(({ name }) => {
      const owner = this.#owners.get(name);
      return owner === undefined || owner === definition.id
        ? []
        : [{ path: "/id", expected: "service names of its own", found: `${name}, which ${owner} has` }];
    });
  }
}
