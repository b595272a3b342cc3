import type { ErrorCode } from "#protocol/errors.js";
import type { AcceptReply, LaunchAnswer } from "#protocol/launch.js";
import type { Breach } from "./breaches.js";

interface First {
  readonly generation: number;
  readonly answer: LaunchAnswer;
}

/**
 * R3 A task id starts at most once, on whatever host. A repeated accept gets the first answer again: a yes for as long as the agent
 * has anything of the task, a no for ever, and in one generation in the same words unless the offer itself was void.
 */
export class LaunchesRule {
  readonly #breach: Breach;
  readonly #startedOn = new Map<string, string>();
  /** `agent framework task` */
  readonly #first = new Map<string, First>();
  /** `agent task` */
  readonly #collected = new Set<string>();

  constructor(breach: Breach) {
    this.#breach = breach;
  }

  starts(host: string, task: string): void {
    const before = this.#startedOn.get(task);
    if (before !== undefined)
      this.#breach(`R3: task ${task} starts on ${host}, and had started on ${before}`);
    this.#startedOn.set(task, host);
  }

  /** The agent's answer to an accept comes to the server. */
  answered(agent: string, framework: string, { generation, answers }: AcceptReply): void {
    for (const answer of answers) {
      const key = `${agent} ${framework} ${answer.task}`;
      const first = this.#first.get(key);
      if (first === undefined) this.#first.set(key, { generation, answer });
      else if (!this.#isAgain(agent, first, { generation, answer }))
        this.#breach(`R3: agent ${agent} answers ${text(first.answer)} first, then ${text(answer)}`);
    }
  }

  /** Nothing is left of these on the agent. */
  collected(agent: string, tasks: readonly string[]): void {
    for (const task of tasks) this.#collected.add(`${agent} ${task}`);
  }

  #isAgain(agent: string, first: First, { generation, answer }: First): boolean {
    if (first.answer.ok) return answer.ok || this.#collected.has(`${agent} ${answer.task}`);
    if (answer.ok) return false;
    const { code, message } = first.answer.error;
    return isVoid(code) || first.generation !== generation || message === answer.error.message;
  }
}

/** An offer that is void stays so: nothing need be remembered of it, and a kill that came since may be the reason that is told. */
const isVoid = (code: ErrorCode): boolean => code === "offer-void" || code === "stale";

const text = (answer: LaunchAnswer): string =>
  `${answer.task}: ${answer.ok ? "yes" : `no, ${answer.error.message}`}`;
