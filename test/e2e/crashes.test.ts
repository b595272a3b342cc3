import assert from "node:assert/strict";
import { eventually } from "#test/support/eventually.js";
import type { Task } from "./support/api.js";
import { type LocalCluster, startCluster } from "./support/cluster.js";
import { boxApp, jarApp, prepareWork, sleeper, type Work } from "./support/work.js";

describe("processes of the cluster that are killed", function () {
  this.timeout(180_000);
  let cluster: LocalCluster;
  let work: Work;
  before(async () => {
    cluster = await startCluster({ flags: ["--empty", "--agents", "1"] });
    work = await prepareWork(cluster.dockerSocket);
  });
  after(() => cluster.remove());

  const running = async (): Promise<readonly Task[]> =>
    (await cluster.api.tasks()).filter(({ latest }) => latest.state === "running");
  const ids = (tasks: readonly Task[]): string[] => tasks.map(({ spec }) => spec.id).toSorted();

  it("an agent with 20 tasks: all of them go on, none is doubled, and later exits are told truly", async () => {
    await cluster.api.deploy(sleeper("/crash/sleep", 15));
    await cluster.api.deploy(boxApp("/crash/box", 4, work));
    await cluster.api.deploy(jarApp("/crash/jar", 1, work));
    const before = await running();
    assert.equal(before.length, 20);

    await cluster.api.send("POST", "/v1/jobs", {
      id: "crash.seven",
      run: { cmd: "while [ ! -e go ]; do sleep 0.05; done; exit 7", cpus: 0.02, mem: 32 },
    });
    const run = (await cluster.api.send("POST", "/v1/jobs/crash.seven/runs")).body as { id: string };
    const waiting = await eventually("the job to run", async () =>
      (await running()).find(({ spec }) => spec.name === "crash.seven"),
    );

    await cluster.crash("agent-a");
    const after = await eventually(
      "the agent to answer for its tasks",
      async () => {
        const tasks = await running().catch(() => []);
        return tasks.length >= 21 ? tasks : undefined;
      },
      30_000,
    );
    assert.deepEqual(ids(after), [...ids(before), waiting.spec.id].toSorted());

    const { writeFileSync } = await import("node:fs");
    writeFileSync(`${cluster.data}/agents/agent-a/sandboxes/${waiting.spec.id}/go`, "");
    const ended = await eventually("the run to end", async () => {
      const found = await cluster.api.get<{ status: string; tasks: Attempt[] }>(
        `/v1/jobs/crash.seven/runs/${run.id}`,
      );
      return found.status === "FAILED" ? found : undefined;
    });
    assert.deepEqual(
      launched(ended.tasks).map(({ exitCode }) => exitCode),
      [7],
    );
    assert.deepEqual(ids(await running()), ids(before));
  });

  it("an agent whose task ends while it is dead reports the true exit code", async () => {
    const cmd = "while [ ! -e go ]; do sleep 0.05; done; exit 9";
    await cluster.api.send("POST", "/v1/jobs", { id: "crash.nine", run: { cmd, cpus: 0.02, mem: 32 } });
    const run = (await cluster.api.send("POST", "/v1/jobs/crash.nine/runs")).body as { id: string };
    const waiting = await eventually("the job to run", async () =>
      (await running()).find(({ spec }) => spec.name === "crash.nine"),
    );
    const { writeFileSync } = await import("node:fs");
    const before = cluster.pid("agent-a");
    process.kill(before, "SIGKILL");
    writeFileSync(`${cluster.data}/agents/agent-a/sandboxes/${waiting.spec.id}/go`, "");
    const ended = await eventually(
      "the run to end",
      async () => {
        const found = await cluster.api.get<{ status: string; tasks: Attempt[] }>(
          `/v1/jobs/crash.nine/runs/${run.id}`,
        );
        return found.status === "FAILED" ? found : undefined;
      },
      30_000,
    );
    assert.deepEqual(
      launched(ended.tasks).map(({ exitCode }) => exitCode),
      [9],
    );
  });

  it("the master: tasks go on, the agent registers again, and deploys work", async () => {
    const before = ids(await running());
    await cluster.crash("master");
    await cluster.api.deploy(sleeper("/crash/later", 2), 60_000);
    const after = ids(await running());
    assert.deepEqual(
      before.filter((id) => !after.includes(id)),
      [],
    );
    await cluster.api.remove("/crash/later");
  });

  for (const name of ["apps", "nats", "consul", "gateway"])
    it(`${name}: tasks go on, and the cluster works again`, async () => {
      const before = ids(await running());
      await cluster.crash(name);
      await eventually(
        "a deploy to be taken",
        async () =>
          (
            await cluster.api
              .send("PUT", "/v2/apps/crash/after", sleeper("/crash/after", 1))
              .catch(() => undefined)
          )?.status
            .toString()
            .startsWith("20"),
        60_000,
      );
      await cluster.api.settled("/crash/after", 60_000);
      const after = ids(await running());
      assert.deepEqual(
        before.filter((id) => !after.includes(id)),
        [],
      );
      await cluster.api.remove("/crash/after");
    });
});

interface Attempt {
  readonly status: string;
  readonly exitCode?: number;
}

/** An agent that has just come back refuses what was offered before; that is no launch. */
const launched = (attempts: readonly Attempt[]): readonly Attempt[] =>
  attempts.filter(({ status }) => status !== "TASK_ERROR");
