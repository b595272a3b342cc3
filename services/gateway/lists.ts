import {
  type AgentView,
  type FrameworkView,
  masterApi,
  type OfferView,
  type RoleView,
} from "#protocol/api.js";
import { appsApi, type AppView } from "#protocol/app.js";
import { jobsApi, type JobView } from "#protocol/job.js";
import type { BusApi, CallOptions } from "./bus-api.js";

/**
 * Lists that may be larger than a message on the bus, asked for page by page. What comes or goes meanwhile may be in the whole
 * or not; nothing is in it twice.
 */

/** Of apps and jobs, in items: an app with thousands of tasks fills half a message. The master's pages are as long as fits. */
const pageSizes = { apps: 100, appsWithTasks: 2, jobs: 50 } as const;

export const allAgents = (api: BusApi, options?: CallOptions): Promise<AgentView[]> =>
  allPages(
    (after) => api.call(masterApi.agents, after, options),
    ({ info }) => info.id,
  );

export const allFrameworks = (api: BusApi, options?: CallOptions): Promise<FrameworkView[]> =>
  allPages(
    (after) => api.call(masterApi.frameworks, after, options),
    ({ id }) => id,
  );

export const allRoles = (api: BusApi, options?: CallOptions): Promise<RoleView[]> =>
  allPages(
    (after) => api.call(masterApi.roles, after, options),
    ({ name }) => name,
  );

export const allOffers = (api: BusApi, options?: CallOptions): Promise<OfferView[]> =>
  allPages(
    (after) => api.call(masterApi.offers, after, options),
    ({ id }) => id,
  );

export function allApps(api: BusApi, withTasks: boolean, options?: CallOptions): Promise<AppView[]> {
  const most = withTasks ? pageSizes.appsWithTasks : pageSizes.apps;
  const page = async (after: After) =>
    counted(most, await api.call(appsApi.list, { most, withTasks, ...after }, options));
  return allPages(page, ({ app }) => app.definition.id);
}

export function allJobs(api: BusApi, options?: CallOptions): Promise<JobView[]> {
  const most = pageSizes.jobs;
  const page = async (after: After) =>
    counted(most, await api.call(jobsApi.list, { most, ...after }, options));
  return allPages(page, ({ definition }) => definition.id);
}

interface After {
  readonly after?: string;
}

interface Page<T> {
  readonly items: readonly T[];
  readonly more: boolean;
}

/** One that is full may have another after it. */
const counted = <T>(most: number, items: readonly T[]): Page<T> => ({ items, more: items.length >= most });

async function allPages<T>(
  page: (after: After) => Promise<Page<T>>,
  idOf: (item: T) => string,
): Promise<T[]> {
  const all: T[] = [];
  for (let after: After = {}; ;) {
    const { items, more } = await page(after);
    for (const item of items) all.push(item);
    const last = items.at(-1);
    if (!more || last === undefined) return all;
    after = { after: idOf(last) };
  }
}
