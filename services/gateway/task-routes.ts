import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { Explanation, masterApi } from "#protocol/api.js";
import { AgentId } from "#protocol/ids.js";
import { RegisteredService } from "#protocol/sandbox.js";
import { TaskState, TaskStatus } from "#protocol/task.js";
import { type DemandingKind, demandsOf } from "./demands.js";
import { allAgents } from "./lists.js";
import type { Parts } from "./parts.js";
import { withoutSecrets } from "./shown-task.js";

const tags = ["cluster"];
const Silent = Type.Array(Type.String(), {
  description: "agents that did not answer in time: their tasks are missing here",
});

/** `/cluster/tasks` and `…/services`, as the agents know them, and `…/explain`: why something is not one of them yet. */
export function taskRoutes(app: FastifyInstance, { api, tasks }: Parts): void {
  app.get<{ Querystring: { framework?: string; agent?: string; state?: string; name?: string } }>(
    "/cluster/tasks",
    {
      schema: {
        tags,
        summary: "Tasks, as their agents know them",
        querystring: Type.Object(
          {
            framework: Type.Optional(Type.String()),
            agent: Type.Optional(Type.String()),
            state: Type.Optional(TaskState),
            name: Type.Optional(Type.String()),
          },
          { additionalProperties: false },
        ),
        response: { 200: Type.Object({ tasks: Type.Array(TaskStatus), silent: Silent }) },
      },
    },
    async ({ query }) => {
      const gathered = await tasks.gather(await allAgents(api));
      const matches = (status: TaskStatus) =>
        (query.framework ?? status.framework) === status.framework &&
        (query.agent ?? status.agent) === status.agent &&
        (query.state ?? status.latest.state) === status.latest.state &&
        (query.name ?? status.spec.name) === status.spec.name;
      return { tasks: gathered.tasks.filter(matches).map(withoutSecrets), silent: gathered.silent };
    },
  );

  app.get<{ Params: { task: string } }>(
    "/cluster/tasks/:task",
    { schema: { tags, summary: "One task", response: { 200: TaskStatus } } },
    async ({ params }) => withoutSecrets(await tasks.find(params.task)),
  );

  app.get(
    "/cluster/services",
    {
      schema: {
        tags,
        summary: "Services of running tasks, from the agents' own state",
        response: { 200: Type.Object({ services: Type.Array(RegisteredService), silent: Silent }) },
      },
    },
    async () => {
      const { services, silent } = await tasks.gather(await allAgents(api));
      return { services, silent };
    },
  );

  app.get<{ Params: { kind: DemandingKind; "*": string }; Querystring: { agent?: string } }>(
    "/cluster/explain/:kind/*",
    {
      schema: {
        tags,
        summary:
          "Why something is not placed: per reason the count of agents, per agent the first reason, in numbers",
        description: "Of many agents some for each reason; `agent` chooses one.",
        params: Type.Object({ kind: Type.Enum(["apps", "jobs", "frameworks"]) }),
        querystring: Type.Object({ agent: Type.Optional(AgentId) }, { additionalProperties: false }),
        response: { 200: Type.Array(Explanation) },
      },
    },
    async ({ params, query }) => {
      const demands = await demandsOf(api, { kind: params.kind, id: params["*"] });
      return Promise.all(demands.map((demand) => api.call(masterApi.explain, { ...demand, ...query })));
    },
  );
}
