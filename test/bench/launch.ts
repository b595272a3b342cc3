import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Docker from "dockerode";
import type { Api } from "#test/e2e/support/api.js";
import { type LocalCluster, startCluster } from "#test/e2e/support/cluster.js";
import { prepareWork } from "#test/e2e/support/work.js";
import { eventually } from "#test/support/eventually.js";
import { freePorts } from "#test/support/tools.js";
import { bareContainers, BareSpawns, Swarm } from "./floors.js";
import { numbersIn } from "./flags.js";
import type { BenchOptions } from "./main.js";
import { median, met, print, quantile, type Row } from "./report.js";

/**
 * From a deploy by HTTP to all instances running, through the whole path; next to what the machine can do without a cluster, in
 * the same run. Floor and cluster take turns, and each round has a ratio of its own: absolute times drift on a shared machine.
 */
export async function run({ json, args }: BenchOptions): Promise<void> {
  const { chosen, size } = asked(args);
  const cluster = await startCluster({ flags: ["--empty", "--agents", "1"] });
  const spawns = new BareSpawns();
  try {
    const docker = new Docker({ socketPath: cluster.dockerSocket });
    const { image } = await prepareWork(cluster.dockerSocket);
    const rows: Row[] = [];
    for (const part of chosen) rows.push(...(await parts[part]({ cluster, spawns, docker, image, size })));
    const columns = ["what", "cluster", "floor", "ratio (rounds)", "aim", "met"];
    const beside = { docker: (await docker.version()).Version };
    print({ bench: "launch", columns, rows, beside }, json);
  } finally {
    spawns.close();
    await cluster.remove();
  }
}

interface Scene {
  readonly cluster: LocalCluster;
  readonly spawns: BareSpawns;
  readonly docker: Docker;
  readonly image: string;
  readonly size: Size;
}

const usual = {
  few: 50,
  many: 200,
  "process-rounds": 5,
  "warm-up": 20,
  launches: 100,
  containers: 50,
  "container-rounds": 3,
};
type Size = Readonly<typeof usual>;

const parts = {
  processes: async (scene: Scene) => [
    await processes(scene, scene.size.few),
    await processes(scene, scene.size.many),
  ],
  idle,
  containers,
};

type Part = keyof typeof parts;
const partNames = Object.keys(parts) as Part[];

/** The parts that are named, or all; then, as flags, how many of everything. */
function asked(args: readonly string[]): { readonly chosen: readonly Part[]; readonly size: Size } {
  const firstFlag = args.findIndex((arg) => arg.startsWith("--"));
  const flagsAt = firstFlag === -1 ? args.length : firstFlag;
  const named = args.slice(0, flagsAt);
  const unknown = named.filter((arg) => !(partNames as string[]).includes(arg));
  if (unknown.length > 0)
    throw new Error(`expected parts of ${partNames.join(", ")}, found ${unknown.join(", ")}`);
  const chosen = named.length === 0 ? partNames : partNames.filter((part) => named.includes(part));
  return { chosen, size: numbersIn(args.slice(flagsAt), usual) };
}

interface AppToRun {
  readonly id: string;
  readonly instances: number;
  readonly [field: string]: unknown;
}

const sleepers = (id: string, instances: number): AppToRun => ({
  id,
  cmd: "exec sleep 1000",
  instances,
  cpus: 0.001,
  mem: 32,
  portDefinitions: [],
});

const boxes = (image: string, instances: number): AppToRun => ({
  id: "/bench/container",
  cmd: "exec sleep 1000",
  container: { docker: { image } },
  networks: [{ mode: "container/bridge" }],
  instances,
  cpus: 0.02,
  mem: 32,
});

const idleMs = 100;
const concurrencies = [2, 4, 8];
/** Containers with which the best of them is looked for. */
const sampled = 8;

async function processes(
  { cluster: { api }, spawns, size: { "process-rounds": processRounds } }: Scene,
  count: number,
): Promise<Row> {
  const app = sleepers("/bench/process", count);
  // Nobody's first round counts.
  await spawns.all(count);
  await timeToRunning(api, app);
  const rounds: Round[] = [];
  for (let round = 0; round < processRounds; round++)
    rounds.push({ floor: await spawns.all(count), ours: await timeToRunning(api, app) });
  return rateRow(`${count} processes`, rounds, "spawn with cgroup", 0.7);
}

async function containers({ cluster, docker, image, size }: Scene): Promise<Row[]> {
  const { containers: count, "container-rounds": rounds } = size;
  const concurrency = await bestConcurrency(docker, image);
  const directory = mkdtempSync(join(tmpdir(), "emporion-swarm-"));
  const [port] = await freePorts(1);
  const swarm = await Swarm.start(directory, port!);
  try {
    const bare: Round[] = [];
    const swarms: Round[] = [];
    for (let round = 0; round < rounds; round++) {
      const floor = await bareContainers(docker, image, count, concurrency);
      const ours = await timeToRunning(cluster.api, boxes(image, count));
      bare.push({ floor, ours });
      swarms.push({ floor: await swarm.service(count), ours });
    }
    return [
      rateRow(`${count} containers`, bare, `dockerode, ${concurrency} at a time`, 0.9),
      rateRow(`${count} containers`, swarms, "Swarm service", 1),
    ];
  } finally {
    await swarm.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function bestConcurrency(docker: Docker, image: string): Promise<number> {
  await bareContainers(docker, image, 2, 2);
  const times = new Map<number, number>();
  for (const concurrency of concurrencies)
    times.set(concurrency, await bareContainers(docker, image, sampled, concurrency));
  return concurrencies.toSorted((a, b) => times.get(a)! - times.get(b)!)[0]!;
}

/** The clock of the agent says when a task ran; it is this machine's. */
async function timeToRunning(api: Api, definition: AppToRun): Promise<number> {
  const startedAt = Date.now();
  await api.deploy(definition, 120_000);
  const tasks = (await api.tasks(definition.id)).filter(({ latest }) => latest.state === "running");
  if (tasks.length !== definition.instances)
    throw new Error(`${tasks.length} of ${definition.instances} run`);
  const tookMs = Math.max(...tasks.map((task) => task.startedAt ?? Number.NaN)) - startedAt;
  await api.remove(definition.id);
  return tookMs;
}

/**
 * One more instance on a cluster that has nothing else to do, and a bare spawn, in turn. Pauses let the cluster be idle before, and
 * keep us from asking while it launches: the agent's clock says when it ran.
 */
async function idle({ cluster: { api }, spawns, size }: Scene): Promise<Row[]> {
  const { launches, "warm-up": idleWarmUp } = size;
  const { id, ...definition } = sleepers("/bench/idle", 0);
  await api.deploy({ id, ...definition });
  const floors: number[] = [];
  const latencies: number[] = [];
  const known = new Set<string>();
  for (let instances = 1; instances <= idleWarmUp + launches; instances++) {
    const floor = await spawns.all(1);
    await sleep(idleMs);
    const startedAt = Date.now();
    await api.send("PUT", `/v2/apps${id}`, { instances });
    await sleep(idleMs);
    const task = await eventually(
      "the instance to run",
      async () =>
        (await api.tasks(id)).find(({ spec, latest }) => latest.state === "running" && !known.has(spec.id)),
      10_000,
    );
    known.add(task.spec.id);
    if (instances <= idleWarmUp) continue;
    floors.push(floor);
    latencies.push((task.startedAt ?? Number.NaN) - startedAt);
  }
  await api.remove(id);
  return [0.5, 0.99].map((share) => {
    const [ours, bare] = [quantile(latencies, share), quantile(floors, share)];
    const over = ours - bare;
    const what = `one launch, idle, p${share * 100}`;
    const aim = share === 0.5 ? ["≤ 10 ms over", met(over <= 10)] : ["", ""];
    return [what, ms(ours), `${ms(bare)} (spawn with cgroup)`, `+${over.toFixed(1)} ms`, ...aim];
  });
}

/** Both in ms, measured one after the other. */
interface Round {
  readonly floor: number;
  readonly ours: number;
}

/** Rates: the ratio of two rates is the inverse ratio of the times. */
function rateRow(what: string, rounds: readonly Round[], floorName: string, aim: number): Row {
  const ratios = rounds.map(({ floor, ours }) => floor / ours);
  const ratio = median(ratios);
  const ours = median(rounds.map((round) => round.ours));
  const floor = median(rounds.map((round) => round.floor));
  const all = ratios.map((each) => each.toFixed(2)).join(" ");
  return [
    what,
    ms(ours),
    `${ms(floor)} (${floorName})`,
    `${ratio.toFixed(2)} (${all})`,
    `≥ ${aim}`,
    met(ratio >= aim),
  ];
}

const ms = (value: number): string => `${value.toFixed(value < 100 ? 1 : 0)} ms`;
