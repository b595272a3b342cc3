import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { AgentView, FrameworkView, masterApi, OfferView, RoleView } from "#protocol/api.js";
import { AgentId } from "#protocol/ids.js";
import { Refused } from "./answer.js";
import type { BusApi } from "./bus-api.js";
import { allAgents, allFrameworks, allOffers, allRoles } from "./lists.js";
import type { Parts } from "./parts.js";

const tags = ["cluster"];
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

/** `/cluster/…`: agents, frameworks, roles and offers as the leader knows them, in Emporion's own words. */
export function clusterRoutes(app: FastifyInstance, { api }: Parts): void {
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

  app.delete<{ Params: { role: string } }>(
    "/cluster/roles/:role",
    {
      schema: {
        tags,
        summary: "Take back what was set of a role: weight 1 and no limit from now on",
        description: "404 when nothing was set of it.",
        response: { 200: RoleView },
      },
    },
    async ({ params }) => api.call(masterApi.removeRole, { name: params.role }),
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
        description:
          "503 while the leader has not led long enough to know whether one that it has not heard is connected.",
        querystring: Type.Object({
          force: Type.Boolean({ default: false, description: "also one that is connected" }),
        }),
      },
    },
    async ({ params, query }) => api.call(masterApi.removeFramework, { ...params, ...query }),
  );
}
