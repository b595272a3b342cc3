import type { AppView } from "#protocol/app.js";
import type { TaskSpec } from "#protocol/task.js";
import { fractionOf } from "#libs/core/hash.js";
import type { Scripts } from "#libs/sim/executor.js";
import { isTransient, serviceNames, SimCluster } from "./cluster.js";
import { assertConverged, assertEnds, waitsForTheAway } from "./converged.js";
import { type Mixture, mixtureOf, mixtureText } from "./mixture.js";
import { chanceOf, planOf, type Step } from "./plan.js";
import { troubles } from "./troubles.js";
import { Wishes } from "./wishes.js";
import { activate, appIds, works } from "./work.js";

export interface RunOptions {
  readonly seed: string | number;
  /** Kinds of weather, trouble and work that are left out. */
  readonly without?: ReadonlySet<string>;
  /** The ids of the steps that happen; all unless given. */
  readonly only?: ReadonlySet<string>;
  readonly detailed?: boolean;
}

export interface Outcome {
  readonly seed: string | number;
  readonly mixture: string;
  /** The steps that happened. */
  readonly steps: readonly Step[];
  /** Why it failed. */
  readonly failure?: string;
  /** Two runs of a seed end with the same one. */
  readonly ending: string;
  readonly virtualMs: number;
  readonly events: number;
  readonly trace: () => readonly string[];
}

/** Runs a seed to its end. It does not throw. */
export async function run({ seed, without, only, detailed = false }: RunOptions): Promise<Outcome> {
  const mixture = mixtureOf(seed, without);
  const steps = planOf(seed, mixture).filter(({ id }) => only?.has(id) ?? true);
  const { agents, copies, link, turnMs, keptMs } = mixture;
  const racks = ["a", "a", "b", "c"].slice(0, agents);
  const cluster = new SimCluster({
    seed,
    racks,
    copies,
    link,
    turnMs,
    keptMs,
    detailed,
    scripts: scriptsOf(mixture),
  });
  const failure = await play(cluster, mixture, steps).catch(
    (cause: unknown) => (cause instanceof Error ? cause.message : String(cause)) || "an error without words",
  );
  const { trace, random, schedule } = cluster.world;
  return {
    seed,
    mixture: mixtureText(mixture),
    steps,
    ...(failure !== undefined && { failure }),
    ending: `${trace.hash} ${random.ending}`,
    virtualMs: schedule.now,
    events: trace.count,
    trace: () => trace.lines(),
  };
}

/** First the troubles, during which the rules have to hold; then a time without, in which all has to become as it should be. */
async function play(cluster: SimCluster, mixture: Mixture, steps: readonly Step[]): Promise<undefined> {
  const wishes = new Wishes();
  const ends = troublesOf(cluster, steps);
  await workThrough(cluster, wishes, steps);
  await passUntil(cluster, mixture.forMs);
  for (const end of ends) end();
  cluster.calm();
  for (const agent of wishes.drained) await wishes.activate(agent, () => activate(cluster, agent));
  const comeBack = away(cluster, mixture);
  await allIsWell(cluster, wishes);
  if (mixture.away === "nobody") return;
  comeBack();
  await allIsWell(cluster, wishes);
}

/** Each begins and ends at its time. Gives what ends those that last. */
function troublesOf(cluster: SimCluster, steps: readonly Step[]): ReadonlySet<() => void> {
  const { world } = cluster;
  const lasting = new Set<() => void>();
  for (const step of steps) {
    if (step.what !== "trouble") continue;
    const tell = (what: string) => world.trace.add(`${world.schedule.now} *** ${what} ${step.id}`);
    world.schedule.at(step.at, () => {
      const end = troubles[step.kind](cluster, chanceOf(world.seed, step));
      tell(end === undefined ? "nothing to do for" : "begins");
      if (end === undefined) return;
      const once = () => {
        if (!lasting.delete(once)) return;
        tell("ends");
        end();
      };
      lasting.add(once);
      world.schedule.after(step.lastsMs, once);
    });
  }
  return lasting;
}

/** One change after the other, each at its time or when the one before is done. Nobody may be there who could do it. */
async function workThrough(cluster: SimCluster, wishes: Wishes, steps: readonly Step[]): Promise<void> {
  const { world } = cluster;
  for (const step of steps) {
    if (step.what !== "work") continue;
    await passUntil(cluster, step.at);
    world.trace.add(`${world.schedule.now} *** does ${step.id}`);
    await works[step.kind](cluster, wishes, chanceOf(world.seed, step)).catch((cause: unknown) => {
      if (!isTransient(cause)) throw cause;
    });
  }
}

const passUntil = (cluster: SimCluster, at: number): Promise<void> =>
  cluster.pass(Math.max(0, at - cluster.world.schedule.now));

/** One host and all spare copies stay away, or go. Returns how they come back. */
function away(cluster: SimCluster, mixture: Mixture): () => void {
  if (mixture.away === "nobody") return () => {};
  const host = [...cluster.hosts.values()].at(-1)!;
  const backs: (() => void)[] = [];
  if (mixture.away === "cut-off") {
    host.node.part();
    backs.push(() => host.node.heal());
  } else {
    if (mixture.away === "dead") host.crash();
    else host.losePower();
    backs.push(() => host.start());
  }
  for (const service of serviceNames)
    for (const copy of cluster.copiesOf(service).slice(1)) {
      cluster.crash(service, copy);
      backs.push(() => cluster.start(service, copy));
    }
  return () => {
    for (const back of backs) back();
  };
}

/** How long a cluster without troubles may take to be as it should be. */
const settleMostMs = 240_000;

async function allIsWell(cluster: SimCluster, wishes: Wishes): Promise<void> {
  // An app that was removed is there until its last task has ended.
  const apps = async () => (await cluster.apps()).filter((app) => !waitsForTheAway(cluster, app));
  const isAsAsked = (seen: readonly AppView[]) => wishes.faultOf(seen) === undefined;
  await cluster
    .untilSeen("apps to be as asked", apps, isAsAsked, settleMostMs)
    .catch(async (cause: unknown) => {
      throw new Error(wishes.faultOf(await apps()) ?? String(cause), { cause });
    });
  await makeRoom(cluster, wishes);
  for (const started of wishes.started) {
    const fault = wishes.faultOfRun(await assertEnds(cluster, started, settleMostMs));
    if (fault !== undefined) throw new Error(fault);
  }
  // What was not answered may yet be done.
  await assertConverged(cluster, settleMostMs, () => makeRoom(cluster, wishes));
}

/** An app that waits for room waits for ever: half of the cores are left for new versions and for jobs. */
async function makeRoom(cluster: SimCluster, wishes: Wishes): Promise<void> {
  const cores = [...cluster.hosts.keys()].filter((id) => cluster.isHere(id)).length * 4;
  const most = Math.max(1, Math.floor(cores / 2 / appIds.length));
  for (const { app } of await cluster.apps()) {
    if (app.deletedAt !== undefined) continue;
    const { id, instances } = app.definition;
    if (instances > most) await wishes.ask(id, { instances: most }, () => cluster.scale(id, most));
  }
}

/** Tasks that take their time, each another one; some do not start. */
const scriptsOf =
  ({ launchMostMs, stopMostMs, launchFailures }: Mixture): Scripts =>
  ({ id }: TaskSpec) => ({
    launchMs: 1 + launchMostMs * fractionOf(`${id} launch`) ** 2,
    stopMs: 1 + stopMostMs * fractionOf(`${id} stop`) ** 4,
    ...(fractionOf(`${id} fails`) < launchFailures && {
      fails: { reason: "launch-failed" as const, message: "it does not start" },
    }),
  });
