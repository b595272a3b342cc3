import { fail } from "#protocol/result.js";
import type { Store } from "#libs/ports/store.js";

/**
 * A store that is opened when it is first used; what is asked of it meanwhile waits. One that could not be opened is tried anew with
 * the next use. It takes no writes unless it may write.
 */
export class LateStore implements Store {
  readonly #open: () => Promise<Store>;
  readonly #mayWrite: () => boolean;
  #opened: Promise<Store> | undefined;

  constructor(open: () => Promise<Store>, mayWrite: () => boolean) {
    this.#open = open;
    this.#mayWrite = mayWrite;
  }

  async ensure(...args: Parameters<Store["ensure"]>): ReturnType<Store["ensure"]> {
    return (await this.#store()).ensure(...args);
  }

  async get(...args: Parameters<Store["get"]>): ReturnType<Store["get"]> {
    return (await this.#store()).get(...args);
  }

  async entries(...args: Parameters<Store["entries"]>): ReturnType<Store["entries"]> {
    return (await this.#store()).entries(...args);
  }

  async put(...args: Parameters<Store["put"]>): ReturnType<Store["put"]> {
    return this.#mayWrite() ? (await this.#store()).put(...args) : fail("unavailable");
  }

  async remove(...args: Parameters<Store["remove"]>): ReturnType<Store["remove"]> {
    return (await this.#store()).remove(...args);
  }

  #store(): Promise<Store> {
    this.#opened ??= this.#open().catch((cause: unknown) => {
      this.#opened = undefined;
      throw cause;
    });
    return this.#opened;
  }
}
