import { parentPort } from "node:worker_threads";
import { run } from "./run.js";

export interface Asked {
  readonly seed: number;
  readonly twice: boolean;
}

/** What a worker tells of a seed. */
export interface Told {
  readonly seed: number;
  readonly failure?: string;
  readonly virtualMs: number;
  readonly events: number;
}

/** Runs the seeds that it is given, one after the other; each twice when asked to, and then both have to go the same way. */
parentPort!.on("message", (asked: Asked) => void tell(asked));

async function tell({ seed, twice }: Asked): Promise<void> {
  const first = await run({ seed });
  const { virtualMs, events } = first;
  let { failure } = first;
  if (failure === undefined && twice && (await run({ seed })).ending !== first.ending)
    failure = "it went another way the second time: something is not in the seed";
  const told: Told = {
    seed,
    virtualMs,
    events,
    ...(failure !== undefined && { failure }),
  };
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- it is a thread
  parentPort!.postMessage(told);
}
