import type { Demand } from "#protocol/api.js";
import { appsApi } from "#protocol/app.js";
import { jobsApi } from "#protocol/job.js";
import { Refused } from "./answer.js";
import type { BusApi } from "./bus-api.js";
import { allFrameworks } from "./lists.js";
import { appIdOf } from "./marathon.js";

export type DemandingKind = "apps" | "jobs" | "frameworks";

/** What an app, a job or a framework wants to place: ours say it themselves, of others the leader knows the needs. */
export async function demandsOf(
  api: BusApi,
  { kind, id }: { kind: DemandingKind; id: string },
): Promise<readonly Demand[]> {
  if (kind === "apps") return api.call(appsApi.demand, { id: appIdOf(id) });
  if (kind === "jobs") return api.call(jobsApi.demand, { id });
  const framework = (await allFrameworks(api)).find((each) => each.id === id);
  if (framework === undefined)
    throw new Refused({ code: "not-found", message: `no framework ${id} has ever subscribed` });
  return framework.needs.map((need) => ({
    about: id,
    framework: id,
    need,
    waiting: [],
    ...(need.count !== undefined && { wanted: need.count }),
  }));
}
