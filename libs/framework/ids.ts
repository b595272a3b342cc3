import type { TaskIds } from "./scheduler.js";

const longest = 128;

/** Numbers of one term: those of another have another epoch, so that none is ever used again. */
export class TermIds implements TaskIds {
  readonly #epoch: number;
  #tasks = 0;
  #launches = 0;

  constructor(epoch: number) {
    this.#epoch = epoch;
  }

  next(prefix: string): string {
    const suffix = `.${this.#epoch}-${++this.#tasks}`;
    const clean = prefix.replaceAll(/[^A-Za-z0-9_.-]/g, "_").replace(/^[^A-Za-z0-9]+/, "");
    return `${(clean || "task").slice(0, longest - suffix.length)}${suffix}`;
  }

  nextLaunch(): string {
    return `${launchPrefix}${this.#epoch}-${++this.#launches}`;
  }

  /** One that `next` has given out. */
  isOurs(task: string): boolean {
    const parts = partsOf(task);
    return parts !== undefined && parts.epoch === this.#epoch && parts.number <= this.#tasks;
  }

  /**
   * The epoch that a term must be above so that its ids cannot meet this one, which somebody else gave out; undefined when
   * ours is. (After the loss of all data epochs begin again at 1, while tasks of former days still run.)
   */
  epochAbove(task: string): number | undefined {
    const parts = partsOf(task);
    if (parts === undefined || parts.epoch < this.#epoch) return undefined;
    if (parts.epoch === this.#epoch) return parts.number > this.#tasks ? parts.epoch + 1 : undefined;
    return parts.epoch;
  }
}

/** Of the keys of launch records. */
export const launchPrefix = "launch.";

function partsOf(task: string): { readonly epoch: number; readonly number: number } | undefined {
  const found = /\.(\d+)-(\d+)$/.exec(task);
  return found === null ? undefined : { epoch: Number(found[1]), number: Number(found[2]) };
}
