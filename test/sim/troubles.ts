import type { SeededRandom } from "#libs/sim/random.js";
import type { SimNode } from "#libs/sim/node.js";
import type { AgentHost } from "./agent-host.js";
import { serviceNames, type SimCluster } from "./cluster.js";

/** Begins, and returns how it ends; undefined when it cannot happen now. */
type Trouble = (cluster: SimCluster, chance: SeededRandom) => (() => void) | undefined;

export const troubleNames = [
  "agent-dies",
  "power-lost",
  "service-dies",
  "cut-off",
  "cut-off-one-way",
  "slow-node",
  "standstill",
  "server-dies",
  "disk-full",
  "clock-set",
  "registry-away",
  "executors-away",
  "task-ends",
  "task-vanishes",
] as const;
export type TroubleName = (typeof troubleNames)[number];

/** What may go wrong, and how it is made good: every trouble ends. */
export const troubles: Record<TroubleName, Trouble> = {
  "agent-dies": (cluster, chance) => {
    const host = pick(chance, hostsUp(cluster));
    if (host === undefined) return undefined;
    host.crash();
    return cluster.holdDown(host);
  },
  /** Also of a host whose agent is dead. */
  "power-lost": (cluster, chance) => {
    const host = pick(chance, [...cluster.hosts.values()]);
    if (host === undefined) return undefined;
    host.losePower();
    return cluster.holdDown(host);
  },
  "service-dies": (cluster, chance) => {
    const up = serviceNames.flatMap((service) =>
      cluster
        .copiesOf(service)
        .flatMap((copy) => (cluster.node(service, copy).isAlive ? { service, copy } : [])),
    );
    const dies = pick(chance, up);
    if (dies === undefined) return undefined;
    cluster.crash(dies.service, dies.copy);
    return () => {
      if (!cluster.node(dies.service, dies.copy).isAlive) cluster.start(dies.service, dies.copy);
    };
  },
  "cut-off": (cluster, chance) => {
    const node = pick(chance, processes(cluster));
    node?.part();
    return node && (() => void (node.isAlive && node.heal()));
  },
  "cut-off-one-way": (cluster, chance) => {
    const node = pick(chance, processes(cluster));
    node?.part(chance.happens(0.5) ? "up" : "down");
    return node && (() => void (node.isAlive && node.heal()));
  },
  "slow-node": (cluster, chance) => {
    const node = pick(chance, processes(cluster));
    node?.link.set({ takingMs: 10 ** chance.between(0, 3) });
    return node && (() => node.link.set({ takingMs: 0 }));
  },
  /** As SIGSTOP and SIGCONT, or a host that sleeps; not for so long that its server would notice. */
  standstill: (cluster, chance) => {
    const node = pick(chance, processes(cluster));
    if (node === undefined) return undefined;
    let isOver = false;
    const goOn = () => {
      if (!isOver && node.isAlive) node.resume();
      isOver = true;
    };
    node.pause();
    cluster.world.schedule.after(standstillMostMs, goOn);
    return goOn;
  },
  "server-dies": ({ world }) => {
    if (!world.isServerUp) return undefined;
    world.serverDies();
    return () => world.serverReturns();
  },
  "disk-full": (cluster, chance) => {
    const host = pick(chance, hostsUp(cluster));
    if (host === undefined) return undefined;
    host.diskIsFull = true;
    return () => {
      host.diskIsFull = false;
    };
  },
  "clock-set": (cluster, chance) => {
    pick(chance, processes(cluster))?.clock.jumpWall(chance.between(-3_600_000, 3_600_000));
    return () => {};
  },
  /** And when it is back it has forgotten all. */
  "registry-away": ({ catalog }) => {
    catalog.goAway();
    return () => {
      catalog.forgetAll();
      catalog.comeBack();
    };
  },
  "executors-away": (cluster, chance) => {
    const host = pick(chance, hostsUp(cluster));
    if (host === undefined) return undefined;
    host.executorsAreThere = false;
    return () => {
      host.executorsAreThere = true;
    };
  },
  /** By itself, or because somebody on the host kills it: also while no agent looks. */
  "task-ends": (cluster, chance) => {
    const { tasks } = pick(chance, [...cluster.hosts.values()])!;
    const task = pick(chance, tasks.running());
    if (task === undefined) return undefined;
    if (chance.happens(0.5)) tasks.end(task, { exitCode: chance.happens(0.5) ? 0 : 1, reason: "exited" });
    else tasks.end(task, { signal: "SIGKILL", reason: "exited" });
    return () => {};
  },
  "task-vanishes": (cluster, chance) => {
    const { tasks } = pick(chance, [...cluster.hosts.values()])!;
    const task = pick(chance, tasks.running());
    if (task === undefined) return undefined;
    tasks.vanish(task);
    return () => {};
  },
};

const standstillMostMs = 9000;

const hostsUp = (cluster: SimCluster): AgentHost[] => [...cluster.hosts.values()].filter(({ isUp }) => isUp);

const processes = ({ world }: SimCluster): SimNode[] => world.nodes.filter(({ name }) => name !== "client");

const pick = <T>(chance: SeededRandom, all: readonly T[]): T | undefined =>
  all[Math.floor(chance.fraction() * all.length)];
