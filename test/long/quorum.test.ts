import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "#setup/tools.mjs";
import { startChild } from "#test/support/child.js";
import { type NatsClusterServer, startNatsCluster } from "#test/support/nats-cluster.js";
import { eventually } from "#test/support/eventually.js";
import { processesOf } from "#test/e2e/support/census.js";
import { type Services, startServices } from "#test/e2e/support/services.js";
import { sleeper } from "#test/e2e/support/work.js";

const secondsSince = (at: number): string => `${((performance.now() - at) / 1000).toFixed(1)} s`;

describe("a cluster on three NATS servers", function () {
  this.timeout(180_000);
  let servers: readonly NatsClusterServer[];
  let cluster: Services;
  const took: string[] = [];

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
    for (const line of took) process.stdout.write(`      ${line}\n`);
  });

  const allCaughtUp = () => Promise.all(servers.map((server) => server.caughtUp()));
  /**
   * Taken and done. Streams that the killed server led have no leader for some seconds, nor has who leads by a lease in one of them:
   * calls are refused meanwhile.
   */
  async function deploy(id: string, instances: number, limitMs: number): Promise<void> {
    const put = () => cluster.api.send("PUT", `/v2/apps${id}`, sleeper(id, instances));
    await eventually(`${id} to be taken`, async () => (await put()).status < 300, limitMs);
    const isDone = () =>
      cluster.api.app(id).then(
        ({ settled }) => settled,
        () => false,
      );
    await eventually(`${id} to be done`, isDone, limitMs);
  }
  /** All five; undefined while they cannot be told. */
  const running = async (): Promise<string[] | undefined> => {
    const tasks = await cluster.api.tasks("/quorum/sleep").catch(() => []);
    const ids = tasks.filter(({ latest }) => latest.state === "running").map(({ spec }) => spec.id);
    return ids.length >= 5 ? ids.toSorted() : undefined;
  };
  const allRunning = () => eventually("all tasks to be told", running, 30_000);

  it("keeps each stream and bucket on all of them", async () => {
    const replicas = await servers[0]!.replicas();
    assert.ok(Object.keys(replicas).length >= 6, JSON.stringify(replicas));
    assert.deepEqual(
      Object.entries(replicas).filter(([, count]) => count !== 3),
      [],
    );
  });

  for (const index of [0, 1, 2])
    it(`goes on without server ${index + 1}, and takes it back`, async () => {
      const before = await allRunning();
      const pids = before.map(processesOf);
      const killedAt = performance.now();
      await servers[index]!.kill();
      await deploy(`/quorum/without-${index}`, 2, 30_000);
      took.push(`server ${index + 1} killed: a deploy done after ${secondsSince(killedAt)}`);
      assert.deepEqual(before.map(processesOf), pids, "the same processes");
      assert.deepEqual(await allRunning(), before);
      await servers[index]!.restart();
      await allCaughtUp();
    });

  it("without two of them tasks go on, a deploy waits and says why, and is done when they are back", async () => {
    const before = await allRunning();
    const processes = () => before.map(processesOf);
    const pids = processes();
    assert.deepEqual(
      pids.map(({ length }) => length),
      [1, 1, 1, 1, 1],
    );
    await Promise.all([servers[1]!.kill(), servers[2]!.kill()]);

    const file = join(cluster.workDir, "late.json");
    writeFileSync(file, JSON.stringify(sleeper("/quorum/late", 2)));
    const deploying = startChild(
      process.execPath,
      [join(ROOT, ".build/services/cli/main.js"), "app", "deploy", "--timeout", "100", file],
      { ...process.env, EMPORION_URL: cluster.api.url },
    );
    const why = /^(.*); looking again$/m;
    const reason = await eventually(
      "the deploy to say why it waits",
      () => why.exec(deploying.output())?.[1],
      30_000,
    );
    assert.match(reason, /nobody leads|another copy leads|does not answer|no connection/);
    // Longer than any lease: by now nobody leads.
    const refused = async () => (await cluster.api.send("GET", "/v2/apps")).status === 503;
    await eventually("nobody to lead", refused, 30_000);
    assert.deepEqual(processes(), pids, "the same processes, while there is no quorum");
    assert.equal(deploying.process.exitCode, null, `it waits: ${deploying.output()}`);

    const backAt = performance.now();
    await Promise.all([servers[1]!.restart(), servers[2]!.restart()]);
    await eventually("the deploy to be done", () => deploying.process.exitCode !== null, 100_000).catch(
      (cause: unknown) => {
        throw new Error(`the deploy is not done: ${deploying.output()}`, { cause });
      },
    );
    took.push(`two killed, and back: the deploy that waited done after ${secondsSince(backAt)}`);
    assert.equal(deploying.process.exitCode, 0, deploying.output());
    assert.match(deploying.output(), /^\/quorum\/late: 2 of 2 running$/m);
    assert.deepEqual(await allRunning(), before);
    assert.deepEqual(processes(), pids);
  });
});
