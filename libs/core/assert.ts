/** A broken invariant: a bug of ours. The process ends and recovers by starting up. */
export class InvariantBroken extends Error {
  override readonly name = "InvariantBroken";
}

export function assert(condition: unknown, invariant: string): asserts condition {
  if (!condition) throw new InvariantBroken(invariant);
}

/** Ends a switch over a union: does not compile when a case is missing. */
export function unreachable(value: never): never {
  throw new InvariantBroken(`no case for ${JSON.stringify(value)}`);
}
