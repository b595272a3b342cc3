import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "#test/support/eventually.js";
import { Api } from "#test/e2e/support/api.js";
import { census } from "#test/e2e/support/census.js";
import { Churn } from "#test/e2e/support/churn.js";
import { type LocalCluster, startCluster } from "#test/e2e/support/cluster.js";
import { boxApp, jarApp, prepareWork, sleeper } from "#test/e2e/support/work.js";

/** 200 tasks. */
const counts = { "/steady/sleep": 185, "/steady/box": 10, "/steady/jar": 5 };
const names = Object.keys(counts);
/** How long it may take until the cluster is as it should be. */
const limitMs = 10_000;

/**
 * Each process of a cluster is killed, and each is stopped for a while and goes on, which makes two leaders. 200 tasks run and an
 * app is scaled all the time. No task may be lost, none doubled, and the cluster has to do its work again soon.
 */
describe("failover", function () {
  this.timeout(120_000);
  // Nobody else on the host sleeps for so long.
  const [seconds, boxSeconds] = [`2718${process.pid}`, `3141${process.pid}`];
  const mark = `-Dfailover=${process.pid}`;
  const patterns = {
    "/steady/sleep": new RegExp(`^sleep ${seconds} $`),
    "/steady/box": new RegExp(`^sleep ${boxSeconds} $`),
    "/steady/jar": new RegExp(`java .*${mark}`),
  };
  const took: string[] = [];
  let cluster: LocalCluster;
  let gateways: Api[];
  let churn: Churn;
  let told: readonly string[];

  before(async () => {
    cluster = await startCluster({ flags: ["--empty", "--agents", "2", "--copies", "2"] });
    gateways = [cluster.api, ...cluster.otherUrls.map((url) => new Api(url))];
    const work = await prepareWork(cluster.dockerSocket);
    const apps = [
      { ...sleeper("/steady/sleep", 185), cmd: `exec sleep ${seconds}`, cpus: 0.002, mem: 16 },
      { ...boxApp("/steady/box", 10, work), cmd: `exec sleep ${boxSeconds}` },
      { ...jarApp("/steady/jar", 5, work), jvm: { jar: "demo.jar", options: [mark] }, cpus: 0.02 },
    ];
    for (const app of apps) await cluster.api.deploy(app);
    told = (await now()).told;
    assert.equal(told.length, 200);
    churn = new Churn(cluster.api, "/churn");
    await churn.start();
  });
  after(async () => {
    await cluster.remove();
    for (const line of took) process.stdout.write(`      ${line}\n`);
  });

  const now = () => census(cluster.api, names, patterns);
  const pidFile = () => join(cluster.data, "docker", "docker.pid");
  const pidOf = (name: string): number =>
    name === "dockerd" ? Number(readFileSync(pidFile(), "utf8")) : cluster.pid(name);
  /** Rejects while it cannot be done. */
  const leader = (api: Api) => api.get<{ master: string; epoch: number }>("/cluster/leader");

  /** All tasks are there once, by the word of every gateway and in truth, and what is deployed now comes to run. */
  async function isWhole(what: string): Promise<void> {
    const startedAt = performance.now();
    let last: unknown;
    const whole = async () => {
      const seen = await now().catch((cause: unknown) => void (last = String(cause)));
      if (seen === undefined) return false;
      last = { told: seen.told.length, found: seen.found };
      return seen.told.length === told.length;
    };
    await eventually("all tasks to be told of", whole, limitMs).catch((cause: unknown) => {
      throw new Error(`${what}: ${JSON.stringify(last)}`, { cause });
    });
    const toldMs = performance.now() - startedAt;
    const seen = await now();
    assert.deepEqual(seen.told, told, "the same tasks as ever");
    assert.deepEqual(seen.found, counts, "each of them once");
    await deployOne();
    const deployedMs = performance.now() - startedAt;
    for (const api of gateways)
      await eventually("a gateway to answer", () => leader(api).catch(() => undefined));
    took.push(
      `${what}: tasks told after ${(toldMs / 1000).toFixed(1)} s, a deploy done after ${(deployedMs / 1000).toFixed(1)} s`,
    );
    assert.ok(deployedMs <= limitMs, `a deploy was done after ${Math.round(deployedMs)} ms`);
  }

  async function deployOne(withinMs = limitMs): Promise<void> {
    const put = () =>
      cluster.api
        .send("PUT", "/v2/apps/after", sleeper("/after", 1))
        .then(({ status }) => status < 300)
        .catch(() => false);
    await eventually("a deploy to be taken", put, withinMs);
    await cluster.api.settled("/after", withinMs);
    await eventually(
      "it to be taken back",
      async () => (await cluster.api.send("DELETE", "/v2/apps/after")).status === 200,
      limitMs,
    );
  }

  describe("killed", () => {
    for (const name of [
      "nats",
      "consul",
      "agent-a",
      "apps",
      "jobs",
      "gateway",
      "dockerd",
      "master",
      "master-2",
    ])
      it(name, async () => {
        if (name === "dockerd") await crashEngine();
        else await cluster.crash(name);
        await isWhole(`${name} killed`);
      });
  });

  describe("stopped for a while", () => {
    const stopped = async (name: string, during: () => Promise<unknown>): Promise<void> => {
      const pid = pidOf(name);
      process.kill(pid, "SIGSTOP");
      try {
        await during();
      } finally {
        process.kill(pid, "SIGCONT");
      }
      await isWhole(`${name} stopped and gone on`);
    };

    it("the leading master: another leads, and the first does not come back as one", async () => {
      const first = await leader(cluster.api);
      const next = () =>
        leader(cluster.api)
          .then((now) => now.epoch > first.epoch && now)
          .catch(() => undefined);
      let second: Awaited<ReturnType<typeof leader>> | undefined;
      await stopped(leadingMaster(first.epoch), async () => {
        second = await eventually("another to lead", next, limitMs);
      });
      assert.deepEqual(await leader(cluster.api), second);
    });

    for (const name of ["apps", "apps-2", "jobs", "jobs-2"])
      it(`${name}: deploys are done, by the other one if need be`, () =>
        // A lease has to run out before the other one leads.
        stopped(name, () => deployOne(2 * limitMs)));

    it("an agent: what it is asked for comes late, and once", async () => {
      await stopped("agent-b", async () => {
        const { status } = await cluster.api.send("PUT", "/v2/apps/late", sleeper("/late", 6));
        assert.equal(status, 201);
      });
      await cluster.api.settled("/late");
      await cluster.api.remove("/late");
    });

    it("nats-server: nobody leads, nobody works, and all of it goes on", () =>
      stopped("nats", () =>
        eventually(
          "calls to be refused",
          async () => (await cluster.api.send("GET", "/v2/apps")).status === 503,
          30_000,
        ),
      ));

    it("Consul: services are late, nothing else", () => stopped("consul", () => deployOne()));

    it("dockerd: no container starts, nothing else waits", () => stopped("dockerd", () => deployOne()));
  });

  it("and at the end there is what was asked for", async () => {
    const instances = await churn.stop();
    const app = await cluster.api.settled("/churn");
    assert.equal(app.tasksRunning, instances);
    const running = (await cluster.api.tasks("/churn")).filter(({ latest }) => latest.state === "running");
    assert.equal(running.length, instances);
  });

  async function crashEngine(): Promise<void> {
    const pid = pidOf("dockerd");
    process.kill(pid, "SIGKILL");
    const isBack = () => existsSync(pidFile()) && pidOf("dockerd") !== pid;
    await eventually("the engine to be started again", isBack, 30_000);
  }

  /** By the logs: who leads has said so last, with the epoch. */
  function leadingMaster(epoch: number): string {
    const logOf = (name: string) => readFileSync(join(cluster.data, "log", `${name}.log`), "utf8");
    const leads = (name: string) => new RegExp(`"epoch":${epoch},.*"leading"`).test(logOf(name));
    return leads("master") ? "master" : "master-2";
  }
});
