import { appsApi, type AppView } from "#protocol/app.js";
import { jobsApi, type JobView } from "#protocol/job.js";
import type { BusApi, CallOptions } from "./bus-api.js";

/** An answer on the bus has at most 1 MB: lists are asked for page by page. An app with thousands of tasks fills half a page. */
const pageSizes = { apps: 100, appsWithTasks: 2, jobs: 50 } as const;

export function allApps(api: BusApi, withTasks: boolean, options?: CallOptions): Promise<AppView[]> {
  const most = withTasks ? pageSizes.appsWithTasks : pageSizes.apps;
  const page = (after: string | undefined) =>
    api.call(appsApi.list, { most, withTasks, ...(after !== undefined && { after }) }, options);
  return pages(page, most, ({ app }) => app.definition.id);
}

export function allJobs(api: BusApi, options?: CallOptions): Promise<JobView[]> {
  const most = pageSizes.jobs;
  const page = (after: string | undefined) =>
    api.call(jobsApi.list, { most, ...(after !== undefined && { after }) }, options);
  return pages(page, most, ({ definition }) => definition.id);
}

async function pages<T>(
  page: (after: string | undefined) => Promise<T[]>,
  most: number,
  idOf: (item: T) => string,
): Promise<T[]> {
  const all: T[] = [];
  for (let after: string | undefined; ;) {
    const got = await page(after);
    all.push(...got);
    const last = got.at(-1);
    if (got.length < most || last === undefined) return all;
    after = idOf(last);
  }
}
