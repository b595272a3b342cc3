import { Client } from "#services/cli/client.js";
import { Failure } from "#services/cli/failure.js";
import { Output } from "#services/cli/output.js";

/** What the gateway answers to one call, in turn, the last again and again: a failure is thrown. */
export type Answers = Readonly<Record<string, readonly unknown[]>>;

/** A client whose gateway answers so, and all that was asked, as `DELETE /v2/apps/a`. */
export class ScriptedClient extends Client {
  readonly asked: string[] = [];
  readonly headers: Record<string, string>[] = [];
  readonly #answers: Answers;
  readonly #count = new Map<string, number>();

  constructor(answers: Answers) {
    super({ url: "http://gateway" });
    this.#answers = answers;
  }

  override async open(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    const call = `${method} ${path}`;
    this.asked.push(call);
    this.headers.push(headers);
    const answers = this.#answers[call] ?? [notFound];
    const count = this.#count.get(call) ?? 0;
    this.#count.set(call, count + 1);
    const answer = answers[Math.min(count, answers.length - 1)];
    if (answer instanceof Failure) throw answer;
    return answer instanceof Response ? answer : new Response(JSON.stringify(answer ?? body ?? {}));
  }
}

export const notFound = new Failure("refused", "it is not there", [], "not-found");
/** Nothing was done. */
export const leaderless = new Failure("unreachable", "nobody leads there now", [], "unavailable");
/** Nobody knows whether it was done. */
export const unanswered = new Failure("unreachable", "it does not answer", [], "timeout");

/** Says nothing; keeps what it is given for programs. */
export class KeptOutput extends Output {
  readonly shown: unknown[] = [];

  constructor() {
    super("json");
  }

  override json(value: unknown): void {
    this.shown.push(value);
  }
}

export const waiting = { wait: true, timeout: 5 };
export const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (cause: unknown) => cause,
  );
