import { type LocalCluster, startCluster } from "./cluster.js";
import { prepareWork, type Work } from "./work.js";

/** One cluster for all suites that leave it as they found it: made by the first that asks, removed at the end of the run. */
let shared: Promise<{ readonly cluster: LocalCluster; readonly work: Work }> | undefined;

export function sharedCluster(): Promise<{ readonly cluster: LocalCluster; readonly work: Work }> {
  shared ??= (async () => {
    const cluster = await startCluster();
    return { cluster, work: await prepareWork(cluster.dockerSocket) };
  })();
  return shared;
}

/** Root hook: see .mocharc.json. */
export async function removeSharedCluster(): Promise<void> {
  if (shared !== undefined) await (await shared.catch(() => undefined))?.cluster.remove();
}
