import assert from "node:assert/strict";
import { masterApi } from "#protocol/api.js";
import type { TaskSpec } from "#protocol/task.js";
import type { SimCluster } from "./cluster.js";
import { scenario } from "./scenario.js";
import { deploy, ended, job, web } from "./story.js";

const shortJob = "demo.short";
const scripts = ({ name }: TaskSpec) => {
  if (name === job) return { endsAfterMs: 60_000 };
  return name === shortJob ? { endsAfterMs: 5000 } : {};
};

/** What an operator may do to a bucket by mistake. */
const mistakes = {
  deleted: ({ world }: SimCluster, bucket: string) => world.server.store.drop(bucket),
  emptied: ({ world }: SimCluster, bucket: string) => world.server.store.empty(bucket),
} as const;
const kinds = Object.keys(mistakes) as (keyof typeof mistakes)[];

/** All that ran then runs now. */
function assertGoesOn(cluster: SimCluster, before: Map<string, string[]>): void {
  for (const [agent, tasks] of before)
    for (const task of tasks)
      assert.ok(cluster.running(web).get(agent)!.includes(task), `${task} of agent ${agent} has ended`);
}

async function endsWell(cluster: SimCluster, run: string): Promise<void> {
  const { status } = await ended(cluster, run, 120_000);
  assert.equal(status, "SUCCESS");
}

describe("simulation: buckets that are lost", function () {
  this.timeout(60_000);

  for (const how of kinds) {
    it(`the bucket of apps is ${how}: what runs is adopted with the next write, and nothing is killed for it`, async () => {
      await scenario({ seed: `apps ${how}` }, async (cluster) => {
        await deploy(cluster, 3);
        await cluster.settled(web);
        const before = cluster.running(web);
        mistakes[how](cluster, cluster.subjects.bucket("fw-apps"));
        // Noticed with the next write, and given up when none gets through.
        await cluster.scale(web, 4);
        await cluster.until("four to run", () => cluster.countRunning(web) === 4);
        await cluster.settled(web);
        assertGoesOn(cluster, before);
        assert.equal(cluster.started(web).length, 4);
        await deploy(cluster, 3);
        await cluster.settled(web, 120_000);
        await cluster.until("three to run", () => cluster.countRunning(web) === 3);
      });
    });

    it(`the bucket of apps is ${how} and apps dies: its successor adopts what runs`, async () => {
      await scenario({ seed: `apps ${how}, dead` }, async (cluster) => {
        await deploy(cluster, 3);
        await cluster.settled(web);
        const before = cluster.running(web);
        mistakes[how](cluster, cluster.subjects.bucket("fw-apps"));
        cluster.crash("apps");
        cluster.start("apps");
        await cluster.untilSeen(
          "the app to be adopted",
          () => cluster.apps(),
          (seen) => seen.some(({ running }) => running === 3),
        );
        await cluster.settled(web);
        assertGoesOn(cluster, before);
        assert.equal(cluster.started(web).length, 3);
      });
    });

    it(`the bucket of jobs is ${how} and jobs dies: a run that goes on is adopted, and comes to its end once`, async () => {
      await scenario({ seed: `jobs ${how}, dead`, scripts }, async (cluster) => {
        const run = await cluster.submit(job, { cmd: "work" });
        await cluster.until("it to run", () => cluster.countRunning(job) === 1);
        await cluster.pass(1000);
        mistakes[how](cluster, cluster.subjects.bucket("fw-jobs"));
        cluster.crash("jobs");
        cluster.start("jobs");
        await endsWell(cluster, run);
        assert.equal(cluster.started(job).length, 1);
      });
    });

    it(`the bucket of jobs is ${how}, and the end of a run is the first that is written: that run is lost with its record, the others are adopted`, async () => {
      await scenario({ seed: `jobs ${how}`, scripts }, async (cluster) => {
        const run = await cluster.submit(job, { cmd: "work" });
        const short = await cluster.submit(shortJob, { cmd: "work" });
        await cluster.until("both to run", () =>
          [job, shortJob].every((name) => cluster.countRunning(name) === 1),
        );
        await cluster.pass(1000);
        mistakes[how](cluster, cluster.subjects.bucket("fw-jobs"));
        await cluster.until("the short one to end", () => cluster.countRunning(shortJob) === 0);
        // Until nothing was written for as long as a leader is patient.
        await cluster.pass(20_000);
        // An end alone brings nothing back: it may be of what was deleted.
        await assert.rejects(cluster.runOf(shortJob, short), /not found/);
        await endsWell(cluster, run);
        for (const name of [job, shortJob]) assert.equal(cluster.started(name).length, 1, name);
      });
    });

    it(`the registry of the master is ${how}: the agents come again, nothing ends, and a drain goes on`, async () => {
      for (const dies of [true, false])
        await scenario({ seed: `registry ${how} ${dies}` }, async (cluster) => {
          const agents = async () => (await cluster.ask(masterApi.agents, {})).items;
          await deploy(cluster, 6);
          await cluster.settled(web);
          const before = cluster.running(web);
          mistakes[how](cluster, cluster.subjects.bucket("master"));
          if (dies) {
            cluster.crash("master");
            cluster.start("master");
          }
          await cluster.untilSeen("all agents", agents, ({ length }) => length === 3);
          await cluster.ask(masterApi.drainAgent, { agent: "a" });
          await deploy(cluster, 8);
          await cluster.settled(web, 120_000);
          await cluster.until("eight to run", () => cluster.countRunning(web) === 8);
          await cluster.untilSeen("a to be drained", agents, (seen) =>
            seen.some(({ info, drain }) => info.id === "a" && drain?.state === "drained"),
          );
          assert.equal(cluster.running(web).get("a")!.length, 0);
          for (const [agent, tasks] of before)
            if (agent !== "a")
              for (const task of tasks) assert.ok(cluster.running(web).get(agent)!.includes(task), task);
          await cluster.ask(masterApi.activateAgent, { agent: "a" });
        });
    });
  }
});
