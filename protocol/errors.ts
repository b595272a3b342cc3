import { type Static, Type } from "typebox";

/** One code for each thing that a caller treats differently; the words for people are in `message`. */
const errorCodes = [
  /** The input does not have the asked form; `faults` name every place. HTTP 400 or 422. */
  "invalid",
  /** What is named does not exist. HTTP 404. */
  "not-found",
  /** It exists already, or changed meanwhile, or something still uses it. HTTP 409. */
  "conflict",
  /** The sender may not do this. HTTP 403. */
  "forbidden",
  /** Nobody leads or answers there now, or who leads cannot tell yet; the same call may work later. HTTP 503. */
  "unavailable",
  /** No answer came in time: it may or may not have happened. HTTP 504. */
  "timeout",
  /** The epoch, generation or session is an old one: register or subscribe again. */
  "stale",
  /** The seal of an offer is not this agent's, or its bytes were changed. */
  "seal-broken",
  /** The offer was used, rescinded or replaced. */
  "offer-void",
  /** More is asked than the offer holds. */
  "exceeds-offer",
  /** More is asked than the agent really has free. */
  "exceeds-free",
  /** The agent does not have the executor, or its configuration forbids what is asked of it. */
  "executor-unavailable",
  /** The task id was killed before it was launched, or belongs to another framework. */
  "task-refused",
  /** An assertion of ours did not hold. HTTP 500. */
  "internal",
] as const;

export const ErrorCode = Type.Enum([...errorCodes]);
export type ErrorCode = (typeof errorCodes)[number];

/** One fault of an input: where it is, what was expected there and what was found. */
export const Fault = Type.Object(
  {
    path: Type.String({
      description: "JSON pointer into the input; empty for the whole",
      examples: ["/run/mem"],
    }),
    expected: Type.String(),
    found: Type.String({ description: "what came, shortened to 80 characters; never the value of a secret" }),
  },
  { $id: "Fault" },
);
export type Fault = Static<typeof Fault>;

/** Why something was refused. */
export const Refusal = Type.Object(
  {
    code: ErrorCode,
    message: Type.String({ description: "for people: what is wrong, in numbers, and what can be done now" }),
    faults: Type.Optional(Type.Array(Fault)),
    epoch: Type.Optional(
      Type.Integer({ description: "with `stale`: the highest epoch that the refuser has heard" }),
    ),
  },
  { $id: "Refusal" },
);
export type Refusal = Static<typeof Refusal>;

export const refusal = (code: ErrorCode, message: string, faults?: readonly Fault[]): Refusal =>
  faults === undefined ? { code, message } : { code, message, faults: [...faults] };
