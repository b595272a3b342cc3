import { setTimeout as sleep } from "node:timers/promises";
import { BenchCluster } from "./cluster/bench-cluster.js";
import type { Filled } from "./cluster/framework.js";
import { runBarePath } from "./cluster/bare-path.js";
import type { Usage } from "./cluster/processes.js";
import { numbersIn } from "./flags.js";
import type { BenchOptions } from "./main.js";
import { met, print, type Row } from "./report.js";

const usual = {
  agents: 5000,
  /** 0: only the idle clusters. */
  tasks: 1_000_000,
  /** Tasks on their way to running at a time. */
  window: 10_000,
  /** Tasks that the framework launches with one offer. */
  batch: 20,
  /** Processes that hold the agents. */
  hosts: 1,
  "agents-per-connection": 500,
  /** 1: each agent's journal is a file; 0: in memory, written as JSON all the same. Thousands of hosts do not share one disk. */
  journals: 0,
  /** Sizes of the idle clusters; 0: none. */
  "idle-small": 10_000,
  "idle-large": 50_000,
  "idle-seconds": 30,
  /** 0: not the bare path. */
  bare: 1,
};
type Flags = Record<keyof typeof usual, number>;

/**
 * Tasks through the whole cluster: agents offer, the master allocates, a framework on the SDK stores and accepts, agents journal,
 * launch (an executor that starts nothing) and report through the durable stream, the framework applies and acknowledges. Next to
 * it, in the same run, the same messages between processes that decide nothing.
 */
export async function run({ json, args }: BenchOptions): Promise<void> {
  const flags = numbersIn(args, usual);
  const rows: Row[] = [];
  if (flags.tasks > 0) await fillBoth(flags, rows);
  for (const agents of [flags["idle-small"], flags["idle-large"]])
    if (agents > 0)
      rows.push(...(await idle(agents, flags).catch((cause: unknown) => notReached(agents, cause))));
  const { agents, tasks, window, hosts, journals } = flags;
  const beside = {
    size: `${count(agents)} agents in ${hosts} process(es), ${flags["agents-per-connection"]} a connection; ${count(tasks)} tasks, at most ${count(window)} on their way`,
    journals: journals > 0 ? "a file for each agent" : "in memory",
  };
  print({ bench: "scale", columns: ["what", "figure", "aim", "met"], rows, beside }, json);
}

/** What was measured before is told all the same. */
const notReached = (agents: number, cause: unknown): Row[] => [
  [`${count(agents)} idle agents`, (cause as Error).message, "", met(false)],
];

async function fillBoth(flags: Flags, rows: Row[]): Promise<void> {
  const filled = await fill(flags, rows);
  if (flags.bare === 0) return;
  const bare = await runBarePath({ ...flags, perConnection: flags["agents-per-connection"] });
  const ratio = rate(filled) / bare.rate;
  rows.push(
    ["the bare path", `${count(bare.rate)} tasks/s`, "", ""],
    ["p50, p99 of accept → running there", `${ms(bare.p50Ms)}, ${ms(bare.p99Ms)}`, "", ""],
    ["share of the bare path", ratio.toFixed(2), "≥ 0.5", met(ratio >= 0.5)],
    ["processor time a task there", `${micros(bare.cpuMs, flags.tasks)} µs`, "", ""],
  );
}

async function fill(flags: Flags, rows: Row[]): Promise<Filled> {
  const { agents, tasks, window, hosts, journals } = flags;
  const room = Math.ceil((tasks / agents) * 1.25);
  const batch = Math.min(flags.batch, room);
  const perConnection = flags["agents-per-connection"];
  const cluster = await BenchCluster.start({
    agents,
    room,
    hosts,
    perConnection,
    journals: journals > 0,
    masters: 1,
  });
  try {
    const framework = await cluster.startFramework({ id: "framework", tasks, window, batch });
    const [before, traffic] = [cluster.usage(), await cluster.traffic()];
    framework.tell({ type: "go" });
    const filled = await framework.hears<Filled>("filled");
    const after = cluster.usage();
    const messages = ((await cluster.traffic()).sent - traffic.sent) / tasks;
    const left = await emptied(cluster);
    const tasksPerS = rate(filled);
    rows.push(
      [
        "tasks launched and reported running",
        `${count(filled.tasks)} in ${(filled.ms / 1000).toFixed(1)} s`,
        "",
        "",
      ],
      ["rate", `${count(tasksPerS)} tasks/s`, "≥ 40,000", met(tasksPerS >= 40_000)],
      ["p50, p99 of accept → running", `${ms(filled.p50Ms)}, ${ms(filled.p99Ms)}`, "", ""],
      ["tasks an accept", (filled.tasks / filled.accepts).toFixed(1), "", ""],
      ["messages a task that agents send", messages.toFixed(2), "", ""],
      ["ended, updates not acknowledged", `${filled.ended}, ${left}`, "0, 0", met(filled.ended + left === 0)],
      ["terms of the framework", `${filled.terms}`, "1", met(filled.terms === 1)],
    );
    for (const [index, { name, usage }] of after.entries()) {
      const cpuMs = sum(usage, "cpuMs") - sum(before[index]!.usage, "cpuMs");
      const peak = sum(usage, "peakMiB");
      const aim = name === "master" ? ["≤ 1024 MiB", met(peak <= 1024)] : ["", ""];
      const processor = `${micros(cpuMs, tasks)} µs a task`;
      rows.push([`${name}: processor time, peak memory`, `${processor}, ${peak.toFixed(0)} MiB`, ...aim]);
    }
    return filled;
  } finally {
    await cluster.stop();
  }
}

/** How many updates nobody has acknowledged once the last ones had their time. */
async function emptied(cluster: BenchCluster): Promise<number> {
  for (let tries = 0; tries < 20; tries++) {
    if ((await cluster.unacknowledged()) === 0) return 0;
    await sleep(100);
  }
  return cluster.unacknowledged();
}

async function idle(agents: number, flags: Flags): Promise<Row[]> {
  const seconds = flags["idle-seconds"];
  const perConnection = flags["agents-per-connection"];
  const cluster = await BenchCluster.start({
    agents,
    room: 10,
    hosts: Math.ceil(agents / 25_000),
    perConnection,
    journals: false,
    masters: 1,
  });
  try {
    // Registrations are behind them, and every report falls into its own place of the interval.
    await sleep(Math.min(10, seconds) * 1000);
    const [before, traffic] = [cluster.usage(), await cluster.traffic()];
    const began = performance.now();
    await sleep(seconds * 1000);
    const [after, now] = [cluster.usage(), await cluster.traffic()];
    const perAgent = (messages: number) => messages / agents / ((performance.now() - began) / 1000);
    const sent = perAgent(now.sent - traffic.sent);
    const received = perAgent(now.received - traffic.received);
    const cores = after.map(({ name, usage }, index) => {
      const cpuMs = sum(usage, "cpuMs") - sum(before[index]!.usage, "cpuMs");
      return `${name} ${(cpuMs / seconds / 10).toFixed(1)} %, ${sum(usage, "peakMiB").toFixed(0)} MiB`;
    });
    const what = `${count(agents)} idle agents`;
    return [
      [`${what}: messages/s that one sends`, sent.toFixed(3), "≤ 0.2", met(sent <= 0.2)],
      [`${what}: messages/s that one receives`, received.toFixed(3), "", ""],
      [`${what}: processor (of one core), peak memory`, cores.join("; "), "", ""],
    ];
  } finally {
    await cluster.stop();
  }
}

const rate = ({ tasks, ms: took }: Filled): number => tasks / (took / 1000);
const sum = (usage: readonly Usage[], of: keyof Usage): number =>
  usage.reduce((total, each) => total + each[of], 0);
const count = (value: number): string => Math.round(value).toLocaleString("en");
const ms = (value: number): string => `${value.toFixed(0)} ms`;
const micros = (cpuMs: number, tasks: number): string => ((cpuMs * 1000) / tasks).toFixed(1);
