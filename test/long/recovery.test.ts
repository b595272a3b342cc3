import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "#test/support/eventually.js";
import type { ClusterEvent } from "#protocol/event.js";
import type { Run, Task } from "#test/e2e/support/api.js";
import { type LocalCluster, startCluster } from "#test/e2e/support/cluster.js";
import { processesOf } from "#test/e2e/support/census.js";
import { sleeper } from "#test/e2e/support/work.js";
import { settableClock } from "#test/support/set-clock.js";

const ids = (tasks: readonly Task[]): string[] => tasks.map(({ spec }) => spec.id).toSorted();

const processesOfAll = (tasks: readonly string[]) => tasks.map((task) => processesOf(task));

const areRegistered =
  ({ consul }: LocalCluster, service: string, count: number) =>
  async () => {
    const answer = await fetch(`${consul.url}/v1/health/service/${service}?passing`);
    return ((await answer.json()) as unknown[]).length === count;
  };

const passed = (since: number, ms: number) =>
  eventually(`${ms} ms to have passed`, () => performance.now() - since > ms, ms + 10_000);

/** In a cluster of its own. */
async function withoutRegistry(cluster: LocalCluster): Promise<void> {
  const serving = (id: string, instances: number) => ({
    ...sleeper(id, instances),
    portDefinitions: [{ port: 0 }],
  });
  await cluster.api.deploy(serving("/registry/sleep", 5));
  await eventually("the services to be found", areRegistered(cluster, "registry-sleep", 5), 20_000);
  const before = ids(await cluster.api.tasks("/registry/sleep"));
  const processes = processesOfAll(before);

  const diedAt = performance.now();
  await cluster.without("consul", async () => {
    await cluster.api.deploy(serving("/registry/later", 3), 10_000);
    await passed(diedAt, 60_000);
    assert.deepEqual(processesOfAll(before), processes, "the same processes, a minute later");
  });
  for (const [service, count] of [
    ["registry-sleep", 5],
    ["registry-later", 3],
  ] as const) {
    const isFound = () => areRegistered(cluster, service, count)().catch(() => false);
    await eventually(`${service} to be found`, isFound, 45_000);
  }
  assert.deepEqual(ids(await cluster.api.tasks("/registry/sleep")), before);
  for (const id of ["/registry/sleep", "/registry/later"]) await cluster.api.remove(id);
}

describe("recovery", function () {
  this.timeout(150_000);

  describe("of a cluster whose servers are lost", () => {
    let cluster: LocalCluster;
    let beside: LocalCluster;
    /** It takes its minute while NATS takes its own. */
    let registryAway: Promise<void>;
    before(async () => {
      const flags = ["--empty", "--agents", "2"];
      [cluster, beside] = await Promise.all([startCluster({ flags }), startCluster({ flags })]);
      registryAway = withoutRegistry(beside);
      registryAway.catch(() => undefined);
    });
    after(() => Promise.all([cluster.remove(), beside.remove()]));

    const running = async (): Promise<readonly Task[]> =>
      (await cluster.api.tasks()).filter(({ latest }) => latest.state === "running");

    /** A run whose one attempt ends with this exit code once it is let go. */
    async function waitingRun(job: string, exitCode: number) {
      const cmd = `while [ ! -e go ]; do sleep 0.1; done; exit ${exitCode}`;
      await cluster.api.send("POST", "/v1/jobs", { id: job, run: { cmd, cpus: 0.02, mem: 32 } });
      const { id: run } = (await cluster.api.send("POST", `/v1/jobs/${job}/runs`)).body as Run;
      const { agent, spec } = await eventually("the run to begin", async () =>
        (await running()).find(({ spec: { name } }) => name === job),
      );
      const go = join(cluster.data, "agents", agent, "sandboxes", spec.id, "go");
      return { run, task: spec.id, letGo: () => writeFileSync(go, "") };
    }

    /** What the stream holds of these types, in its order. */
    async function eventsWith(types: readonly string[]): Promise<readonly ClusterEvent[]> {
      const signal = AbortSignal.timeout(2000);
      const response = await fetch(`${cluster.url}/cluster/events?after=0`, { signal });
      let text = "";
      try {
        for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) text += piece;
      } catch (cause) {
        // It never ends by itself: what is kept comes first.
        if (!signal.aborted) throw cause;
      }
      const events = [...text.matchAll(/^data: (.*)$/gm)].map(
        ([, data]) => JSON.parse(data!) as ClusterEvent,
      );
      return events.filter(({ type }) => types.includes(type));
    }

    it("NATS is dead for a minute: tasks go on, and what ends meanwhile is told", async () => {
      await cluster.api.deploy(sleeper("/away/sleep", 10));
      const { run, task, letGo } = await waitingRun("away.five", 5);
      const before = ids(await cluster.api.tasks("/away/sleep"));
      const processes = processesOfAll(before);

      const diedAt = performance.now();
      await cluster.without("nats", async () => {
        letGo();
        const refused = async () => (await cluster.api.send("GET", "/v2/apps")).status === 503;
        await eventually("calls to be refused", refused, 60_000);
        await passed(diedAt, 60_000);
        assert.deepEqual(processesOfAll(before), processes, "the same processes, a minute later");
        assert.deepEqual(processesOf(task), [], "and the one that was let go has ended");
      });

      const found = async () => {
        const answer = await cluster.api.send("GET", `/v1/jobs/away.five/runs/${run}`).catch(() => undefined);
        const { status, tasks = [] } = (answer?.body ?? {}) as Partial<Run>;
        return status === "FAILED" && tasks;
      };
      const attempts = await eventually("the end of the run to be told", found, 30_000);
      assert.deepEqual(
        attempts.map(({ exitCode }) => exitCode),
        [5],
      );
      const told = async () => {
        const tasks = await cluster.api.tasks("/away/sleep");
        return tasks.length >= before.length && tasks;
      };
      assert.deepEqual(ids(await eventually("all agents to answer", told, 10_000)), before);
      assert.deepEqual(processesOfAll(before), processes);
      await cluster.api.deploy(sleeper("/away/later", 2));
    });

    it("Consul is dead for a minute: deploys go on, and all services are found when it is back", () =>
      registryAway);

    it("the disk of NATS is lost: apps and runs are what their tasks say, and what cannot be known is said", async () => {
      await cluster.api.deploy(sleeper("/lost/sleep", 6));
      await cluster.api.deploy(sleeper("/lost/none", 0));
      await cluster.api.send("POST", "/v1/jobs", { id: "lost.none", run: { cmd: "true" } });
      const { run, letGo } = await waitingRun("lost.three", 3);
      const before = ids(await running());

      const pid = cluster.pid("nats");
      process.kill(pid, "SIGSTOP");
      rmSync(join(cluster.data, "nats"), { recursive: true });
      process.kill(pid, "SIGKILL");

      // Until its lease runs out, a leader of before may answer from memory, and forgets with it what it is told meanwhile.
      for (const path of ["/v2/apps/lost/none", "/v1/jobs/lost.none"])
        await eventually(
          `what no task tells of to be unknown (${path})`,
          async () => (await cluster.api.send("GET", path).catch(() => undefined))?.status === 404,
          30_000,
        );
      const app = await eventually(
        "the app to be known again",
        async () => {
          const found = await cluster.api.app("/lost/sleep").catch(() => undefined);
          return found?.tasksRunning === 6 && found.settled && found;
        },
        30_000,
      );
      assert.equal(app.tasks.length, 6);
      assert.deepEqual(ids(await running()), before, "the same tasks, none killed, none doubled");

      const path = `/v1/jobs/lost.three/runs/${run}`;
      const isKnown = async () =>
        (await cluster.api.send("GET", path).catch(() => undefined))?.status === 200;
      await eventually("the run to be known again", isKnown, 30_000);
      letGo();
      const ended = await eventually(
        "the run to end",
        async () => {
          const found = await cluster.api.get<Run>(path).catch(() => undefined);
          return found?.status === "FAILED" && found;
        },
        30_000,
      );
      assert.deepEqual(
        ended.tasks.map(({ exitCode }) => exitCode),
        [3],
      );

      for (const [service, what] of [
        ["apps", /"message":"the store of apps was lost: .* apps without a running task \(scaled to 0/],
        ["jobs", /"message":"the store of jobs was lost: .* jobs without a running task/],
        ["master", /"message":"the registry was lost: .* weights, limits and drains are to be set again/],
      ] as const) {
        const log = readFileSync(join(cluster.data, "log", `${service}.log`), "utf8");
        assert.equal(log.split("\n").filter((line) => what.test(line)).length, 1, `${service} says it once`);
      }
      const lost = await eventsWith(["store-lost", "registry-lost"]);
      assert.deepEqual(lost.map(({ by }) => by.replace(/\/.*/, "")).toSorted(), ["apps", "jobs", "master"]);
    });
  });

  describe("of a cluster whose clocks are set by an hour", () => {
    const clock = settableClock();
    let cluster: LocalCluster;
    before(async () => {
      cluster = await startCluster({ flags: ["--empty", "--agents", "2"], env: clock.env });
    });
    after(() => cluster.remove());

    /** An agent still tells of tasks that have ended. */
    const runningOf = async (app: string): Promise<string[]> =>
      ids((await cluster.api.tasks(app)).filter(({ latest }) => latest.state === "running"));
    const runToEnd = async (id: string): Promise<Run> => {
      const { id: run } = (await cluster.api.send("POST", `/v1/jobs/${id}/runs`)).body as Run;
      return eventually(
        "the run to end",
        async () => {
          const found = await cluster.api.get<Run>(`/v1/jobs/${id}/runs/${run}`).catch(() => undefined);
          return (found?.status === "SUCCESS" || found?.status === "FAILED") && found;
        },
        30_000,
      );
    };

    for (const [name, offsetMs] of [
      ["back", -3_600_000],
      ["on", 3_600_000],
    ] as const)
      it(`${name}: tasks go on, deploys, runs with retries and failovers take no longer than ever`, async () => {
        clock.set(0);
        const app = `/clock/${name}`;
        await cluster.api.deploy(sleeper(app, 6));
        const before = ids(await cluster.api.tasks(app));
        const job = `clock.${name}`;
        await cluster.api.send("POST", "/v1/jobs", {
          id: job,
          run: {
            cmd: 'test "$EMPORION_ATTEMPT" = 2',
            cpus: 0.02,
            mem: 32,
            retries: 1,
            restart: { policy: "ON_FAILURE" },
          },
        });

        clock.set(offsetMs);
        await cluster.api.deploy(sleeper(app, 8), 15_000);
        assert.equal((await runToEnd(job)).status, "SUCCESS");
        for (const process of ["master", "apps", "jobs", "agent-a"]) await cluster.crash(process);
        const [gone] = before;
        await eventually(
          "apps to be led again",
          () =>
            cluster.api.get("/v2/apps").then(
              () => true,
              () => false,
            ),
          20_000,
        );
        const killed = processesOf(gone!);
        assert.equal(killed.length, 1, "one process of the task");
        process.kill(killed[0]!, "SIGKILL");
        const replaced = async () => {
          const now = await runningOf(app).catch((): string[] => []);
          return now.length === 8 && !now.includes(gone!);
        };
        await eventually("the killed task to be replaced", replaced, 30_000);
        await cluster.api.deploy(sleeper(app, 9), 30_000);
        assert.equal((await runToEnd(job)).status, "SUCCESS");
        const after = await runningOf(app);
        assert.equal(after.length, 9);
        assert.deepEqual(
          before.filter((task) => !after.includes(task)),
          [gone],
          "the other tasks are the same",
        );
      });
  });

  describe("of an agent whose disk is full", () => {
    const data = mkdtempSync(join(tmpdir(), "emporion-full-"));
    const workDir = join(data, "agents", "agent-a");
    let cluster: LocalCluster;
    before(async () => {
      mkdirSync(workDir, { recursive: true });
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=16m", "tmpfs", workDir]);
      cluster = await startCluster({ data, flags: ["--empty", "--agents", "2"] });
    });
    after(async () => {
      await cluster.end();
      execFileSync("umount", ["-l", workDir]);
      rmSync(data, { recursive: true });
    });

    it("its tasks go on, new ones run elsewhere, and it works again when there is room", async () => {
      await cluster.api.deploy(sleeper("/full/sleep", 6));
      const before = ids(await cluster.api.tasks("/full/sleep"));
      const filler = join(workDir, "filler");
      // Whatever is left; dd fails when the disk is full, as it should.
      assert.throws(() => execFileSync("dd", ["if=/dev/zero", `of=${filler}`, "bs=4k"], { stdio: "ignore" }));
      await cluster.api.deploy(sleeper("/full/more", 6), 60_000);
      assert.deepEqual(ids(await cluster.api.tasks("/full/sleep")), before);

      rmSync(filler);
      await cluster.api.remove("/full/more");
      const pinned = { ...sleeper("/full/again", 2), constraints: [["rack", "CLUSTER", "a"]] };
      await cluster.api.deploy(pinned, 60_000);
    });
  });
});
