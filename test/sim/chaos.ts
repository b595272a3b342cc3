import type { SeededRandom } from "#libs/sim/random.js";
import { isTransient, type ServiceName, type SimCluster } from "./cluster.js";

/** What may go wrong, and how it is made good: every trouble ends. */
interface Trouble {
  readonly name: string;
  /** Returns how it ends; undefined when it cannot happen now. */
  readonly begin: (cluster: SimCluster, random: SeededRandom) => (() => void) | undefined;
}

const services: readonly (readonly [ServiceName, number])[] = [
  ["master", 1],
  ["master", 2],
  ["apps", 1],
  ["apps", 2],
  ["jobs", 1],
];

const pick = <T>(random: SeededRandom, all: readonly T[]): T | undefined =>
  all[Math.floor(random.fraction() * all.length)];

const hostsUp = (cluster: SimCluster) => [...cluster.hosts.values()].filter(({ isUp }) => isUp);

const troubles: readonly Trouble[] = [
  {
    name: "an agent dies",
    begin(cluster, random) {
      const host = pick(random, hostsUp(cluster));
      host?.crash();
      return host && (() => host.start());
    },
  },
  {
    name: "a host loses its power",
    begin(cluster, random) {
      const host = pick(random, hostsUp(cluster));
      host?.losePower();
      return host && (() => host.start());
    },
  },
  {
    name: "a service dies",
    begin(cluster, random) {
      const up = services.filter(([service, copy]) => cluster.node(service, copy).isAlive);
      const [service, copy] = pick(random, up) ?? [];
      if (service === undefined || copy === undefined) return undefined;
      cluster.crash(service, copy);
      return () => cluster.start(service, copy);
    },
  },
  {
    name: "a node is cut off",
    begin(cluster, random) {
      const node = pick(
        random,
        cluster.world.nodes.filter(({ name }) => name !== "client"),
      );
      node?.part();
      return node && (() => void (node.isAlive && node.heal()));
    },
  },
  {
    name: "the server dies",
    begin({ world }) {
      if (!world.isServerUp) return undefined;
      world.serverDies();
      return () => world.serverReturns();
    },
  },
  {
    name: "a disk is full",
    begin(cluster, random) {
      const host = pick(random, hostsUp(cluster));
      if (host !== undefined) host.diskIsFull = true;
      return (
        host &&
        (() => {
          host.diskIsFull = false;
        })
      );
    },
  },
  {
    name: "somebody sets a wall clock",
    begin(cluster, random) {
      const node = pick(random, cluster.world.nodes);
      node?.clock.jumpWall(random.between(-3_600_000, 3_600_000));
      return () => {};
    },
  },
  {
    name: "the registry is away, and has forgotten all when it is back",
    begin({ catalog }) {
      catalog.goAway();
      return () => {
        catalog.forgetAll();
        catalog.comeBack();
      };
    },
  },
];

/** Troubles come and go, several at a time, for so many rounds; between them `change` is called, and may fail for want of somebody to ask. In the end all is well again. */
export async function chaos(
  cluster: SimCluster,
  random: SeededRandom,
  rounds: number,
  change: (round: number) => Promise<void>,
): Promise<void> {
  const ends: (() => void)[] = [];
  for (let round = 0; round < rounds; round++) {
    const trouble = pick(random, troubles)!;
    const end = trouble.begin(cluster, random);
    if (end !== undefined) {
      cluster.world.trace.add(`${cluster.world.schedule.now} chaos: ${trouble.name}`);
      ends.push(end);
    }
    await cluster.pass(random.between(10, 20_000));
    while (ends.length > 0 && random.happens(0.6)) ends.shift()!();
    await change(round).catch((cause: unknown) => {
      if (!isTransient(cause)) throw cause;
    });
  }
  for (const end of ends) end();
}
