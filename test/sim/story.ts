import type { Static } from "typebox";
import { masterApi } from "#protocol/api.js";
import type { Run } from "#protocol/job.js";
import type { Detention } from "#libs/sim/server.js";
import type { SimCluster } from "./cluster.js";

/** What many stories tell of. */

export type Leader = Static<typeof masterApi.leader.answer>;

export const web = "/demo/web";
export const job = "demo.pi";

/** Its instances on agents that are away are replaced after 20 s. */
export const deploy = (cluster: SimCluster, instances: number): Promise<void> =>
  cluster.deploy({ id: web, instances, replaceAfterSeconds: 20 });

export const leaderOf = (cluster: SimCluster): Promise<Leader> => cluster.ask(masterApi.leader, {});

/** The leading one of two masters. */
export async function crashLeader(cluster: SimCluster): Promise<void> {
  cluster.crash("master", copyOf(await leaderOf(cluster)));
}

/** `master-2` → 2 */
export const copyOf = ({ master }: Leader): number => Number(master.split("-")[1]);

export const leaderAfter = (cluster: SimCluster, before: Leader): Promise<Leader> =>
  cluster.untilSeen(
    "another leader",
    () => leaderOf(cluster),
    ({ epoch }) => epoch > before.epoch,
  );

/** What is sent to all agents as this is to agent a is kept back from now on. */
export const detain = ({ world }: SimCluster, subject: string): Detention =>
  world.server.detain(subject.replace(".agent.a.", ".agent.*."));

/** What frameworks say to agents is kept back from now on. */
export const detainLaunches = (
  cluster: SimCluster,
  verb: "accept" | "kill" | "reconcile" = "accept",
): Detention => detain(cluster, cluster.subjects.launchAll("a", verb));

export const ended = (cluster: SimCluster, run: string, limitMs?: number): Promise<Run> =>
  cluster.untilSeen(
    "the run's end",
    () => cluster.runOf(job, run),
    ({ completedAt }) => completedAt !== undefined,
    limitMs,
  );
