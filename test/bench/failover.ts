import { setTimeout as sleep } from "node:timers/promises";
import { filter, firstValueFrom, map } from "rxjs";
import { codec } from "#protocol/codec.js";
import { FrameworkEvent } from "#protocol/framework.js";
import { BenchCluster } from "./cluster/bench-cluster.js";
import type { Filled, OfferSeen } from "./cluster/framework.js";
import type { BenchProcess } from "./cluster/processes.js";
import { numbersIn } from "./flags.js";
import type { BenchOptions } from "./main.js";
import { met, print, type Row } from "./report.js";

const usual = {
  agents: 10_000,
  tasks: 100_000,
  /** Processes that hold the agents. */
  hosts: 1,
  "agents-per-connection": 50,
  rounds: 3,
};

/** What a service has unless it is configured: after so long without a sign of life another takes over. */
const leaseMs = 5000;
const slackMs = 1000;

/**
 * kill -9 of the leading master of two, on a cluster full of tasks, until the next leader's first offer comes to a framework, and
 * until a framework may use one. Each first asks every agent that may run something of it (F1); to the next leader that is every
 * one that has not yet registered, and all that run something: a framework without tasks, and the one with all of them. The dead
 * master is started again for the next round.
 */
export async function run({ json, args }: BenchOptions): Promise<void> {
  const { agents, tasks, hosts, rounds, ...rest } = numbersIn(args, usual);
  const perConnection = rest["agents-per-connection"];
  const room = Math.ceil(tasks / agents) * 2;
  const cluster = await BenchCluster.start({
    agents,
    room,
    hosts,
    perConnection,
    journals: false,
    masters: 2,
  });
  const rows: Row[] = [];
  try {
    const small = { window: 10_000, batch: Math.max(1, Math.min(10, Math.floor(tasks / agents))) };
    const owner = await cluster.startFramework({ id: "owner", tasks, ...small });
    owner.tell({ type: "go" });
    await owner.hears<Filled>("filled");
    const fresh = await cluster.startFramework({ id: "fresh", tasks: 0, ...small });
    for (const framework of [owner, fresh]) {
      framework.tell({ type: "watch" });
      await framework.hears<OfferSeen>("offer");
    }
    for (let round = 1; round <= rounds; round++) rows.push(await killed(cluster, { owner, fresh, round }));
  } finally {
    await cluster.stop();
  }
  const size = `${agents.toLocaleString("en")} agents, ${tasks.toLocaleString("en")} tasks`;
  const columns = [
    "kill",
    "first offer comes",
    "may be used without tasks",
    "with all tasks",
    "processor ms until used",
    "aim",
    "met",
  ];
  print({ bench: "failover", columns, rows, beside: { size, lease: `${leaseMs} ms` } }, json);
}

interface Round {
  readonly owner: BenchProcess;
  readonly fresh: BenchProcess;
  readonly round: number;
}

async function killed(cluster: BenchCluster, { owner, fresh, round }: Round): Promise<Row> {
  // The standby has its own lease to look at, and what the last round left behind is over.
  await sleep(2000);
  const leader = await cluster.leader();
  const at = Date.now();
  await cluster.killMaster(leader);
  const before = cpuOf(cluster);
  const comes = firstOffers(cluster, fresh.name).then((wall) => wall - at);
  const waited = [fresh, owner].map(
    async (framework) => (await framework.hears<OfferSeen>("offer")).wall - at,
  );
  const first = await comes;
  const used = await waited[0]!;
  const worked = cpuOf(cluster).map(([name, cpuMs], index) => `${name} ${cpuMs - before[index]![1]}`);
  const all = await waited[1]!;
  cluster.startMaster();
  const aim = leaseMs + slackMs;
  const times = [first, used, all].map((ms) => `${ms} ms`);
  return [String(round), ...times, worked.join(", "), `≤ ${aim} ms`, met(first <= aim)];
}

const events = codec(FrameworkEvent);

/** When the next offers reach the framework's process, whatever it does with them: wall ms. */
const firstOffers = ({ peer, subjects }: BenchCluster, framework: string): Promise<number> =>
  firstValueFrom(
    peer.bus.messages(subjects.frameworkEventAll(framework)).pipe(
      map(({ bytes }) => events.decode(bytes)),
      filter((decoded) => decoded.ok && decoded.value.type === "offers"),
      map(() => Date.now()),
    ),
  );

/** Of those that are alive. */
const cpuOf = (cluster: BenchCluster): [string, number][] =>
  cluster.usage().map(({ name, usage }) => [name, usage.reduce((sum, { cpuMs }) => sum + cpuMs, 0)]);
