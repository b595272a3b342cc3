import type { Report } from "#protocol/agent.js";
import { connected } from "#test/support/link.js";
import type { BareConfig } from "./bare-path.js";
import { type Asked, bytesOf, type Offered, read } from "./bare-messages.js";
import { configOf, say } from "./processes.js";
import { agentName, taskSize } from "./sizes.js";

/** A master that offers agents in turn to whoever asks, 20 in a message, and reads what agents report. */
const { natsUrl, agents, batch } = configOf<BareConfig>();
const offersPerMessage = 20;
const { bus, link } = await connected(natsUrl, "bare-master");
let turn = 0;
let reports = 0;

bus.messages("bare.master.*.report").subscribe(({ bytes }) => {
  reports += read<Report>(bytes).sequence > 0 ? 1 : 0;
});
bus.messages("bare.offers").subscribe((message) => {
  message.respond(bytesOf({}));
  for (let { offers } = read<Asked>(message.bytes); offers > 0; offers -= offersPerMessage)
    void bus.request("bare.framework.event", bytesOf(offered(Math.min(offers, offersPerMessage))), 60_000);
});
await link.nc.flush();
process.on("SIGTERM", () => process.exit());
say({ type: "started" });

function offered(count: number): Offered {
  return { offers: Array.from({ length: count }, () => ({ body: offer(), seal: "0".repeat(64) })) };
}

function offer(): string {
  const agent = agentName(turn++ % agents);
  return JSON.stringify({
    agent,
    number: turn,
    epoch: 2,
    generation: 1,
    framework: "framework",
    session: { epoch: 2, counter: 1 },
    role: "bench",
    host: agent,
    attributes: { rack: "r1" },
    executors: [{ kind: "process", version: "nothing", warnings: [] }],
    resources: {
      scalars: { cpus: taskSize.cpus * 1000 * batch, mem: taskSize.mem * 1000 * batch },
      ports: [],
    },
    replaces: [],
  });
}
