import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readTools, writeTools } from "#setup/tools.mjs";
import { type LocalCluster, startCluster } from "#test/e2e/support/cluster.js";
import { eventually } from "#test/support/eventually.js";

const apps = ["/demo/box", "/demo/jar", "/demo/web"];
const firstMs = 180_000;
/** Eight times what it may take on a machine with nothing else to do. */
const secondMs = 120_000;

/** As users start it: `npm start`, set-up and all, and Ctrl-C. */
describe("the demo", function () {
  this.timeout(300_000);
  let cluster: LocalCluster;
  // A start does not look for what only tests want.
  const tools = readTools();
  after(async () => {
    await cluster.remove();
    await writeTools(tools);
  });

  const running = async () =>
    (await cluster.api.get<{ apps: { id: string; settled: boolean }[] }>("/v2/apps")).apps
      .filter(({ settled }) => settled)
      .map(({ id }) => id)
      .toSorted();

  /** Limits are those of the start: longer is a failure. */
  async function start(what: string, readyMs: number, data?: string): Promise<void> {
    const startedAt = performance.now();
    cluster = await startCluster({ ...(data && { data }), flags: [], throughNpm: true, readyMs });
    const seconds = (performance.now() - startedAt) / 1000;
    console.log(`      ${what}: ready after ${seconds.toFixed(1)} s, of ${readyMs / 1000} s at most`);
  }

  it("is ready within three minutes, when all of it runs: three apps, and the results of a job", async () => {
    await start("first npm start", firstMs);
    assert.deepEqual(await running(), apps);
    const services = await fetch(`${cluster.consul.url}/v1/health/service/demo-web?passing`);
    const found = (await services.json()) as { Service: { Address: string; Port: number } }[];
    assert.equal(found.length, 3);
    for (const { Service } of found)
      assert.ok(
        (await fetch(`http://${Service.Address}:${Service.Port}/`)).ok,
        "it answers where Consul says",
      );
    assert.match(cluster.output(), /demo\.pi/);
  });

  it("Ctrl-C leaves nothing of it behind", async () => {
    const pids = pidsOf(cluster.data);
    assert.ok(pids.length >= 10);
    await cluster.interrupt();
    assert.match(cluster.output(), /^SIGINT: ending the cluster and its tasks$/m);
    assert.deepEqual(
      pids.filter((pid) => existsSync(`/proc/${pid}`)),
      [],
    );
    assert.deepEqual(readdirSync(join(cluster.data, "run")), []);
  });

  it("is back after a second start, which is quick", async () => {
    await start("second npm start", secondMs, cluster.data);
    await eventually("the same apps", async () => (await running()).length === apps.length, 60_000);
  });
});

/** Of all that the cluster runs, its Docker engine and its tasks too. */
function pidsOf(data: string): number[] {
  const files = readdirSync(join(data, "run")).map((file) => join(data, "run", file));
  const engine = ["docker.pid", "containerd.pid"].map((file) => join(data, "docker", file));
  const parts = [...files, ...engine.filter(existsSync)].map((file) => Number(readFileSync(file, "utf8")));
  const tasks = readdirSync("/proc").filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, "utf8").includes(join(data, "agents"));
    } catch {
      return false;
    }
  });
  return [...parts, ...tasks.map(Number)];
}
