import type { FastifyInstance } from "fastify";
import { collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { doorApis } from "#protocol/api.js";
import { scalar, sum } from "#libs/core/resources.js";
import { allAgents, allApps, allFrameworks, allJobs } from "./lists.js";
import type { Parts } from "./parts.js";

/** A scrape does not wait for somebody to lead: that nobody does is what it shall show. */
const now = { leaderWaitMs: 0 };

/** `/metrics` for Prometheus: the cluster as it is when asked, and this gateway's own requests. */
export function metricsRoute(app: FastifyInstance, parts: Parts): void {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: "emporion_gateway_" });
  const requests = new Histogram({
    name: "emporion_gateway_request_seconds",
    help: "time to answer HTTP requests",
    labelNames: ["method", "route", "status"] as const,
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
    registers: [registry],
  });
  app.addHook("onResponse", async ({ method, routeOptions }, { statusCode, elapsedTime }) => {
    requests.observe({ method, route: routeOptions.url ?? "none", status: statusCode }, elapsedTime / 1000);
  });

  const refresh = clusterGauges(registry, parts);
  app.get(
    "/metrics",
    { schema: { tags: ["operation"], summary: "Metrics for Prometheus" } },
    async (_, answer) => {
      await refresh();
      return answer.header("content-type", registry.contentType).send(await registry.metrics());
    },
  );
}

function clusterGauges(registry: Registry, { api }: Parts): () => Promise<void> {
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge({ name: `emporion_${name}`, help, labelNames: [...labelNames], registers: [registry] });
  const up = gauge("service_up", "1 when the leader of the service answers", ["service"]);
  const agents = gauge("agents", "agents by state", ["state"]);
  const resources = gauge("resources", "cpus in cores, mem and disk in MiB", ["resource", "kind"]);
  const tasks = gauge("tasks", "tasks on registered agents by framework", ["framework"]);
  const share = gauge("framework_dominant_share", "0 to 1", ["framework", "role"]);
  const apps = gauge("app_instances", "instances of an app", ["app", "state"]);
  const runs = gauge("job_runs", "runs of a job by status, finished ones as counted since its creation", [
    "job",
    "status",
  ]);

  const undecoded = gauge(
    "undecoded_messages",
    "messages that did not decode and were dropped, since the leader of the service, or each agent, began",
    ["at"],
  );

  /** Who does not answer, because nobody leads or because it is of an older version, has no figure. */
  const countUndecoded = async (service: keyof typeof doorApis) => {
    const dropped = await api.call(doorApis[service].undecoded, {}, now).catch(() => undefined);
    if (dropped === undefined) return;
    undecoded.set({ at: service }, dropped.here);
    if (dropped.agents !== undefined) undecoded.set({ at: "agents" }, dropped.agents);
  };

  const asked = async (service: string, fill: () => Promise<void>) => {
    try {
      await fill();
      up.set({ service }, 1);
    } catch {
      up.set({ service }, 0);
    }
  };

  return async () => {
    for (const each of [agents, resources, tasks, share, apps, runs, undecoded]) each.reset();
    await Promise.all([
      ...(["master", "apps", "jobs"] as const).map(countUndecoded),
      asked("master", async () => {
        const views = await allAgents(api, now);
        for (const { state } of views) agents.inc({ state });
        const present = views.filter(({ state }) => state === "registered");
        const kinds = {
          total: sum(present.map(({ info }) => info.totals)),
          used: sum(present.map(({ used }) => used)),
          offered: sum(present.map(({ offered }) => offered)),
        };
        for (const [kind, amount] of Object.entries(kinds))
          for (const resource of Object.keys(kinds.total.scalars))
            resources.set({ resource, kind }, scalar(amount, resource) / 1000);
        for (const framework of await allFrameworks(api, now)) {
          tasks.set({ framework: framework.id }, framework.tasks);
          share.set({ framework: framework.id, role: framework.role }, framework.share);
        }
      }),
      asked("apps", async () => {
        for (const { app, running, staged, healthy, unhealthy } of await allApps(api, false, now)) {
          const states = { wanted: app.definition.instances, running, staged, healthy, unhealthy };
          for (const [state, count] of Object.entries(states))
            apps.set({ app: app.definition.id, state }, count);
        }
      }),
      asked("jobs", async () => {
        for (const { definition, active, activeCount, successCount, failureCount } of await allJobs(
          api,
          now,
        )) {
          const counts = {
            active: activeCount ?? active.length,
            success: successCount,
            failed: failureCount,
          };
          for (const [status, count] of Object.entries(counts))
            runs.set({ job: definition.id, status }, count);
        }
      }),
    ]);
  };
}
