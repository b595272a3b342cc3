import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { AgentView, Explanation, FrameworkView, masterApi, OfferView, RoleView } from "#protocol/api.js";
import { appsApi } from "#protocol/app.js";
import { AgentId } from "#protocol/ids.js";
import { jobsApi } from "#protocol/job.js";
import { RegisteredService } from "#protocol/sandbox.js";
import { TaskState, TaskStatus } from "#protocol/task.js";
import { Refused } from "./answer.js";
import type { BusApi } from "./bus-api.js";
import { allAgents, allFrameworks, allOffers, allRoles } from "./lists.js";
import { appIdOf } from "./marathon.js";
import type { Parts } from "./parts.js";

const tags = ["cluster"];
const Silent = Type.Array(Type.String(), {
  description: "agents that did not answer in time: their tasks are missing here",
});

const DrainBody = Type.Object(
  {
    deadlineSeconds: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 31_536_000,
        description: "what still runs after so long is ended; it is let go on unless given",
      }),
    ),
  },
  { additionalProperties: false },
);

/** `/cluster/…`: what the leader and the agents know, in Emporion's own words. */
export function clusterRoutes(app: FastifyInstance, { api, tasks }: Parts): void {
  const list = (
    path: string,
    summary: string,
    view: typeof AgentView | typeof FrameworkView | typeof RoleView | typeof OfferView,
    all: (api: BusApi) => Promise<object[]>,
  ) =>
    app.get(
      `/cluster/${path}`,
      { schema: { tags, summary, response: { 200: Type.Array(view) } } },
      async () => all(api),
    );

  list("agents", "Agents: what they have, what is used and offered", AgentView, allAgents);
  list("frameworks", "Frameworks: their sessions, shares and needs", FrameworkView, allFrameworks);
  list("roles", "Roles: weights, limits, shares", RoleView, allRoles);
  list("offers", "Offers that are out now", OfferView, allOffers);

  const one = <T>(
    path: "frameworks" | "roles",
    summary: string,
    view: typeof FrameworkView | typeof RoleView,
    find: (id: string) => Promise<T | undefined>,
  ) =>
    app.get<{ Params: { id: string } }>(
      `/cluster/${path}/:id`,
      { schema: { tags, summary, response: { 200: view } } },
      async ({ params: { id } }) => {
        const found = await find(id);
        if (found === undefined)
          throw new Refused({ code: "not-found", message: `${path.slice(0, -1)} ${id} is not known` });
        return found;
      },
    );

  app.get<{ Params: { agent: string } }>(
    "/cluster/agents/:agent",
    { schema: { tags, summary: "One agent", response: { 200: AgentView } } },
    async ({ params }) => api.call(masterApi.agent, params),
  );
  one("frameworks", "One framework", FrameworkView, async (id) =>
    (await allFrameworks(api)).find((each) => each.id === id),
  );
  one("roles", "One role", RoleView, async (name) =>
    (await allRoles(api)).find((each) => each.name === name),
  );

  app.get("/cluster/leader", { schema: { tags, summary: "The leading master and its epoch" } }, async () =>
    api.call(masterApi.leader, {}),
  );

  app.put<{ Params: { role: string }; Body: { weight?: number } }>(
    "/cluster/roles/:role",
    {
      schema: {
        tags,
        summary: "Set a role's weight",
        body: Type.Object(
          { weight: Type.Number({ exclusiveMinimum: 0, maximum: 1_000_000 }) },
          { additionalProperties: false },
        ),
        response: { 200: RoleView },
      },
    },
    async ({ params, body }) => api.call(masterApi.setRole, { name: params.role, ...body }),
  );

  app.delete<{ Params: { agent: string }; Querystring: { force: boolean } }>(
    "/cluster/agents/:agent",
    {
      schema: {
        tags,
        summary:
          "Give up an unreachable agent for good; once more: forget it, so that its id may be used again",
        querystring: Type.Object({
          force: Type.Boolean({
            default: false,
            description: "also one that the leader still waits for and has not heard",
          }),
        }),
      },
    },
    async ({ params, query }) => api.call(masterApi.removeAgent, { ...params, ...query }),
  );

  app.post<{ Params: { agent: string }; Body: { deadlineSeconds?: number } }>(
    "/cluster/agents/:agent/drain",
    {
      // Nothing to say is as good as an empty object.
      preValidation: (request, _, done) => {
        request.body ??= {};
        done();
      },
      schema: {
        tags,
        summary: "Drain an agent: no more offers, its tasks move elsewhere",
        description:
          "Again: from now, with this deadline. `state` of `drain` is `drained` when nothing runs there any more.",
        params: Type.Object({ agent: AgentId }),
        body: DrainBody,
        response: { 200: AgentView },
      },
    },
    async ({ params, body: { deadlineSeconds } }) => {
      const deadline =
        deadlineSeconds === undefined ? {} : { deadlineMs: Math.round(deadlineSeconds * 1000) };
      return api.call(masterApi.drainAgent, { ...params, ...deadline });
    },
  );

  app.post<{ Params: { agent: string } }>(
    "/cluster/agents/:agent/activate",
    {
      schema: {
        tags,
        summary: "End the drain of an agent: it takes tasks again",
        params: Type.Object({ agent: AgentId }),
        response: { 200: AgentView },
      },
    },
    async ({ params }) => api.call(masterApi.activateAgent, params),
  );

  app.delete<{ Params: { framework: string }; Querystring: { force: boolean } }>(
    "/cluster/frameworks/:framework",
    {
      schema: {
        tags,
        summary: "Forget a framework; its tasks are ended",
        querystring: Type.Object({
          force: Type.Boolean({ default: false, description: "also one that is connected" }),
        }),
      },
    },
    async ({ params, query }) => api.call(masterApi.removeFramework, { ...params, ...query }),
  );

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
      const gathered = await gatheredTasks();
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
    async ({ params }) => {
      const found = await tasks.find(params.task);
      if (found === undefined)
        throw new Refused({ code: "not-found", message: `no agent that answers has a task ${params.task}` });
      return withoutSecrets(found);
    },
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
      const { services, silent } = await gatheredTasks();
      return { services, silent };
    },
  );

  app.get<{ Params: { kind: "apps" | "jobs" | "frameworks"; "*": string }; Querystring: { agent?: string } }>(
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
      const demands = await demandsOf(params.kind, params["*"]);
      return Promise.all(demands.map((demand) => api.call(masterApi.explain, { ...demand, ...query })));
    },
  );

  const demandsOf = async (kind: "apps" | "jobs" | "frameworks", id: string) => {
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
  };

  /** Those that a new leader still awaits run what they ran; what cannot be reached is named and not waited for. */
  const gatheredTasks = async () => {
    const agents = await allAgents(api);
    const idsOf = (...states: AgentView["state"][]) =>
      agents.filter(({ state }) => states.includes(state)).map(({ info }) => info.id);
    const gathered = await tasks.gather(idsOf("registered", "awaited"));
    const answered = new Set(gathered.tasks.map(({ agent }) => agent));
    const away = idsOf("unreachable").filter((agent) => !answered.has(agent));
    return { ...gathered, silent: [...gathered.silent, ...away] };
  };
}

/**
 * Environments hold passwords more often than not, and so do URIs: names are shown, values are not. The framework's own data
 * is for the framework.
 */
export function withoutSecrets(status: TaskStatus): TaskStatus {
  const { data: _, env, artifacts, ...spec } = status.spec;
  return {
    ...status,
    spec: {
      ...spec,
      ...(env && { env: Object.fromEntries(Object.keys(env).map((name) => [name, "…"])) }),
      ...(artifacts && { artifacts: artifacts.map((each) => ({ ...each, uri: shownUri(each.uri) })) }),
    },
  };
}

/** Without user, password and query. */
const shownUri = (uri: string): string => uri.replace(/^(\w+:\/\/)[^/]*@/, "$1").replace(/[?#].*$/, "?…");
