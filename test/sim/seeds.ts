import { Worker } from "node:worker_threads";
import type { Asked, Told } from "./told.js";

export interface SeedsOptions {
  readonly from: number;
  readonly count: number;
  readonly jobs: number;
  /** Each seed runs twice, and both runs have to end alike. */
  readonly twice: boolean;
  /** No seed is begun after so long, real ms. */
  readonly mostMs: number;
  readonly now: () => number;
  readonly told: (told: Told) => void;
  /** True: enough is known. */
  readonly isEnough: () => boolean;
}

/** Runs many seeds in several threads. Done when all that were begun have ended. */
export async function runSeeds(options: SeedsOptions): Promise<void> {
  const { from, count, jobs, twice, mostMs, now, told, isEnough } = options;
  const until = now() + mostMs;
  let next = from;
  const work = async () => {
    const worker = new Worker(new URL("worker.js", import.meta.url));
    try {
      while (next < from + count && now() < until && !isEnough())
        told(await ask(worker, { seed: next++, twice }));
    } finally {
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs, count) }, work));
}

function ask(worker: Worker, request: Asked): Promise<Told> {
  return new Promise((resolve, reject) => {
    const told = (answer: Told) => {
      worker.off("error", reject);
      resolve(answer);
    };
    worker.once("message", told).once("error", reject);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- it is a thread
    worker.postMessage(request);
  });
}
