/** Which bytes of a file are sent, for `Range` and `?tail=`: first what is asked, then, once the size is known, what is given. */

/** What a reader asks for. */
export interface AskedBytes {
  /** Negative: so many bytes before the end. */
  readonly first: number;
  /** Included; to the end unless given. */
  readonly last?: number;
  /** Asked as a `Range`: the answer says which part it is. */
  readonly partial: boolean;
}

/** What of a file of `size` bytes is sent, `end` excluded. */
export type GivenBytes =
  | { readonly kind: "whole" | "part"; readonly start: number; readonly end: number }
  /** Nothing of the range is in the file. */
  | { readonly kind: "beyond" };

/** Zero bytes before the end have no negative number. */
const atTheEnd = Number.MAX_SAFE_INTEGER;

/** A range goes before a tail. Several ranges, and what is no range, are answered with the whole, as RFC 9110 allows. */
export function askedBytes({ range, tail }: { range?: string; tail?: number }): AskedBytes {
  const [, first = "", last = ""] = /^bytes=(\d*)-(\d*)$/.exec(range ?? "") ?? [];
  if (first !== "" && last !== "" && Number(last) >= Number(first))
    return { first: bounded(first), last: bounded(last), partial: true };
  if (first !== "" && last === "") return { first: bounded(first), partial: true };
  if (first === "" && last !== "") return { first: beforeEnd(bounded(last)), partial: true };
  return { first: tail === undefined ? 0 : beforeEnd(tail), partial: false };
}

/**
 * @param offset where the first piece that was read begins: `first`, counted by the agent from the start of the file.
 * @param size of the file, bytes. An empty one is sent whole.
 */
export function givenBytes(
  asked: AskedBytes,
  { offset, size }: { offset: number; size: number },
): GivenBytes {
  if (!asked.partial || size === 0) return { kind: "whole", start: offset, end: size };
  if (offset >= size) return { kind: "beyond" };
  return { kind: "part", start: offset, end: Math.min((asked.last ?? atTheEnd) + 1, size) };
}

const bounded = (digits: string): number => Math.min(Number(digits), atTheEnd);
const beforeEnd = (bytes: number): number => (bytes === 0 ? atTheEnd : -bytes);
