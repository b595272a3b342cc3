import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { eventually } from "#test/support/eventually.js";
import type { Task } from "./support/api.js";
import { type LocalCluster, startCluster } from "./support/cluster.js";
import { boxApp, jarApp, prepareWork, sleeper, small, type Work } from "./support/work.js";

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

  /** Starts a run of the job and waits until it runs. */
  async function waitingRun<T extends { readonly id: string; readonly run: object }>(job: T) {
    const { id } = job;
    await cluster.api.send("POST", "/v1/jobs", { id, run: job.run });
    const started = (await cluster.api.send("POST", `/v1/jobs/${id}/runs`)).body as { id: string };
    const { spec } = await eventually(
      `${id} to run`,
      async () => (await running()).find((task) => task.spec.name === id),
      30_000,
    );
    return { ...job, run: started.id, task: spec.id };
  }

  const letEnd = (task: string) => writeFileSync(`${cluster.data}/agents/agent-a/sandboxes/${task}/go`, "");

  /** Of the attempts of a run, when it has failed. */
  const exitCodes = async (job: string, run: string): Promise<(number | undefined)[]> => {
    const { tasks } = await eventually(
      `the run of ${job} to end`,
      async () => {
        const path = `/v1/jobs/${job}/runs/${run}`;
        const found = await cluster.api
          .get<{ status: string; tasks: Attempt[] }>(path)
          .catch(() => undefined);
        return found?.status === "FAILED" && found;
      },
      30_000,
    );
    return launched(tasks).map(({ exitCode }) => exitCode);
  };

  it("an agent with 20 tasks: all of them go on, none is doubled, and later exits are told truly", async () => {
    await cluster.api.deploy(sleeper("/crash/sleep", 15));
    await cluster.api.deploy(boxApp("/crash/box", 4, work));
    await cluster.api.deploy(jarApp("/crash/jar", 1, work));
    const before = await running();
    assert.equal(before.length, 20);

    const runs = await Promise.all(
      [
        { id: "crash.process", code: 7, run: untilGo(7) },
        { id: "crash.container", code: 11, run: containerUntilGo(11, work) },
        { id: "crash.jvm", code: 13, run: jvmUntilGo(13, work) },
      ].map(waitingRun),
    );

    await cluster.crash("agent-a");
    const after = await eventually(
      "the agent to answer for its tasks",
      async () => {
        const tasks = await running().catch(() => []);
        return tasks.length >= 23 ? tasks : undefined;
      },
      30_000,
    );
    assert.deepEqual(ids(after), [...ids(before), ...runs.map(({ task }) => task)].toSorted());

    for (const { task } of runs) letEnd(task);
    for (const { id, run, code } of runs) assert.deepEqual([id, ...(await exitCodes(id, run))], [id, code]);
    assert.deepEqual(ids(await running()), ids(before));
  });

  it("an agent whose tasks end while it is dead reports their true exit codes", async () => {
    const runs = await Promise.all(
      [
        { id: "dead.process", code: 8, run: untilGo(8) },
        { id: "dead.container", code: 12, run: containerUntilGo(12, work) },
        { id: "dead.jvm", code: 14, run: jvmUntilGo(14, work) },
      ].map(waitingRun),
    );
    const dead = cluster.pid("agent-a");
    process.kill(dead, "SIGKILL");
    for (const { task } of runs) letEnd(task);
    for (const { id, run, code } of runs) assert.deepEqual([id, ...(await exitCodes(id, run))], [id, code]);
    assert.notEqual(cluster.pid("agent-a"), dead);
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

const untilGo = (code: number) => ({
  cmd: `while [ ! -e go ]; do sleep 0.05; done; exit ${code}`,
  ...small,
});

/** A container sees its sandbox when there is something in it. */
const containerUntilGo = (code: number, { image, web }: Work) => ({
  cmd: `while [ ! -e "$EMPORION_SANDBOX/go" ]; do sleep 0.05; done; exit ${code}`,
  docker: { image },
  artifacts: [{ uri: web }],
  ...small,
});

const jvmUntilGo = (code: number, { program }: Work) => ({
  jvm: { jar: "program.jar" },
  args: ["await", "go", String(code)],
  artifacts: [{ uri: program }],
  cpus: 0.05,
  mem: 128,
});

interface Attempt {
  readonly status: string;
  readonly exitCode?: number;
}

/** An agent that has just come back refuses what was offered before; that is no launch. */
const launched = (attempts: readonly Attempt[]): readonly Attempt[] =>
  attempts.filter(({ status }) => status !== "TASK_ERROR");
