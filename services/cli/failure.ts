/** What scripts can tell apart. */
export const exitCodes = {
  /** What was asked has failed: a deploy that does not settle, a run that ended FAILED. */
  failed: 1,
  /** A wrong command, option or file. */
  usage: 2,
  /** No cluster answers at the address. */
  unreachable: 3,
  /** The cluster refused: unknown, in conflict, invalid, forbidden. */
  refused: 4,
  /** It is not done yet, and the time to wait for it has passed. */
  timeout: 5,
} as const;

/** Ends the program with one clear line (and details, a line each). */
export class Failure extends Error {
  readonly exitCode: number;
  readonly details: readonly string[];

  readonly #kind: keyof typeof exitCodes;

  /** @param code what the gateway calls it, when it refused */
  constructor(
    kind: keyof typeof exitCodes,
    message: string,
    details: readonly string[] = [],
    readonly code?: string,
  ) {
    super(message);
    this.#kind = kind;
    this.exitCode = exitCodes[kind];
    this.details = details;
  }

  /** No answer came: it may have been done, or be done yet. That nobody leads is an answer. */
  get leavesOpen(): boolean {
    return this.#kind === "unreachable" && (this.code === undefined || this.code === "timeout");
  }

  /** The same, of something that has a place. */
  at(place: string): Failure {
    return new Failure(this.#kind, `${place}: ${this.message}`, this.details, this.code);
  }

  with(details: readonly string[]): Failure {
    return new Failure(this.#kind, this.message, [...this.details, ...details], this.code);
  }
}
