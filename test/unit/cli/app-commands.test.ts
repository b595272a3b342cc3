import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import sinon from "sinon";
import { type AppInfo, progressText, scale } from "#services/cli/app-commands.js";
import { Client } from "#services/cli/client.js";
import { Failure } from "#services/cli/failure.js";
import { Output } from "#services/cli/output.js";

const app = (more: Partial<AppInfo> = {}): AppInfo => ({
  id: "/shop/web",
  instances: 3,
  version: "v1",
  tasksStaged: 0,
  tasksRunning: 3,
  tasksHealthy: 0,
  tasksUnhealthy: 0,
  settled: false,
  healthChecks: [],
  ...more,
});
const lastTaskFailure = { taskId: "t", message: "exit code 7", host: "h", timestamp: "2026-01-01T00:00:00Z" };

describe("what is said while an app is deployed", () => {
  it("how many run, start and are healthy", () => {
    assert.equal(progressText(app()), "/shop/web: 3/3 running");
    assert.equal(
      progressText(app({ tasksRunning: 2, tasksStaged: 1, tasksHealthy: 1, healthChecks: [{}] })),
      "/shop/web: 2/3 running, 1 starting, 1 healthy",
    );
  });

  it("that its instances fail, and how, also while new ones run; not what failed before and is forgiven", () => {
    assert.equal(
      progressText(app({ failures: 4, lastTaskFailure })),
      "/shop/web: 3/3 running; 4 failures in a row, the last: exit code 7",
    );
    assert.equal(
      progressText(app({ tasksRunning: 0, failures: 1, backoffMs: 900, lastTaskFailure })),
      "/shop/web: 0/3 running; 1 failure in a row, the last: exit code 7; backing off",
    );
    assert.equal(progressText(app({ lastTaskFailure })), "/shop/web: 3/3 running");
  });

  it("that agents refuse to launch it, and why, from the first time on", () => {
    const refused = { ...lastTaskFailure, message: "no task may run as root" };
    assert.equal(
      progressText(app({ tasksRunning: 0, refusals: 1, lastTaskFailure: refused })),
      "/shop/web: 0/3 running; 1 refusal in a row, the last: no task may run as root",
    );
    assert.equal(
      progressText(app({ failures: 2, refusals: 3, backoffMs: 5000, lastTaskFailure: refused })),
      "/shop/web: 3/3 running; 2 failures and 3 refusals in a row, the last: no task may run as root; backing off",
    );
  });

  it("scaled to nothing: what still ends, and no health", () => {
    const gone = { instances: 0, tasksRunning: 2, tasksHealthy: 2, healthChecks: [{}] };
    assert.equal(progressText(app(gone)), "/shop/web: 2 still running, 0 wanted");
    assert.equal(progressText(app({ ...gone, tasksRunning: 0 })), "/shop/web: 0/0 running");
  });
});

describe("waiting until an app is settled", () => {
  let server: Server | undefined;
  afterEach(() => server?.close());

  /** As the gateway shows it in turn, the last again and again. */
  async function scaled(looks: readonly AppInfo[], timeout: number) {
    const asked: string[] = [];
    let looked = 0;
    server = createServer(({ method, url }, response) => {
      asked.push(`${method} ${url}`);
      const isLook = method === "GET" && url === "/v2/apps/shop/web";
      const answer = isLook ? { app: looks[Math.min(looked++, looks.length - 1)] } : [];
      response.writeHead(200, { "x-emporion": "gateway" }).end(JSON.stringify(answer));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const client = new Client({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
    const output = new Output("json");
    const shown = sinon.stub(output, "json");
    const failure = await scale(client, output, "shop/web", "3", { wait: true, timeout }).then(
      () => undefined,
      (cause: unknown) => cause,
    );
    return { failure, asked, shown: shown.args.map(([value]) => value) };
  }

  const look = "GET /v2/apps/shop/web";
  const before = app({ instances: 1, tasksRunning: 1, settled: true });
  const growing = app({ tasksRunning: 1 });

  it("looks until it is, and shows what it saw then", async () => {
    const there = app({ settled: true, healthChecks: [{}], tasksHealthy: 3 });
    const { failure, asked, shown } = await scaled([before, growing, there], 5);
    assert.equal(failure, undefined);
    assert.deepEqual(asked, [look, "PUT /v2/apps/shop/web", look, look]);
    assert.deepEqual(shown, [[there]]);
  });

  it("says when its time is over what was seen last, and where to look", async () => {
    const { failure, asked } = await scaled([before, growing], 0);
    assert(failure instanceof Failure);
    assert.match(failure.message, /^deploying \/shop\/web: not done after 0 s.*\/shop\/web: 1\/3 running$/);
    assert.deepEqual(failure.details, ["`emporion explain /shop/web` tells more"]);
    assert.deepEqual(asked.slice(2), [look, "GET /cluster/explain/apps/shop/web"]);
  });
});
