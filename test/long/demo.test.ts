import assert from "node:assert/strict";
import { type LocalCluster, startCluster } from "#test/e2e/support/cluster.js";
import { eventually } from "#test/support/eventually.js";

const apps = ["/demo/box", "/demo/jar", "/demo/web"];

describe("the demo", function () {
  this.timeout(300_000);
  let cluster: LocalCluster;
  after(() => cluster.remove());

  const running = async () =>
    (await cluster.api.get<{ apps: { id: string; settled: boolean }[] }>("/v2/apps")).apps
      .filter(({ settled }) => settled)
      .map(({ id }) => id)
      .toSorted();

  it("is ready when all of it runs: three apps, and the results of a job", async () => {
    cluster = await startCluster({ flags: [] });
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

  it("is back after an end and a second start", async () => {
    await cluster.end();
    cluster = await startCluster({ data: cluster.data, flags: [] });
    await eventually("the same apps", async () => (await running()).length === apps.length, 60_000);
  });
});
