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
  /** A seed that has not ended after so long, real ms, hangs: its thread is ended. */
  readonly seedMostMs: number;
  readonly now: () => number;
  readonly told: (told: Told) => void;
  /** True: enough is known. */
  readonly isEnough: () => boolean;
  /** A new thread that runs seeds: `worker.js` unless given. */
  readonly thread?: () => Worker;
}

/** Runs many seeds in several threads. Done when all that were begun have ended: by themselves, with their thread, or at the limit. */
export async function runSeeds(options: SeedsOptions): Promise<void> {
  const { from, count, jobs, twice, mostMs, seedMostMs, now, told, isEnough, thread = ours } = options;
  const until = now() + mostMs;
  let next = from;
  const work = async () => {
    let worker: Worker | undefined;
    try {
      while (next < from + count && now() < until && !isEnough()) {
        worker ??= thread();
        const answer = await ask(worker, { seed: next++, twice }, seedMostMs);
        if (answer.isLost === true) {
          await worker.terminate();
          worker = undefined;
        }
        told(answer);
      }
    } finally {
      await worker?.terminate();
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs, count) }, work));
}

const ours = (): Worker => new Worker(new URL("worker.js", import.meta.url));

/** What becomes of the seed: also when its thread dies of it, or does not come to its end. */
function ask(worker: Worker, request: Asked, mostMs: number): Promise<Told> {
  return new Promise((resolve) => {
    const tell = (answer: Told) => {
      clearTimeout(limit);
      worker.off("message", tell).off("error", died).off("exit", exited);
      resolve(answer);
    };
    const lost = (failure: string) =>
      tell({ seed: request.seed, failure, isLost: true, virtualMs: 0, events: 0 });
    const died = (cause: unknown) =>
      lost(`its thread died: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`);
    const exited = (code: number) => lost(`its thread ended with exit code ${code}`);
    const limit = setTimeout(
      () => lost(`it hangs: no end after ${mostMs / 1000} s; its thread was ended`),
      mostMs,
    );
    worker.on("message", tell).on("error", died).on("exit", exited);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- it is a thread
    worker.postMessage(request);
  });
}
