import { parentPort } from "node:worker_threads";
import { run } from "./run.js";
import { type Asked, tellOf } from "./told.js";

/** Runs the seeds that it is given, one after the other. */
parentPort!.on("message", (asked: Asked) => void tell(asked));

async function tell(asked: Asked): Promise<void> {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- it is a thread
  parentPort!.postMessage(await tellOf(asked, run));
}
