import type { AcceptReply } from "#protocol/launch.js";
import type { StatusBatch } from "#protocol/status.js";
import { connected } from "#test/support/link.js";
import { quantile } from "../report.js";
import { type Asked, bytesOf, type Offered, read } from "./bare-messages.js";
import type { BareConfig, BareDone } from "./bare-path.js";
import { configOf, say } from "./processes.js";
import { service } from "./sizes.js";

/** A framework that takes every offer it asked for, and counts what runs. */
const { natsUrl, tasks: total, window, batch } = configOf<BareConfig>();
const { bus, streams, store, link } = await connected(natsUrl, "bare-framework");
/** When each task was accepted, by the number in its id. */
const acceptedAt = new Float64Array(total);
const latencies: number[] = [];
let launched = 0;
let asked = 0;
let running = 0;
let records = 0;
let beganAt = 0;

bus.messages("bare.framework.event").subscribe((message) => {
  message.respond(bytesOf({}));
  for (const sealed of read<Offered>(message.bytes).offers) void accept(sealed);
});
streams.consume("STATUS", "framework").subscribe((delivery) => {
  for (const { task } of read<StatusBatch>(delivery.bytes).updates)
    runs(Number(task.slice(task.indexOf("-") + 1)));
  delivery.acknowledge();
  ask();
});
process.on("message", () => {
  beganAt = performance.now();
  ask();
});
await link.nc.flush();
process.on("SIGTERM", () => process.exit());
say({ type: "started" });

/** For as many offers as the window has room for. */
function ask(): void {
  const offers = Math.ceil(Math.min(window - (asked * batch - running), total - asked * batch) / batch);
  if (offers < Math.min(20, Math.ceil((total - asked * batch) / batch)) || offers <= 0) return;
  asked += offers;
  void bus.request("bare.offers", bytesOf({ offers } satisfies Asked), 60_000);
}

/** The record first, then the accept. */
async function accept(sealed: Offered["offers"][number]): Promise<void> {
  const { agent } = JSON.parse(sealed.body) as { readonly agent: string };
  const count = Math.min(batch, total - launched);
  const at = performance.now();
  acceptedAt.fill(at, launched, launched + count);
  const tasks = Array.from({ length: count }, () => service(`service.2-${launched++}`));
  const record = { agent, host: agent, offer: "offer", at: Date.now(), tasks };
  await store.put(
    "bare",
    `launch.2-${++records}`,
    bytesOf({ epoch: 2, write: `w.${records}`, value: record }),
    0,
  );
  const message = { session: { epoch: 2, counter: 1 }, offer: sealed, tasks, filterMs: 0 };
  const answer = await bus.request(`bare.agent.${agent}.accept`, bytesOf(message), 60_000);
  if (!answer.ok || read<AcceptReply>(answer.value).answers.length !== count) process.exit(1);
}

function runs(task: number): void {
  latencies.push(performance.now() - acceptedAt[task]!);
  if (++running < total) return;
  const ms = performance.now() - beganAt;
  say<BareDone>({ type: "done", ms, p50Ms: quantile(latencies, 0.5), p99Ms: quantile(latencies, 0.99) });
}
