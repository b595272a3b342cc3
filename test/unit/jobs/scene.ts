import assert from "node:assert/strict";
import type { JobView, Run } from "#protocol/job.js";
import { JobsMachine } from "#services/jobs/machine.js";
import type { SmallAgent } from "#test/support/small-agents.js";
import { SmallCluster } from "#test/support/small-cluster.js";
import { job } from "./made.js";

export const two: Record<string, SmallAgent> = { a: { cpus: 4 }, b: { cpus: 4 } };
export const cluster = (agents = two) => new SmallCluster("jobs", (term) => new JobsMachine(term), agents);
export const id = "demo.pi";
export const create = (play: SmallCluster, run: object = {}) => play.ask("create", job({ cpus: 1, ...run }));
export const start = (play: SmallCluster, key?: string) =>
  play.ask<Run>("start", key === undefined ? { id } : { id, key });
export const runOf = (play: SmallCluster, run: string) => play.ask<Run>("run", { id, run });
export const view = (play: SmallCluster) => play.ask<JobView>("get", { id });
export const only = (play: SmallCluster) => {
  assert.equal(play.alive.length, 1, `${play.alive.length} tasks`);
  return play.alive[0]!.spec.id;
};
export const retrying = {
  restart: { policy: "ON_FAILURE" },
  retries: 2,
  backoffSeconds: 10,
  backoffFactor: 2,
};
export const announced = (play: SmallCluster) => play.events.map(({ type }) => type);
export const ownKeys = (play: SmallCluster) =>
  [...play.bucket.keys()].filter((key) => !key.startsWith("launch."));
