import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Docker from "dockerode";
import type { Api } from "#test/e2e/support/api.js";
import { type LocalCluster, startCluster } from "#test/e2e/support/cluster.js";
import { prepareWork } from "#test/e2e/support/work.js";
import { eventually } from "#test/support/eventually.js";
import { freePorts } from "#test/support/tools.js";
import { bareContainers, bareSpawnLatencies, bareSpawns, swarmReplicas } from "./floors.js";
import type { BenchOptions } from "./main.js";
import { print, quantile } from "./report.js";

/**
 * From a deploy by HTTP to all instances running, through the whole path; next to what the machine can do without a cluster, in
 * the same run. A figure is a ratio to the floor: absolute times drift on a shared machine.
 */
export async function run({ json }: BenchOptions): Promise<void> {
  const cluster = await startCluster({ flags: ["--empty", "--agents", "1"] });
  try {
    const { image } = await prepareWork(cluster.dockerSocket);
    const rows = [
      await processes(cluster.api, 50),
      await processes(cluster.api, 200),
      ...(await containers(cluster, image, 50)),
      ...(await idle(cluster.api)),
    ];
    print("launch", ["what", "cluster", "floor", "ratio", "aim", "met"], rows, json);
  } finally {
    await cluster.remove();
  }
}

type Row = readonly string[];

interface AppToRun {
  readonly id: string;
  readonly instances: number;
  readonly [field: string]: unknown;
}

async function processes(api: Api, count: number): Promise<Row> {
  const floors: number[] = [];
  const took: number[] = [];
  for (let round = 0; round < 3; round++) {
    floors.push(await bareSpawns(count));
    took.push(
      await timeToRunning(api, {
        id: "/bench/process",
        cmd: "exec sleep 1000",
        instances: count,
        cpus: 0.001,
        mem: 32,
        portDefinitions: [],
      }),
    );
  }
  return rateRow(`${count} processes`, quantile(took, 0.5), quantile(floors, 0.5), "spawn with cgroup", 0.7);
}

async function containers({ api, dockerSocket }: LocalCluster, image: string, count: number): Promise<Row[]> {
  const docker = new Docker({ socketPath: dockerSocket });
  const floors: number[] = [];
  const took: number[] = [];
  const definition = {
    id: "/bench/container",
    cmd: "exec sleep 1000",
    container: { docker: { image } },
    networks: [{ mode: "container/bridge" }],
    instances: count,
    cpus: 0.02,
    mem: 32,
  };
  for (let round = 0; round < 2; round++) {
    for (const concurrency of [2, 4, 8]) floors.push(await bareContainers(docker, image, count, concurrency));
    took.push(await timeToRunning(api, definition));
  }
  const directory = mkdtempSync(join(tmpdir(), "emporion-swarm-"));
  const [port] = await freePorts(1);
  const swarm = await swarmReplicas(directory, port!, count).finally(() =>
    rmSync(directory, { recursive: true, force: true }),
  );
  const best = Math.min(...floors);
  const ours = Math.min(...took);
  return [
    rateRow(`${count} containers`, ours, best, "dockerode, best of 2, 4, 8 at a time", 0.9),
    rateRow(`${count} containers`, ours, swarm, "Swarm service", 1),
  ];
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

/** One more instance on a cluster that has nothing else to do, again and again. */
async function idle(api: Api): Promise<Row[]> {
  const id = "/bench/idle";
  const launches = 60;
  await api.deploy({
    id,
    cmd: "exec sleep 1000",
    instances: 0,
    cpus: 0.001,
    mem: 16,
    portDefinitions: [],
  } as never);
  const latencies: number[] = [];
  const known = new Set<string>();
  for (let instances = 1; instances <= launches; instances++) {
    const startedAt = Date.now();
    await api.send("PUT", `/v2/apps${id}`, { instances });
    const task = await eventually(
      "the instance to run",
      async () =>
        (await api.tasks(id)).find(({ spec, latest }) => latest.state === "running" && !known.has(spec.id)),
      10_000,
    );
    known.add(task.spec.id);
    latencies.push((task.startedAt ?? Number.NaN) - startedAt);
  }
  await api.remove(id);
  const floors = await bareSpawnLatencies(launches);
  return [0.5, 0.99].map((share) => {
    const [ours, bare] = [quantile(latencies, share), quantile(floors, share)];
    const over = ours - bare;
    const aim = share === 0.5 ? "≤ 10 ms over" : "-";
    return [
      `one launch, idle, p${share * 100}`,
      ms(ours),
      `${ms(bare)} (spawn)`,
      `+${over.toFixed(1)} ms`,
      aim,
      share === 0.5 ? met(over <= 10) : "-",
    ];
  });
}

/** Rates: the ratio of two rates is the inverse ratio of the times. */
function rateRow(what: string, ours: number, floor: number, floorName: string, aim: number): Row {
  const ratio = floor / ours;
  return [what, ms(ours), `${ms(floor)} (${floorName})`, ratio.toFixed(2), `≥ ${aim}`, met(ratio >= aim)];
}

const ms = (value: number): string => `${value.toFixed(value < 100 ? 1 : 0)} ms`;
const met = (is: boolean): string => (is ? "yes" : "no");
