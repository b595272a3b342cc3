import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "#test/support/eventually.js";
import { Api } from "#test/e2e/support/api.js";
import { census } from "#test/e2e/support/census.js";
import { Churn } from "#test/e2e/support/churn.js";
import { type LocalCluster, startCluster } from "#test/e2e/support/cluster.js";
import { boxApp, jarApp, prepareWork, sleeper, type Work } from "#test/e2e/support/work.js";

/** 200 tasks. */
const counts = { "/steady/sleep": 185, "/steady/box": 10, "/steady/jar": 5 };
const names = Object.keys(counts);
/** How long it may take until the cluster is as it should be. */
const limitMs = 10_000;
const oneProcess: { readonly id: string } = sleeper("/after", 1);
const secondsSince = (at: number): string => `${((performance.now() - at) / 1000).toFixed(1)} s`;
const isTrue = () => true;

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
  let work: Work;
  let told: readonly string[];

  before(async () => {
    cluster = await startCluster({ flags: ["--empty", "--agents", "2", "--copies", "2"] });
    gateways = [cluster.api, ...cluster.otherUrls.map((url) => new Api(url))];
    work = await prepareWork(cluster.dockerSocket);
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
  /** The engine removes its file when it ends, and writes it when it begins. */
  const isThere = (name: string): boolean => name !== "dockerd" || existsSync(pidFile());
  const pidOf = (name: string): number =>
    name === "dockerd" ? Number(readFileSync(pidFile(), "utf8")) : cluster.pid(name);
  /** Rejects while it cannot be done. */
  const leader = (api: Api) => api.get<{ master: string; epoch: number }>("/cluster/leader");

  /**
   * All tasks are there once, by the word of the cluster and in truth, what is deployed now comes to run, and every gateway answers:
   * within so long `since` then, ms.
   */
  async function isWhole(what: string, { since = performance.now() } = {}): Promise<void> {
    const passedMs = () => performance.now() - since;
    let last: unknown;
    const whole = async () => {
      const seen = await now().catch((cause: unknown) => void (last = String(cause)));
      if (seen === undefined) return false;
      last = { told: seen.told.length, found: seen.found };
      return seen.told.length === told.length && seen;
    };
    const seen = await eventually("all tasks to be told of", whole, limitMs).catch((cause: unknown) => {
      throw new Error(`${what}: ${JSON.stringify(last)}`, { cause });
    });
    const toldMs = passedMs();
    assert.deepEqual(seen.told, told, "the same tasks as ever");
    assert.deepEqual(seen.found, counts, "each of them once");
    await deployOne();
    const deployedMs = passedMs();
    for (const api of gateways)
      for (const ask of [() => leader(api), () => api.get<unknown>("/v1/jobs")])
        await eventually("a gateway to answer", () => ask().then(isTrue, () => false), limitMs);
    const wholeMs = passedMs();
    const [first, second, third] = [toldMs, deployedMs, wholeMs].map((ms) => (ms / 1000).toFixed(1));
    took.push(
      `${what}: tasks told after ${first} s, a deploy done after ${second} s, all answer after ${third} s`,
    );
    assert.ok(wholeMs <= limitMs, `${what}: the state was right after ${Math.round(wholeMs)} ms`);
    await takeBack();
  }

  async function deployOne({
    withinMs = limitMs,
    api = cluster.api,
    deploying = oneProcess,
  } = {}): Promise<void> {
    const put = () =>
      api
        .send("PUT", "/v2/apps/after", deploying)
        .then(({ status }) => status < 300)
        .catch(() => false);
    await eventually("a deploy to be taken", put, withinMs);
    await eventually(
      "the deploy to be done",
      () =>
        api.app("/after").then(
          ({ settled }) => settled,
          () => false,
        ),
      withinMs,
    );
  }

  const takeBack = () =>
    eventually(
      "the deploy to be taken back",
      async () => (await cluster.api.send("DELETE", "/v2/apps/after")).status === 200,
      limitMs,
    );

  describe("killed: within 10 s of the kill all is as it should be, though it has to be started again", () => {
    const killed = async (name: string, { what = name } = {}): Promise<void> => {
      const pid = pidOf(name);
      const killedAt = performance.now();
      process.kill(pid, "SIGKILL");
      await isWhole(`${what} killed`, { since: killedAt });
      const isBack = () => isThere(name) && pidOf(name) !== pid;
      await eventually(`${name} to be started again`, isBack, 30_000);
      took.push(`  started again after at most ${secondsSince(killedAt)}`);
    };

    for (const name of ["nats", "consul", "agent-a", "gateway", "gateway-2"]) it(name, () => killed(name));

    it("dockerd; a new container waits until it is up again and its executor has seen it", async () => {
      const killedAt = performance.now();
      await killed("dockerd");
      await deployOne({ withinMs: 6 * limitMs, deploying: boxApp("/after", 1, work) });
      took.push(`  a new container runs after ${secondsSince(killedAt)}`);
      await takeBack();
    });

    for (const service of ["master", "apps", "jobs"]) {
      it(`the ${service} that leads`, async () => {
        const { leads, epoch } = copies(service);
        await killed(leads, { what: `${leads}, which led,` });
        // The killed one may be back before its lease has run out, and be the one that leads again.
        assert.ok(copies(service).epoch > epoch, "in a new term");
      });
      it(`the ${service} that does not`, async () => {
        const { leads, waits } = copies(service);
        await killed(waits, { what: `${waits}, which did not lead,` });
        assert.equal(copies(service).leads, leads, "the same leads");
      });
    }
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
      await isWhole(`${name} stopped, counted from when it went on`);
    };

    it("the leading master: another leads, and the first does not come back as one", async () => {
      const first = await leader(cluster.api);
      const next = () =>
        leader(cluster.api)
          .then((now) => now.epoch > first.epoch && now)
          .catch(() => undefined);
      let second: Awaited<ReturnType<typeof leader>> | undefined;
      await stopped(copies("master").leads, async () => {
        second = await eventually("another to lead", next, limitMs);
      });
      assert.deepEqual(await leader(cluster.api), second);
    });

    for (const name of ["apps", "apps-2", "jobs", "jobs-2"])
      it(`${name}: deploys are done, by the other one if need be`, () =>
        // A lease has to run out before the other one leads.
        stopped(name, () => deployOne({ withinMs: 2 * limitMs })));

    it("a gateway: the other one answers, and its own callers get their answers when it goes on", async () => {
      const late = cluster.api.get("/v2/apps");
      await stopped("gateway", () => deployOne({ api: gateways[1]! }));
      await late;
    });

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

  /** By the logs: of all terms that were begun the one with the highest epoch is the present one. */
  function copies(service: string): {
    readonly leads: string;
    readonly waits: string;
    readonly epoch: number;
  } {
    const [first, second] = [service, `${service}-2`];
    const [epoch, other] = [lastEpoch(first), lastEpoch(second)];
    return epoch > other
      ? { leads: first, waits: second, epoch }
      : { leads: second, waits: first, epoch: other };
  }

  function lastEpoch(name: string): number {
    const log = readFileSync(join(cluster.data, "log", `${name}.log`), "utf8");
    return Number([...log.matchAll(/"epoch":(\d+),.*"leading"/g)].at(-1)?.[1] ?? 0);
  }
});
