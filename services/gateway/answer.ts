import type { ErrorCode, Fault, Refusal } from "#protocol/errors.js";

/** What is sent instead of an answer: Marathon's and Metronome's form, with our code, expected and found besides. */
export interface ErrorBody {
  readonly message: string;
  readonly code: ErrorCode;
  readonly details?: readonly {
    readonly path: string;
    readonly errors: readonly string[];
    readonly expected: string;
    readonly found: string;
  }[];
}

const statuses: Record<ErrorCode, number> = {
  invalid: 422,
  "not-found": 404,
  conflict: 409,
  forbidden: 403,
  unavailable: 503,
  timeout: 504,
  stale: 503,
  "seal-broken": 403,
  "offer-void": 409,
  "exceeds-offer": 409,
  "exceeds-free": 409,
  "executor-unavailable": 409,
  "task-refused": 409,
  internal: 500,
};

/** Ends the handling of a request with a refusal. The only thing that route handlers throw on purpose. */
export class Refused extends Error {
  readonly refusal: Refusal;
  readonly status: number;

  /** @param status 422 for `invalid` and so on, unless given */
  constructor(refusal: Refusal, status: number = statuses[refusal.code]) {
    super(refusal.message);
    this.refusal = refusal;
    this.status = status;
  }

  get body(): ErrorBody {
    const { message, code, faults } = this.refusal;
    return faults === undefined || faults.length === 0
      ? { message, code }
      : { message, code, details: faults.map(detail) };
  }
}

const detail = ({ path, expected, found }: Fault) => ({
  path: path === "" ? "/" : path,
  errors: [`expected ${expected}, found ${found}`],
  expected,
  found,
});

export const invalid = (faults: readonly Fault[]): Refused =>
  new Refused({ code: "invalid", message: "Object is not valid", faults: [...faults] });
