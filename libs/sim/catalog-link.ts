import type { CatalogEntry } from "#libs/core/catalog-entry.js";
import type { Catalog } from "#libs/ports/catalog.js";
import type { Clock } from "#libs/ports/clock.js";
import { delay } from "#libs/ports/clock.js";
import type { Result } from "#protocol/result.js";
import type { SimCatalog } from "./catalog.js";
import type { SeededRandom } from "./random.js";

export interface CatalogLinkOptions {
  readonly catalog: SimCatalog;
  /** Of the process: with its death what is under way is left alone. */
  readonly clock: Clock;
  readonly random: SeededRandom;
  /** Of each call, each way: least and most, ms. 0.2 to 2 unless given. */
  readonly latencyMs?: readonly [number, number];
}

/** A registry as one process reaches it: each call takes its time there and back. Calls may overtake each other. */
export class CatalogLink implements Catalog {
  readonly #options: CatalogLinkOptions;

  constructor(options: CatalogLinkOptions) {
    this.#options = options;
  }

  list(prefix: string): Promise<Result<ReadonlyMap<string, string>, string>> {
    return this.#call((catalog) => catalog.list(prefix));
  }

  register(entry: CatalogEntry): Promise<Result<void, string>> {
    return this.#call((catalog) => catalog.register(entry));
  }

  deregister(id: string): Promise<Result<void, string>> {
    return this.#call((catalog) => catalog.deregister(id));
  }

  tell(id: string, healthy: boolean): Promise<Result<void, string>> {
    return this.#call((catalog) => catalog.tell(id, healthy));
  }

  fingerprint(entry: CatalogEntry): string {
    return this.#options.catalog.fingerprint(entry);
  }

  async #call<T>(ask: (catalog: SimCatalog) => Promise<T>): Promise<T> {
    await this.#onTheWay();
    const answer = await ask(this.#options.catalog);
    await this.#onTheWay();
    return answer;
  }

  #onTheWay(): Promise<void> {
    const { clock, random, latencyMs: [least, most] = [0.2, 2] } = this.#options;
    return delay(clock, random.between(least, most));
  }
}
