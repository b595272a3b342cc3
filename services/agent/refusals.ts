import { encodeId } from "#protocol/ids.js";
import { type Refusal, refusal } from "#protocol/errors.js";

const remembersMax = 20_000;

/**
 * Task ids that will not be started here, and what was said about them: an id that was refused gets the first answer again
 * (R3), one that was killed before it came is refused when it comes. Both hold for one generation, for no
 * offer outlives it, and for one framework: nobody can bury what another is about to launch.
 */
export class Refusals {
  readonly #answers = new Map<string, Refusal>();

  get(framework: string, task: string): Refusal | undefined {
    return this.#answers.get(keyOf(framework, task));
  }

  remember(framework: string, task: string, answer: Refusal): void {
    const key = keyOf(framework, task);
    if (!this.#answers.has(key)) this.#answers.set(key, answer);
  }

  /** A tombstone; one that was refused before it was killed is refused in the words of then. */
  bury(framework: string, task: string): void {
    this.remember(framework, task, refusal("task-refused", `task ${task} was killed before it came here`));
  }

  forgetAll(): void {
    this.#answers.clear();
  }

  isCrowded(): boolean {
    return this.#answers.size > remembersMax;
  }
}

const keyOf = (framework: string, task: string): string => `${encodeId(framework)} ${task}`;
