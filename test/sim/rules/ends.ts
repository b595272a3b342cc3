import type { Breach } from "./breaches.js";

/** R8 Nobody's death ends a running task: a signal is only sent to a task that its framework, or an operator, wanted to end. */
export class EndsRule {
  readonly #breach: Breach;
  readonly #wanted = new Set<string>();
  readonly #drained = new Set<string>();
  #isFrameworkRemoved = false;

  constructor(breach: Breach) {
    this.#breach = breach;
  }

  /** A framework's kill is on its way. */
  killAsked(task: string): void {
    this.#wanted.add(task);
  }

  /** All tasks of a framework are to end. */
  frameworkRemoved(): void {
    this.#isFrameworkRemoved = true;
  }

  /** An operator drains an agent, with a deadline. */
  drained(host: string): void {
    this.#drained.add(host);
  }

  signalled(host: string, task: string): void {
    if (this.#wanted.has(task) || this.#isFrameworkRemoved || this.#drained.has(host)) return;
    this.#breach(`R8: agent ${host} ends task ${task}, which nobody wanted to end`);
  }
}
