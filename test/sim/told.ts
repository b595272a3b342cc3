import type { Outcome, RunOptions } from "./run.js";

export interface Asked {
  readonly seed: number;
  readonly twice: boolean;
}

/** What a worker tells of a seed. */
export interface Told {
  readonly seed: number;
  readonly failure?: string;
  /** It did not come to its end: its thread died of it, or it hung. Told by who asked. */
  readonly isLost?: boolean;
  readonly virtualMs: number;
  readonly events: number;
}

/** Runs a seed; twice when asked to, and then both have to go the same way. */
export async function tellOf(
  { seed, twice }: Asked,
  run: (options: RunOptions) => Promise<Pick<Outcome, "failure" | "ending" | "virtualMs" | "events">>,
): Promise<Told> {
  const first = await run({ seed });
  const { virtualMs, events } = first;
  let { failure } = first;
  if (failure === undefined && twice && (await run({ seed })).ending !== first.ending)
    failure = "it went another way the second time: something is not in the seed";
  return { seed, virtualMs, events, ...(failure !== undefined && { failure }) };
}
