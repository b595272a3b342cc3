import type { Accept } from "#protocol/launch.js";
import { connected } from "#test/support/link.js";
import type { BareConfig } from "./bare-path.js";
import { bytesOf, read } from "./bare-messages.js";
import { configOf, say } from "./processes.js";
import { agentName } from "./sizes.js";

/** Agents that say yes to everything, report, and tell that it runs. */
const { natsUrl, first, count, perConnection } = configOf<BareConfig>();

for (let from = 0; from < count; from += perConnection) {
  const { bus, streams, link } = await connected(natsUrl, `bare-${first + from}`);
  for (let index = from; index < Math.min(count, from + perConnection); index++) {
    const agent = agentName(first + index);
    let number = 0;
    bus.messages(`bare.agent.${agent}.accept`).subscribe((message) => {
      const { tasks } = read<Accept>(message.bytes);
      const answers = tasks.map(({ id }) => ({ task: id, ok: true }));
      message.respond(bytesOf({ agent, generation: 1, answers }));
      const at = Date.now();
      const updates = tasks.map(({ id }) => ({ task: id, number: 3, state: "running", at }));
      const batch = { agent, framework: "framework", generation: 1, batch: ++number, updates };
      void streams.append(`bare.status.framework.${agent}`, bytesOf(batch), `${agent}.1.framework.${number}`);
      bus.publish(
        `bare.master.${agent}.report`,
        bytesOf({
          agent,
          generation: 1,
          sequence: number,
          epoch: 2,
          use: [
            {
              framework: "framework",
              role: "bench",
              resources: { scalars: { cpus: 1, mem: 1 }, ports: [] },
              tasks: 1,
            },
          ],
          settled: [number],
          refused: [],
        }),
      );
    });
  }
  await link.nc.flush();
}
process.on("SIGTERM", () => process.exit());
say({ type: "started" });
