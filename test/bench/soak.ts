import { type LocalCluster, startCluster } from "#test/e2e/support/cluster.js";
import { boxApp, prepareWork, small, webApp, type Work } from "#test/e2e/support/work.js";
import { eventually } from "#test/support/eventually.js";
import { numbersIn } from "./flags.js";
import { type Footprint, footprint, pidsOf } from "./footprint.js";
import type { BenchOptions } from "./main.js";
import { met, print, type Row } from "./report.js";

const usual = {
  minutes: 30,
  agents: 2,
  /** Of ended tasks, an agent keeps at most so many sandboxes; few, so that it is seen to take them away. */
  sandboxes: 20,
  /** 0: no containers. */
  containers: 1,
};

/**
 * Deploys, scalings, kills and jobs on real executors, over and over; and what the cluster holds when all of it is gone again, next to
 * what it held before. The first rounds do not count: they fill caches, logs and the sandboxes that are kept.
 */
export async function run({ json, args }: BenchOptions): Promise<void> {
  const { minutes, agents, sandboxes, containers } = numbersIn(args, usual);
  process.env["EMPORION_AGENT_SANDBOXES_MAX"] = String(sandboxes);
  const cluster = await startCluster({ flags: ["--empty", "--agents", String(agents)] });
  try {
    const work = await prepareWork(cluster.dockerSocket);
    const scene = { cluster, work, containers: containers > 0 };
    const warmUpUntil = performance.now() + minutes * 60_000 * warmUpShare;
    let round = 0;
    do await oneRound(scene, ++round);
    while (performance.now() < warmUpUntil);
    const begin = await atRest(cluster);
    const warmUps = round;
    const until = performance.now() + minutes * 60_000;
    do await oneRound(scene, ++round);
    while (performance.now() < until);
    const end = await atRest(cluster);
    const rows = compare(begin, end, { agents, sandboxes });
    const beside = { rounds: `${round - warmUps} in ${minutes} minutes, after ${warmUps} that do not count` };
    print({ bench: "soak", columns: ["what", "begin", "end", "at most", "met"], rows, beside }, json);
  } finally {
    await cluster.remove();
  }
}

const warmUpShare = 0.1;

interface Scene {
  readonly cluster: LocalCluster;
  readonly work: Work;
  readonly containers: boolean;
}

/** A command line that nobody else on this machine has. */
const seconds = 100_000 + (process.pid % 100_000);
const sleepers = { id: "/soak/sleep", cmd: `exec sleep ${seconds}`, ...small, portDefinitions: [] };

const withInstances = (instances: number) => ({ ...sleepers, instances });
const job = (id: string) => ({ id, run: { cmd: "echo done", cpus: 0.02, mem: 32 } });

async function oneRound({ cluster, work, containers }: Scene, round: number): Promise<void> {
  const { api } = cluster;
  await Promise.all([
    api.deploy(withInstances(4)),
    api.deploy(webApp("/soak/web", 2, work)),
    ...(containers ? [api.deploy(boxApp("/soak/box", 1, work))] : []),
  ]);
  await api.send("PUT", "/v2/apps/soak/sleep", { instances: 8 });
  await api.settled(sleepers.id);
  const [victim] = pidsOf(new RegExp(`^sleep ${seconds} $`));
  if (victim === undefined) throw new Error("no process of the app is found");
  process.kill(victim, "SIGKILL");
  const run = await api.run(job(`soak.job-${round % 3}`));
  if (run.status !== "SUCCESS") throw new Error(`a run ended with ${run.status}: ${run.reason}`);
  await runs(api, 8);
  await api.send("PUT", "/v2/apps/soak/sleep", { instances: 2 });
  await runs(api, 2);
  await api.send("DELETE", `/v1/jobs/soak.job-${round % 3}`);
  await Promise.all([
    api.remove(sleepers.id),
    api.remove("/soak/web"),
    ...(containers ? [api.remove("/soak/box")] : []),
  ]);
}

/** Not settled, which after a failure takes ten seconds more: rounds are to be many. */
const runs = (api: Scene["cluster"]["api"], count: number) =>
  eventually(
    `${count} instances`,
    async () => {
      const { app } = await api.get<{ app: { tasksRunning: number } }>(`/v2/apps${sleepers.id}`);
      return app.tasksRunning === count;
    },
    60_000,
  );

/** Nothing is deployed, and what went is taken away. */
async function atRest(cluster: LocalCluster): Promise<Footprint> {
  let found: Footprint | undefined;
  await eventually(
    "what was removed to be gone",
    async () => {
      found = await footprint(cluster);
      return found.used === 0 && found.entries === 0 && found.offers === 0;
    },
    60_000,
  );
  return found!;
}

/** Connections are kept for use again; Consul has the other end of those of each agent. */
const handlesMost = 5;

/** KiB: what is said of each round. */
const logsMost = 65_536;

/** Memory may breathe; everything else is counted. */
function compare(
  begin: Footprint,
  end: Footprint,
  { agents, sandboxes }: { readonly agents: number; readonly sandboxes: number },
): Row[] {
  const rows: Row[] = [];
  const row = (what: string, from: number, to: number, most: number, unit = "") =>
    rows.push([what, `${from}${unit}`, `${to}${unit}`, `${most}${unit}`, met(to <= most)]);
  for (const [name, { memoryMiB, handles }] of Object.entries(end.processes)) {
    const before = begin.processes[name]!;
    const memoryMost = Math.round(before.memoryMiB * 1.25 + 32);
    row(`${name}: memory`, Math.round(before.memoryMiB), Math.round(memoryMiB), memoryMost, " MiB");
    const handlesMore = name === "consul" ? handlesMost * (1 + agents) : handlesMost;
    row(`${name}: file handles`, before.handles, handles, before.handles + handlesMore);
  }
  row("sandboxes", begin.sandboxes, end.sandboxes, agents * sandboxes);
  row("processes of agents and tasks", begin.tasks, end.tasks, begin.tasks);
  row("containers", begin.containers, end.containers, begin.containers);
  row("logs", begin.logs, end.logs, begin.logs + logsMost, " KiB");
  row("used by tasks, ports included", begin.used, end.used, 0);
  row("offers", begin.offers, end.offers, 0);
  row("entries in the registry", begin.entries, end.entries, 0);
  for (const [name, kib] of Object.entries(end.streams)) {
    const before = begin.streams[name] ?? 0;
    row(`stream ${name}`, before, kib, name.endsWith("EVENTS") ? 65_536 : before + 256, " KiB");
  }
  return rows;
}
