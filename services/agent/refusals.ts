import { type Refusal, refusal } from "#protocol/errors.js";

const remembersMax = 20_000;

/**
 * Task ids that will not be started here, and what was said about them: an id that was refused gets the first answer again
 * (R3), one that was killed before it came is refused when it comes. Both hold for one generation, for no
 * offer outlives it.
 */
export class Refusals {
  readonly #answers = new Map<string, Refusal>();

  get(task: string): Refusal | undefined {
    return this.#answers.get(task);
  }

  remember(task: string, answer: Refusal): void {
    if (!this.#answers.has(task)) this.#answers.set(task, answer);
  }

  /** A tombstone. */
  bury(task: string): void {
    this.#answers.set(task, refusal("task-refused", `task ${task} was killed before it came here`));
  }

  forgetAll(): void {
    this.#answers.clear();
  }

  isCrowded(): boolean {
    return this.#answers.size > remembersMax;
  }
}
