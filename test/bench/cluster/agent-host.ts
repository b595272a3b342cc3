import { join } from "node:path";
import { amounts } from "#libs/core/resources.js";
import { SystemClock } from "#libs/adapters/clock.js";
import { FileJournal } from "#libs/adapters/journal.js";
import { makeLog } from "#libs/adapters/log.js";
import { NoCatalog } from "#libs/adapters/no-catalog.js";
import { HostProbe } from "#libs/adapters/probe.js";
import { SystemRandom } from "#libs/adapters/random.js";
import { HmacSealer } from "#libs/adapters/sealer.js";
import { runAgent } from "#services/agent/service.js";
import { type Connected, connected } from "#test/support/link.js";
import { configOf, say } from "./processes.js";
import { MemoryJournal, NothingExecutor, noSandboxes, QuietHost } from "./quiet-host.js";
import { agentName, taskSize } from "./sizes.js";

/** Many agents in one process: the whole of each but for its host. Some share a connection; all else is their own. */
export interface AgentHostConfig {
  readonly natsUrl: string;
  readonly cluster: string;
  readonly clusterKey: string;
  readonly first: number;
  readonly count: number;
  /** Agents that share one connection. */
  readonly perConnection: number;
  /** Tasks of the benchmark's size for which each agent has room. */
  readonly room: number;
  /** Under which each has a journal of its own, as in production; in memory unless given. */
  readonly journals?: string;
}

/** What went over all connections so far. */
export interface Traffic {
  readonly type: "traffic";
  readonly sent: number;
  readonly received: number;
}

const startedAtOnce = 100;

const config = configOf<AgentHostConfig>();
const clock = new SystemClock();
const random = new SystemRandom();
const log = makeLog({ level: "error", name: `agents from ${config.first}`, destination: process.stderr });
const sealer = new HmacSealer(config.clusterKey);
const probe = new HostProbe();
const connections: Connected[] = [];
const making: Promise<Connected>[] = [];

for (let from = 0; from < config.count; from += startedAtOnce) {
  const group = Array.from({ length: Math.min(startedAtOnce, config.count - from) }, (_, n) => from + n);
  await Promise.all(group.map(start));
}
process.on("message", () => {
  const stats = connections.map(({ link }) => link.nc.stats());
  const sum = (of: "inMsgs" | "outMsgs") => stats.reduce((all, each) => all + each[of], 0);
  say<Traffic>({ type: "traffic", sent: sum("outMsgs"), received: sum("inMsgs") });
});
process.on("SIGTERM", () => process.exit());
say({ type: "started" });

async function start(index: number): Promise<void> {
  const id = agentName(config.first + index);
  const { bus, streams } = await connectionOf(index);
  const { cpus, mem } = taskSize;
  const resources = amounts({ cpus: cpus * config.room, mem: mem * config.room, disk: 100_000 });
  await runAgent(
    {
      bus,
      streams,
      journal:
        config.journals === undefined ? new MemoryJournal() : new FileJournal(join(config.journals, id)),
      executors: [new NothingExecutor()],
      sandboxes: noSandboxes,
      host: new QuietHost(id, resources),
      probe,
      catalog: new NoCatalog(),
      clock,
      log,
      sealer,
      random,
    },
    {
      cluster: config.cluster,
      id,
      host: id,
      version: "bench",
      totals: (detected) => detected,
      attributes: { rack: `r${index % 20}` },
      allowance: { root: false, privileged: false, hostMounts: [], defaultUser: "nobody" },
      collection: { keptMs: 3_600_000, keptMax: 1000, diskFreeMin: 0.05 },
      endTasksOnStop: false,
    },
    (cause) => {
      log.error("an agent crashed", { id, error: cause });
      process.exit(70);
    },
  );
}

/** In the order of the agents: the first of a group makes it. */
async function connectionOf(index: number): Promise<Connected> {
  const at = Math.floor(index / config.perConnection);
  making[at] ??= connected(config.natsUrl, `agents-${config.first}-${at}`, { log }).then((made) => {
    connections.push(made);
    return made;
  });
  return making[at];
}
