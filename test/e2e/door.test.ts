import assert from "node:assert/strict";
import { request } from "node:http";
import type { Answer } from "./support/api.js";
import type { LocalCluster } from "./support/cluster.js";
import { sharedCluster } from "./support/suite.js";

interface ErrorBody {
  readonly message: string;
  readonly details?: readonly { readonly path: string; readonly expected: string; readonly found: string }[];
}

describe("bad input at the HTTP door", function () {
  this.timeout(120_000);
  let cluster: LocalCluster;
  before(async () => {
    ({ cluster } = await sharedCluster());
  });

  const send = (
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer> => cluster.api.send(method, path, body, headers);
  const paths = ({ body }: Answer): string[] =>
    ((body as ErrorBody).details ?? []).map(({ path }) => path).toSorted();

  it("an app with five faults is refused with all five, and is not there", async () => {
    const faulty = { id: "/door/App", cmd: "", cpus: -1, instances: 0.5, colour: "blue" };
    const answer = await send("POST", "/v2/apps", faulty);
    assert.equal(answer.status, 422);
    assert.deepEqual(paths(answer), ["/cmd", "/colour", "/cpus", "/id", "/instances"]);
    for (const { expected, found } of (answer.body as ErrorBody).details!)
      assert.ok(expected !== "" && found !== "");
    assert.equal((await send("GET", "/v2/apps/door/app")).status, 404);
  });

  it("an app that runs nothing, or two things at once, is refused by meaning", async () => {
    assert.equal((await send("POST", "/v2/apps", { id: "/door/nothing" })).status, 422);
    assert.equal(
      (await send("POST", "/v2/apps", { id: "/door/both", cmd: "true", jvm: { jar: "x.jar" } })).status,
      422,
    );
    const operator = await send("POST", "/v2/apps", {
      id: "/door/rack",
      cmd: "true",
      constraints: [["rack", "BESIDE", "a"]],
    });
    assert.equal(operator.status, 422);
    assert.match(paths(operator)[0] ?? "", /^\/constraints\/0/);
  });

  it("broken JSON is a 400, another content type a 415, an empty JSON body is taken where none is needed", async () => {
    assert.equal((await send("POST", "/v2/apps", "{")).status, 400);
    assert.equal(
      (await send("POST", "/v2/apps", "id=/x", { "content-type": "application/x-www-form-urlencoded" }))
        .status,
      415,
    );
    assert.equal((await send("POST", "/v2/apps", "x", { "content-type": "text/plain" })).status, 415);
    const empty = await send("POST", "/v1/jobs/door.none/runs", undefined, {
      "content-type": "application/json",
    });
    assert.equal(empty.status, 404);
  });

  it("what is not there is a 404 in words, what is there already a 409", async () => {
    for (const path of [
      "/v2/apps/door/none",
      "/v1/jobs/door.none",
      "/cluster/tasks/none.1-1",
      "/cluster/explain/apps/door/none",
      "/nothing/here",
    ]) {
      const answer = await send("GET", path);
      assert.equal(answer.status, 404, path);
      assert.ok((answer.body as ErrorBody).message.length > 10);
    }
    const job = { id: "door.job", run: { cmd: "true", cpus: 0.01, mem: 16 } };
    assert.equal((await send("POST", "/v1/jobs", job)).status, 201);
    assert.equal((await send("POST", "/v1/jobs", job)).status, 409);
    assert.equal((await send("DELETE", "/v1/jobs/door.job")).status, 200);
  });

  it("an agent, a framework and a role can be looked at alone; what is not known is a 404", async () => {
    const [first] = await cluster.api.get<{ info: { id: string } }[]>("/cluster/agents");
    const one = await cluster.api.get<{ info: { id: string } }>(`/cluster/agents/${first!.info.id}`);
    assert.equal(one.info.id, first!.info.id);
    assert.equal((await cluster.api.get<{ id: string }>("/cluster/frameworks/apps")).id, "apps");
    const [role] = await cluster.api.get<{ name: string }[]>("/cluster/roles");
    assert.deepEqual(
      Object.keys(await cluster.api.get<object>(`/cluster/roles/${role!.name}`)),
      Object.keys(role!),
    );
    for (const kind of ["agents", "frameworks", "roles"]) {
      const answer = await send("GET", `/cluster/${kind}/none`);
      assert.equal(answer.status, 404, kind);
      assert.match(
        (answer.body as ErrorBody).message,
        new RegExp(`^${kind.slice(0, -1)} none is not known$`),
      );
    }
    const state = await send("GET", "/cluster/tasks?state=bogus");
    assert.equal(state.status, 422);
    assert.match((state.body as ErrorBody).details![0]!.expected, /"running"/);
  });

  it("a job with faults names them all", async () => {
    const answer = await send("POST", "/v1/jobs", {
      id: "Door",
      run: { cmd: "true", mem: -3, restart: { policy: "SOMETIMES" } },
    });
    assert.equal(answer.status, 422);
    assert.deepEqual(paths(answer), ["/id", "/run/mem", "/run/restart/policy"]);
  });

  it("no web page can reach it: foreign Host, Origin and fetch site are refused", async () => {
    assert.equal(await rawStatus(cluster.url, { host: "evil.example" }), 403);
    assert.equal((await send("GET", "/v2/apps", undefined, { origin: "http://evil.example" })).status, 403);
    assert.equal(await rawStatus(cluster.url, { "sec-fetch-site": "cross-site" }), 403);
    assert.equal((await send("GET", "/v2/apps", undefined, { origin: cluster.url })).status, 200);
  });

  it("more than any agent has waits, and says so in numbers; nothing else suffers", async () => {
    const huge = { id: "/door/huge", cmd: "sleep 1000", mem: 9_000_000, cpus: 0.01 };
    assert.equal((await send("POST", "/v2/apps", huge)).status, 201);
    const [explanation] = await cluster.api.get<
      { summary: string; fitting: number; reasons: { reason: string; agents: number }[] }[]
    >("/cluster/explain/apps/door/huge");
    assert.equal(explanation?.fitting, 0);
    assert.match(JSON.stringify(explanation), /9000000 MiB/);
    await cluster.api.deploy({ id: "/door/small", cmd: "sleep 1000", mem: 16, cpus: 0.01 } as never);
    await cluster.api.remove("/door/huge");
    await cluster.api.remove("/door/small");
  });

  it("a missing image, JAR and command fail with the reason in words, and back off", async () => {
    const cases = [
      { id: "/door/image", container: { docker: { image: "127.0.0.1:1/not-there:1" } } },
      { id: "/door/jar", jvm: { jar: "not-there.jar" } },
      { id: "/door/command", args: ["/not/there"] },
    ];
    for (const definition of cases) {
      assert.equal((await send("POST", "/v2/apps", { ...definition, cpus: 0.01, mem: 160 })).status, 201);
      const { eventually } = await import("#test/support/eventually.js");
      const message = await eventually(
        `${definition.id} to fail`,
        async () => (await cluster.api.app(definition.id)).lastTaskFailure?.message,
        30_000,
      );
      assert.match(message, /not-there|not\/there/);
      await cluster.api.remove(definition.id);
    }
  });

  it("the OpenAPI document is there, and the page to read it answers", async () => {
    const document = await cluster.api.get<{
      openapi: string;
      paths: Record<string, unknown>;
      components: { schemas: Record<string, unknown> };
    }>("/openapi.json");
    assert.match(document.openapi, /^3\.1/);
    assert.ok("/v2/apps" in document.paths);
    assert.ok("AppDefinition" in document.components.schemas);
    assert.equal((await send("GET", "/docs/")).status, 200);
  });

  it("metrics are Prometheus', with the cluster in them", async () => {
    const text = await cluster.api.get<string>("/metrics");
    assert.match(text, /^emporion_agents\{state="registered"\} 3$/m);
    assert.match(text, /^emporion_service_up\{service="jobs"\} 1$/m);
    for (const at of ["master", "agents", "apps", "jobs"])
      assert.match(text, new RegExp(`^emporion_undecoded_messages\\{at="${at}"\\} \\d+$`, "m"));
  });
});

/** `fetch` does not let one set these headers. */
function rawStatus(url: string, headers: Record<string, string>): Promise<number> {
  return new Promise((done, failed) => {
    request(`${url}/v2/apps`, { headers }, (response) => {
      response.resume();
      done(response.statusCode ?? 0);
    })
      .on("error", failed)
      .end();
  });
}
