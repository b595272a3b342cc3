import assert from "node:assert/strict";
import type { FastifyInstance, InjectOptions } from "fastify";
import { EMPTY, from, NEVER } from "rxjs";
import type { AgentView, OfferView } from "#protocol/api.js";
import type { TasksReply } from "#protocol/sandbox.js";
import { Subjects } from "#protocol/subjects.js";
import { silentLog } from "#libs/adapters/log.js";
import { amounts } from "#libs/core/resources.js";
import { ok } from "#protocol/result.js";
import type { Bus } from "#libs/ports/bus.js";
import type { Clock } from "#libs/ports/clock.js";
import type { Streams } from "#libs/ports/stream.js";
import { agentTasks } from "#services/gateway/agent-tasks.js";
import { busApi } from "#services/gateway/bus-api.js";
import type { DoorOptions } from "#services/gateway/door.js";
import { server } from "#services/gateway/server.js";

const subjects = new Subjects("test");

const agent = (id: string, state: AgentView["state"]): AgentView => ({
  info: {
    id,
    host: "10.0.0.1",
    version: "1",
    totals: amounts({ cpus: 4, mem: 1000 }),
    attributes: {},
    executors: [],
    warnings: [],
  },
  state,
  generation: 1,
  registeredAt: 0,
  heardMsAgo: 0,
  used: amounts({}),
  offered: amounts({}),
  use: [],
  tasks: 0,
});

const offer: OfferView = {
  id: "a1/1/3/7",
  offer: {
    agent: "a1",
    generation: 1,
    epoch: 3,
    number: 7,
    floor: 7,
    replaces: [],
    framework: "apps",
    session: { epoch: 3, counter: 1 },
    role: "apps",
    resources: amounts({ cpus: 1.5, mem: 512 }),
    host: "10.0.0.1",
    attributes: {},
    executors: [],
  },
  ageMs: 12,
  state: "out",
};

const served: TasksReply = {
  agent: "a1",
  tasks: [],
  services: [
    {
      id: "em:web.1",
      name: "web",
      address: "10.0.0.1",
      port: 31_000,
      tags: ["v1"],
      task: "web.1",
      agent: "a1",
      healthy: true,
    },
  ],
  more: false,
};

/** All that the gateway's README promises. */
const allCalls = [
  "DELETE /cluster/agents/{agent}",
  "DELETE /cluster/frameworks/{framework}",
  "DELETE /cluster/roles/{role}",
  "DELETE /v1/jobs/{job}",
  "DELETE /v2/apps/{*}",
  "GET /cluster/agents",
  "GET /cluster/agents/{agent}",
  "GET /cluster/events",
  "GET /cluster/explain/{kind}/{*}",
  "GET /cluster/frameworks",
  "GET /cluster/frameworks/{id}",
  "GET /cluster/leader",
  "GET /cluster/offers",
  "GET /cluster/roles",
  "GET /cluster/roles/{id}",
  "GET /cluster/services",
  "GET /cluster/tasks",
  "GET /cluster/tasks/{task}",
  "GET /cluster/tasks/{task}/files/{*}",
  "GET /cluster/tasks/{task}/stderr",
  "GET /cluster/tasks/{task}/stdout",
  "GET /metrics",
  "GET /ping",
  "GET /v1/jobs",
  "GET /v1/jobs/{job}",
  "GET /v1/jobs/{job}/runs",
  "GET /v1/jobs/{job}/runs/{run}",
  "GET /v2/apps",
  "GET /v2/apps/{*}",
  "POST /cluster/agents/{agent}/activate",
  "POST /cluster/agents/{agent}/drain",
  "POST /v1/jobs",
  "POST /v1/jobs/{job}/runs",
  "POST /v1/jobs/{job}/runs/{run}/actions/stop",
  "POST /v2/apps",
  "PUT /cluster/roles/{role}",
  "PUT /v1/jobs/{job}",
  "PUT /v2/apps/{*}",
];

/** A master with these agents and offers, and agents that say these things of their tasks. */
function busOf(agents: readonly AgentView[], replies: readonly TasksReply[]): Bus {
  const encoded = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const answers = new Map<string, readonly object[]>([
    [subjects.api("master", "agents"), agents],
    [subjects.api("master", "offers"), [offer]],
  ]);
  return {
    publish: () => {},
    request: async (subject) =>
      ok(encoded({ ok: true, value: { items: answers.get(subject) ?? [], more: false } })),
    requestMany: () => from(replies.map(encoded)),
    messages: () => NEVER,
    connection: EMPTY,
    close: async () => {},
  };
}

const clock: Clock = { now: () => ({ mono: 0, wall: 0 }), after: () => () => {} };
const noStreams = {} as Streams;

describe("the gateway without a cluster around it", () => {
  let app: FastifyInstance;
  const start = async (
    door: DoorOptions = { hosts: [] },
    agents: readonly AgentView[] = [],
    replies: readonly TasksReply[] = [],
  ) => {
    const bus = busOf(agents, replies);
    app = await server(
      {
        bus,
        streams: noStreams,
        clock,
        log: silentLog,
        subjects,
        api: busApi(bus, subjects, clock),
        tasks: agentTasks(bus, subjects),
      },
      door,
    );
  };
  afterEach(() => app.close());

  const get = async (url: string, headers: Record<string, string> = {}) => {
    const options: InjectOptions = { method: "GET", url, headers: { host: "localhost", ...headers } };
    const { statusCode, body, headers: answered } = await app.inject(options);
    return { status: statusCode, body, own: answered["x-emporion"] };
  };

  it("answers a ping", async () => {
    await start();
    assert.deepEqual(await get("/ping"), { status: 200, body: "pong", own: "gateway" });
  });

  it("shows the offers that are out, in cores and MiB", async () => {
    await start();
    const { status, body } = await get("/cluster/offers");
    assert.equal(status, 200);
    const [shown] = JSON.parse(body) as [OfferView];
    assert.equal(shown.id, "a1/1/3/7");
    assert.deepEqual(shown.offer.resources.scalars, { cpus: 1.5, mem: 512 });
  });

  it("lists services from what agents say, with no Consul; and names the agents that say nothing", async () => {
    const agents = [agent("a1", "registered"), agent("a2", "registered"), agent("a3", "unreachable")];
    await start({ hosts: [] }, agents, [served]);
    const { status, body } = await get("/cluster/services");
    assert.equal(status, 200);
    assert.deepEqual(JSON.parse(body), { services: served.services, silent: ["a2", "a3"] });
  });

  it("of a task that no agent has says so, and the same of its files; also of what can be no task's id", async () => {
    await start();
    for (const [task, path] of [
      ["none.1-1", "none.1-1"],
      ["none.1-1", "none.1-1/stdout"],
      ["none.1-1", "none.1-1/files/a"],
      ["no such", "no%20such"],
    ]) {
      const { status, body } = await get(`/cluster/tasks/${path}`);
      assert.equal(status, 404, path);
      assert.deepEqual(JSON.parse(body), {
        message: `no agent that answers has a task ${task}`,
        code: "not-found",
      });
    }
  });

  it("describes every call in its OpenAPI document", async () => {
    await start();
    const { paths } = JSON.parse((await get("/openapi.json")).body) as { paths: Record<string, object> };
    const calls = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    assert.deepEqual(calls.toSorted(), allCalls);
  });

  describe("a token", () => {
    const token = "sixteen-letters-x";
    beforeEach(() => start({ hosts: [], token }));

    it("is asked for: without it, or with another, nothing of the cluster is told", async () => {
      for (const authorization of [
        undefined,
        "Bearer sixteen-letters-y",
        `Bearer ${token}x`,
        token,
        "Bearer",
      ])
        for (const url of ["/cluster/offers", "/metrics", "/v2/apps", "/no/such/path"]) {
          const { status, body } = await get(url, authorization === undefined ? {} : { authorization });
          assert.equal(status, 401, `${url} ${authorization}`);
          assert.deepEqual(JSON.parse(body), {
            message: "a token is asked for: Authorization: Bearer <token>",
            code: "forbidden",
          });
        }
    });

    it("opens the door", async () => {
      assert.equal((await get("/cluster/offers", { authorization: `Bearer ${token}` })).status, 200);
    });

    it("is not needed to see that it lives, nor for the manual", async () => {
      for (const url of ["/ping", "/openapi.json"]) assert.equal((await get(url)).status, 200, url);
    });
  });

  it("refuses a body that is too large, and says how large one may be", async () => {
    await start();
    const payload = JSON.stringify({ id: "x".repeat(1 << 20) });
    const headers = { "content-type": "application/json" };
    const { statusCode, body } = await app.inject({ method: "POST", url: "/v2/apps", headers, payload });
    assert.equal(statusCode, 413);
    assert.equal(JSON.parse(body).message, "the body is larger than the 1024 KiB that are taken");
  });

  describe("a path that is not well encoded", () => {
    const bad = "/cluster/tasks/%ff/stdout";

    it("is refused in the form of every refusal", async () => {
      await start();
      const { status, body, own } = await get(bad);
      assert.deepEqual([status, own], [400, "gateway"]);
      const { message, ...rest } = JSON.parse(body) as { message: string };
      assert.deepEqual(rest, { code: "invalid" });
      assert.match(message, /%ff/);
    });

    it("does not lead past the guard", async () => {
      await start({ hosts: [], token: "sixteen-letters-x" });
      assert.equal((await get(bad)).status, 401);
      assert.equal((await get(bad, { host: "evil.example" })).status, 403);
      assert.equal((await get(bad, { origin: "http://evil.example" })).status, 403);
    });
  });
});
