import { masterApi } from "#protocol/api.js";
import { appsApi } from "#protocol/app.js";
import { jobsApi } from "#protocol/job.js";
import type { SeededRandom } from "#libs/sim/random.js";
import { refusalOf, serviceNames, type SimCluster } from "./cluster.js";
import type { StartedRun, Wishes } from "./wishes.js";

type Work = (cluster: SimCluster, wishes: Wishes, chance: SeededRandom) => Promise<void>;

/** What people do. */
export const workNames = [
  "deploy",
  "scale",
  "upgrade",
  "remove",
  "submit",
  "stop-run",
  "kill-run",
  "rescale",
  "failover",
  "drain",
] as const;
export type WorkName = (typeof workNames)[number];

export const appIds = ["/demo/web", "/demo/box"] as const;
/** Who asks for a change is patient for so long. */
const patienceMs = 4000;

export const works: Record<WorkName, Work> = {
  deploy: async (cluster, wishes, chance) => {
    const id = oneOf(chance, appIds);
    await wishes.ask(id, { instances: some(chance), version: "1" }, (wish) => deploy(cluster, id, wish));
  },
  scale: async (cluster, wishes, chance) => {
    const id = oneOf(chance, appIds);
    const instances = some(chance);
    await wishes.ask(id, { instances }, () => cluster.ask(appsApi.scale, { id, instances }, patienceMs));
  },
  upgrade: async (cluster, wishes, chance) => {
    const id = oneOf(chance, appIds);
    const version = chance.token(4);
    await wishes.ask(id, { instances: some(chance), version }, (wish) => deploy(cluster, id, wish));
  },
  remove: async (cluster, wishes, chance) => {
    const id = oneOf(chance, appIds);
    await wishes.ask(id, "absent", () => cluster.ask(appsApi.remove, { id }, patienceMs));
  },
  submit: async (cluster, wishes, chance) => {
    const cmd = `sleep ${chance.between(0.1, 15).toFixed(1)}; exit ${chance.happens(0.7) ? 0 : 1}`;
    const restart = { policy: chance.happens(0.7) ? "ON_FAILURE" : "NEVER" };
    await wishes.start((job) => cluster.submit(job, { cmd, retries: 2, restart }, patienceMs));
  },
  "stop-run": async (cluster, wishes, chance) => {
    const started = oneOf(chance, wishes.started);
    if (started === undefined) return;
    await stop(cluster, wishes, started);
  },
  /** A run is stopped soon after its start: its task is killed before it is launched, while it starts, or when it hardly runs. */
  "kill-run": async (cluster, wishes, chance) => {
    const cmd = `sleep ${chance.between(20, 60).toFixed(1)}`;
    const retries = chance.happens(0.5) ? 2 : 0;
    const started = await wishes.start((job) => cluster.submit(job, { cmd, retries }, patienceMs));
    if (started === undefined) return;
    await cluster.pass(5000 * chance.fraction() ** 4);
    await stop(cluster, wishes, started);
  },
  /** Down and up again at once: tasks are killed that have hardly begun. */
  rescale: async (cluster, wishes, chance) => {
    const id = oneOf(chance, appIds);
    for (const instances of [1, some(chance)])
      await wishes.ask(id, { instances }, () => cluster.ask(appsApi.scale, { id, instances }, patienceMs));
  },
  /** A process of a service is replaced at once, as in an upgrade of ours. */
  failover: async (cluster, _, chance) => {
    const service = oneOf(chance, serviceNames);
    const copy = oneOf(chance, cluster.copiesOf(service));
    if (!cluster.node(service, copy).isAlive) return;
    cluster.crash(service, copy);
    await cluster.pass(chance.between(1, 500));
    if (!cluster.node(service, copy).isAlive) cluster.start(service, copy);
  },
  /** With a deadline or without; whoever was drained before takes tasks again. */
  drain: async (cluster, wishes, chance) => {
    const agent = oneOf(chance, [...cluster.hosts.keys()]);
    const deadline = chance.happens(0.5) ? { deadlineMs: Math.round(chance.between(0, 20_000)) } : {};
    for (const other of wishes.drained)
      await wishes.activate(other, () => activate(cluster, other, patienceMs));
    await wishes.drain(agent, () => cluster.ask(masterApi.drainAgent, { agent, ...deadline }, patienceMs));
  },
};

export const activate = (cluster: SimCluster, agent: string, limitMs?: number): Promise<unknown> =>
  cluster.ask(masterApi.activateAgent, { agent }, limitMs);

const stop = (cluster: SimCluster, wishes: Wishes, { job, run }: StartedRun): Promise<void> =>
  wishes.stop(run, () => cluster.ask(jobsApi.stop, { id: job, run }, patienceMs)).catch(unlessOver);

/** It has ended already. */
const unlessOver = (cause: unknown) => {
  const code = refusalOf(cause);
  if (code !== "conflict" && code !== "not-found") throw cause;
};

interface Wish {
  readonly instances?: number;
  readonly version?: string;
}

/** Each instance takes a core: a host of four is soon full. */
const deploy = (cluster: SimCluster, id: string, { instances = 1, version = "1" }: Wish): Promise<unknown> =>
  cluster.put({ id, instances, cpus: 1, replaceAfterSeconds: 20, env: { VERSION: version } }, patienceMs);

const some = (chance: SeededRandom): number => 1 + Math.floor(chance.fraction() * 7);

function oneOf<T>(chance: SeededRandom, all: readonly [T, ...T[]]): T;
function oneOf<T>(chance: SeededRandom, all: readonly T[]): T;
function oneOf<T>(chance: SeededRandom, all: readonly T[]): T | undefined {
  return all[Math.floor(chance.fraction() * all.length)];
}
