import assert from "node:assert/strict";
import { type NatsClusterServer, startNatsCluster } from "#test/support/nats-cluster.js";
import { eventually } from "#test/support/eventually.js";
import { type Services, startServices } from "#test/e2e/support/services.js";
import { sleeper } from "#test/e2e/support/work.js";

describe("a cluster on three NATS servers", function () {
  this.timeout(120_000);
  let servers: readonly NatsClusterServer[];
  let cluster: Services;

  before(async () => {
    servers = await startNatsCluster(3);
    await allCaughtUp();
    cluster = await startServices(
      servers.map(({ url }) => url),
      { EMPORION_REPLICAS: "3" },
    );
    await deploy("/quorum/sleep", 5, 60_000);
    await allCaughtUp();
  });
  after(async () => {
    await cluster.end();
    await Promise.all(servers.map((server) => server.stop()));
  });

  const allCaughtUp = () => Promise.all(servers.map((server) => server.caughtUp()));
  /** Until it is taken: a call may come just while another server takes over. */
  async function deploy(id: string, instances: number, limitMs: number): Promise<void> {
    const put = async () =>
      (await cluster.api.send("PUT", `/v2/apps${id}`, sleeper(id, instances))).status < 300;
    await eventually(`${id} to be taken`, put, limitMs);
    await cluster.api.settled(id, limitMs);
  }
  const running = async (): Promise<string[]> =>
    (await cluster.api.tasks("/quorum/sleep"))
      .filter(({ latest }) => latest.state === "running")
      .map(({ spec }) => spec.id)
      .toSorted();

  for (const index of [0, 1, 2])
    it(`goes on without server ${index + 1}, and takes it back`, async () => {
      const before = await running();
      await servers[index]!.kill();
      await deploy(`/quorum/without-${index}`, 2, 30_000);
      assert.deepEqual(await running(), before);
      await servers[index]!.restart();
      await allCaughtUp();
    });

  it("without two of them tasks go on and deploys wait, and say why; with them all is done", async () => {
    const before = await running();
    await Promise.all([servers[1]!.kill(), servers[2]!.kill()]);
    const refusal = async () => {
      const { status, body } = await cluster.api.send(
        "PUT",
        "/v2/apps/quorum/late",
        sleeper("/quorum/late", 2),
      );
      return status >= 500 && (body as { message: string }).message;
    };
    const why = await eventually("a deploy to be refused", refusal, 30_000);
    assert.match(why, /nobody leads|another copy leads|does not answer|no connection/);

    await Promise.all([servers[1]!.restart(), servers[2]!.restart()]);
    await deploy("/quorum/late", 2, 60_000);
    assert.deepEqual(await running(), before);
  });
});
