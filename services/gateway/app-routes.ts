import type { FastifyInstance, FastifyReply } from "fastify";
import { Type } from "typebox";
import { AppDefinition, appsApi } from "#protocol/app.js";
import { codec } from "#protocol/codec.js";
import { invalid } from "./answer.js";
import { allApps } from "./lists.js";
import { appIdOf, appInfo, merged, onlyScales, taskInfo } from "./marathon.js";
import type { Parts } from "./parts.js";
import { unsupportedOfApps, withReasons } from "./unsupported.js";
import { expectSameId, filledAndChecked } from "./validation.js";

const definitions = codec(AppDefinition);
const tags = ["apps"];
const AnyObject = Type.Record(Type.String(), Type.Unknown());

/** `/v2/apps` in Marathon's shapes. */
export function appRoutes(app: FastifyInstance, { api }: Parts): void {
  app.get<{ Querystring: { embed?: string | string[]; id?: string; label?: string } }>(
    "/v2/apps",
    {
      schema: {
        tags,
        summary: "All apps; `embed=apps.tasks` with their tasks",
        querystring: Type.Object({
          id: Type.Optional(Type.String({ description: "only apps whose id contains this" })),
          embed: Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())])),
        }),
      },
    },
    async ({ query }) => {
      const embeds = [query.embed ?? []].flat().flatMap((each) => each.split(","));
      const tasks = embeds.some((each) => /^((group\.)?apps?\.)?(tasks|failures)$/.test(each));
      const views = await allApps(api, tasks);
      const asked = views.filter((view) => view.app.definition.id.includes(query.id?.toLowerCase() ?? ""));
      return { apps: asked.map((view) => appInfo(view, { tasks })) };
    },
  );

  app.post<{ Body: Record<string, unknown> }>(
    "/v2/apps",
    {
      schema: {
        tags,
        summary: "Deploy a new app",
        body: AnyObject,
        description: "The body is an AppDefinition; what is absent has its default.",
      },
    },
    async ({ body }, answer) => {
      const definition = checked(withAbsoluteId(body));
      const { deployment } = await api.call(appsApi.put, { definition, mode: "create" });
      const view = await api.call(appsApi.get, { id: definition.id });
      void answer.code(201).header("location", `/v2/apps${definition.id}`);
      deploymentHeader(answer, deployment.deploymentId);
      return { ...appInfo(view, { tasks: false }), deployments: [{ id: deployment.deploymentId }] };
    },
  );

  app.get<{ Params: { "*": string } }>(
    "/v2/apps/*",
    { schema: { tags, summary: "One app with its tasks; `…/tasks`: its tasks alone" } },
    async ({ params }) => {
      const path = params["*"];
      const tasksOnly = path.endsWith("/tasks");
      const view = await api.call(appsApi.get, {
        id: appIdOf(tasksOnly ? path.slice(0, -"/tasks".length) : path),
      });
      if (tasksOnly) return { tasks: view.tasks.map((task) => taskInfo(view.app.definition.id, task)) };
      return { app: appInfo(view, { tasks: true }) };
    },
  );

  app.put<{
    Params: { "*": string };
    Querystring: { partialUpdate: boolean; force: boolean; dryRun: boolean };
    Body: Record<string, unknown>;
  }>(
    "/v2/apps/*",
    {
      schema: {
        tags,
        summary: "Change an app, or deploy it when it is new; a body with only `instances` scales it",
        querystring: Type.Object({
          partialUpdate: Type.Boolean({ default: true }),
          force: Type.Boolean({ default: false }),
          dryRun: Type.Boolean({ default: false, description: "only say whether it would be taken" }),
        }),
        body: AnyObject,
      },
    },
    async ({ params, query, body }, answer) => {
      const id = appIdOf(params["*"]);
      expectSameId(body, id, appIdOf);
      const { dryRun } = query;
      if (onlyScales(body) && query.partialUpdate && !dryRun)
        return answered(
          answer,
          await api.call(appsApi.scale, { id, instances: checkedInstances(body.instances) }),
        );
      const present = query.partialUpdate
        ? (await allApps(api, false)).find((view) => view.app.definition.id === id)
        : undefined;
      const definition = checked(
        present === undefined ? { ...body, id } : merged(present.app.definition, body, id),
      );
      const { deployment, created } = await api.call(appsApi.put, { definition, mode: "put", dryRun });
      void answer.code(created && !dryRun ? 201 : 200);
      return answered(answer, deployment);
    },
  );

  app.delete<{ Params: { "*": string } }>(
    "/v2/apps/*",
    { schema: { tags, summary: "End an app's tasks and forget it" } },
    async ({ params }, answer) =>
      answered(answer, await api.call(appsApi.remove, { id: appIdOf(params["*"]) })),
  );
}

function checked(body: object): AppDefinition {
  const result = filledAndChecked(definitions, body);
  if (!result.ok) throw invalid(withReasons(result.error.faults, unsupportedOfApps));
  return result.value;
}

function checkedInstances(instances: number): number {
  if (instances < 0 || instances > 100_000)
    throw invalid([{ path: "/instances", expected: "0 to 100000", found: String(instances) }]);
  return instances;
}

const withAbsoluteId = (body: object): object => {
  const id = (body as { id?: unknown }).id;
  return typeof id === "string" && id !== "" ? { ...body, id: appIdOf(id) } : body;
};

const answered = (
  answer: FastifyReply,
  { deploymentId, version }: { deploymentId: string; version: string },
): object => {
  deploymentHeader(answer, deploymentId);
  return { version, deploymentId };
};

const deploymentHeader = (answer: FastifyReply, id: string): void =>
  void answer.header("marathon-deployment-id", id);
