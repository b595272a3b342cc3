import type { AppView } from "#protocol/app.js";
import { AppsMachine } from "#services/apps/machine.js";
import { appKey, type AppRecord } from "#services/apps/record.js";
import type { SmallAgent } from "#test/support/small-agents.js";
import { SmallCluster } from "#test/support/small-cluster.js";
import { definition } from "./made.js";

export const three: Record<string, SmallAgent> = {
  a: { attributes: { rack: "x" } },
  b: { attributes: { rack: "x" } },
  c: { attributes: { rack: "y" } },
};
export const cluster = (agents = three) => new SmallCluster("apps", (term) => new AppsMachine(term), agents);
export const put = (play: SmallCluster, given: object = {}) =>
  play.ask<{ deployment: { deploymentId: string; version: string }; created: boolean }>("put", {
    definition: definition({ cpus: 0.5, ...given }),
    mode: "put",
  });
export const view = (play: SmallCluster, id = "/demo/web") => play.ask<AppView>("get", { id });
export const aliveIds = (play: SmallCluster) => play.alive.map(({ spec }) => spec.id);
export const versionsAlive = (play: SmallCluster) =>
  play.alive
    .map(({ spec }) => (spec.workload.kind === "process" ? spec.workload.command! : ""))
    .toSorted(byText);
export const byText = (a: string, b: string) => (a < b ? -1 : 1);
export const storedFailures = (play: SmallCluster) =>
  (play.bucket.get(appKey("/demo/web")) as AppRecord).failures;
export const announced = (play: SmallCluster) => play.events.map(({ type }) => type);
