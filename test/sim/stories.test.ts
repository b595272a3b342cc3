import assert from "node:assert/strict";
import { masterApi } from "#protocol/api.js";
import { scenario } from "./scenario.js";
import {
  copyOf,
  crashLeader,
  deploy,
  detainLaunches,
  ended,
  job,
  leaderAfter,
  leaderOf,
  web,
} from "./story.js";

const agentTimeoutMs = 15_000;

describe("simulation: classic stories", function () {
  this.timeout(60_000);

  it("an accept is under way while the leader changes: each task starts once or not at all", async () => {
    await scenario({ seed: "accept", copies: { master: 2 } }, async (cluster) => {
      await leaderOf(cluster);
      const kept = detainLaunches(cluster);
      await deploy(cluster, 6);
      await cluster.until("accepts to be under way", () => kept.parcels.length > 0);
      const before = await leaderOf(cluster);
      await crashLeader(cluster);
      await leaderAfter(cluster, before);
      kept.letGo();
      await cluster.settled(web);
      assert.equal(cluster.countRunning(web), 6);
    });
  });

  it("an agent is cut off while it launches, replaced, and comes back: the surplus goes", async () => {
    const scripts = () => ({ launchMs: 2000 });
    await scenario({ seed: "launching", scripts }, async (cluster) => {
      await deploy(cluster, 6);
      await cluster.pass(500);
      cluster.host("b").node.part();
      await cluster.until("six to run besides", () => cluster.countRunning(web) >= 8);
      cluster.host("b").node.heal();
      await cluster.until("two to go", () => cluster.countRunning(web) === 6);
      await cluster.settled(web);
    });
  });

  it("an update is published twice, minutes apart: the stream has it twice, the framework counts it once", async () => {
    await scenario({ seed: "twice" }, async (cluster) => {
      await leaderOf(cluster);
      const { link } = cluster.host("a").node;
      link.set({ answerLossRate: 1 });
      await deploy(cluster, 3);
      await cluster.settled(web);
      const { streams } = cluster.world.server;
      const stored = () => streams.named(cluster.subjects.statusStream)!.last;
      const first = stored();
      // Within two minutes the stream knows a repetition by its id.
      await cluster.pass(100_000);
      assert.equal(stored(), first);
      await cluster.pass(60_000);
      assert.ok(stored() > first, "nothing was stored twice");
      link.set({ answerLossRate: 0 });
      await cluster.pass(10_000);
      assert.equal(cluster.started(web).length, 3);
      assert.equal((await cluster.app(web)).running, 3);
    });
  });

  it("a framework fails over while its tasks start: none is lost, none doubled", async () => {
    const scripts = () => ({ launchMs: 3000 });
    await scenario({ seed: "failover", scripts }, async (cluster) => {
      await cluster.apps();
      cluster.start("apps", 2);
      const launches = detainLaunches(cluster);
      await deploy(cluster, 9);
      await cluster.until("accepts to be under way", () => launches.parcels.length > 0);
      launches.letGo();
      await cluster.pass(1000);
      assert.equal(cluster.started(web).length, 0, "they are to be starting still");
      cluster.crash("apps", 1);
      await cluster.settled(web);
      assert.equal(cluster.started(web).length, 9);
    });
  });

  it("two masters take themselves for the leader for a while: nobody listens to the older", async () => {
    await scenario({ seed: "two leaders", copies: { master: 2 } }, async (cluster) => {
      await deploy(cluster, 3);
      await cluster.settled(web);
      const first = await leaderOf(cluster);
      const node = cluster.node("master", copyOf(first));
      node.pause();
      const second = await leaderAfter(cluster, first);
      await cluster.scale(web, 6);
      node.resume();
      await cluster.settled(web);
      await cluster.pass(20_000);
      assert.equal((await leaderOf(cluster)).master, second.master);
      assert.equal(cluster.started(web).length, 6);
    });
  });

  it("a zombie framework's accept of an old offer comes after its successor has begun: it is refused", async () => {
    await scenario({ seed: "zombie" }, async (cluster) => {
      await cluster.apps();
      cluster.start("apps", 2);
      const zombie = detainLaunches(cluster);
      await deploy(cluster, 3);
      await cluster.until("its accepts to be under way", () => zombie.parcels.length > 0);
      const accepts = zombie.parcels.splice(0);
      zombie.letGo();
      cluster.crash("apps", 1);
      await cluster.settled(web);
      const before = cluster.started(web);
      for (const accept of accepts) cluster.world.server.publish(accept);
      await cluster.pass(10_000);
      assert.deepEqual(cluster.started(web), before);
      assert.equal(before.length, 3);
    });
  });

  it("a kill overtakes its launch: the launch is refused when it comes", async () => {
    await scenario({ seed: "overtakes" }, async (cluster) => {
      await leaderOf(cluster);
      const launches = detainLaunches(cluster);
      const run = await cluster.submit(job, { cmd: "sleep 1000" });
      await cluster.until("the launch to be under way", () => launches.parcels.length > 0);
      const [launch] = launches.parcels.splice(0);
      const kills = detainLaunches(cluster, "kill");
      await cluster.stopRun(job, run);
      await cluster.until("the kill to be under way", () => kills.parcels.length > 0, 120_000);
      kills.letGo();
      await cluster.pass(1000);
      launches.drop();
      cluster.world.server.publish(launch!);
      await ended(cluster, run, 120_000);
      assert.equal(cluster.started(job).length, 0);
    });
  });

  it("the disk of the server is lost: all that runs is adopted, also of an agent that is slow to come, and nothing is started twice", async () => {
    await scenario({ seed: "disk" }, async (cluster) => {
      await deploy(cluster, 12);
      await cluster.settled(web);
      const before = cluster.started(web);
      cluster.world.serverDies();
      cluster.world.server.loseDisk();
      cluster.host("b").node.link.set({ reconnectMs: [4000, 4000] });
      cluster.world.serverReturns();
      await cluster.settled(web, 60_000);
      assert.deepEqual(cluster.started(web), before);
      assert.equal(cluster.countRunning(web), 12);
    });
  });

  it("a late report, from before an offer, does not free what was offered since", async () => {
    await scenario({ seed: "late report" }, async (cluster) => {
      await leaderOf(cluster);
      const { server } = cluster.world;
      const reports = server.detain(cluster.subjects.report("a"));
      await cluster.until("a report", () => reports.parcels.length > 0);
      const [late] = reports.parcels.splice(0);
      reports.letGo();
      await deploy(cluster, 20);
      for (let times = 0; times < 20; times++) {
        await cluster.pass(100);
        server.publish(late!);
      }
      await cluster.settled(web);
      assert.equal(cluster.countRunning(web), 20);
    });
  });

  it("an agent comes back and half of its tasks have ended meanwhile: these are made up for, the others go on", async () => {
    await scenario({ seed: "half" }, async (cluster) => {
      await deploy(cluster, 12);
      await cluster.settled(web);
      const { tasks } = cluster.host("a");
      const before = tasks.running();
      cluster.host("a").crash();
      for (const [index, task] of before.entries())
        if (index % 2 === 0) tasks.end(task, { exitCode: index, reason: "exited" });
      await cluster.pass(2000);
      cluster.host("a").start();
      const started = 12 + Math.ceil(before.length / 2);
      await cluster.until("others to start", () => cluster.started(web).length === started);
      await cluster.settled(web);
      for (const [index, task] of before.entries())
        assert.equal(tasks.running().includes(task), index % 2 === 1, task);
    });
  });

  it("half of the agents fall silent at once: R7 holds their loss back, and no task is doubled when they return", async () => {
    const racks = Array.from({ length: 10 }, (_, index) => "abc"[index % 3]!);
    await scenario({ seed: "mass loss", racks }, async (cluster) => {
      await deploy(cluster, 20);
      await cluster.settled(web);
      const gone = ["a", "b", "c", "d", "e"];
      for (const agent of gone) cluster.host(agent).node.part();
      await cluster.pass(agentTimeoutMs + 5000);
      const unreachable = async () => {
        const { items } = await cluster.ask(masterApi.agents, {});
        return items.filter(({ state }) => state === "unreachable").length;
      };
      assert.equal(await unreachable(), 1, "a tenth of ten within a minute");
      for (const agent of gone) cluster.host(agent).node.heal();
      await cluster.pass(60_000);
      assert.equal(await unreachable(), 0);
      assert.ok(cluster.started(web).length <= 22, "two at most were on the one that was given up");
    });
  });

  it("losses that a former leader declared count for the next one", async () => {
    await scenario({ seed: "budget", copies: { master: 2 } }, async (cluster) => {
      await deploy(cluster, 3);
      await cluster.settled(web);
      cluster.host("a").node.part();
      const states = async () => (await cluster.ask(masterApi.agents, {})).items.map(({ state }) => state);
      await cluster.untilSeen("a to be unreachable", states, (seen) => seen.includes("unreachable"));
      cluster.host("b").node.part();
      await crashLeader(cluster);
      // Its own time-out has long passed, and the minute since the loss of a has not.
      await cluster.pass(45_000);
      assert.deepEqual((await states()).filter((state) => state === "unreachable").length, 1);
      for (const agent of ["a", "b"]) cluster.host(agent).node.heal();
      await cluster.settled(web, 120_000);
    });
  });

  it("all clocks jump: leases, time-outs, jobs and apps go on as before", async () => {
    await scenario({ seed: "clocks", copies: { master: 2, apps: 2 } }, async (cluster) => {
      const hourMs = 3_600_000;
      await deploy(cluster, 3);
      await cluster.settled(web);
      const run = await cluster.submit(job, { cmd: "sleep 20; exit 0" });
      const before = cluster.running(web);
      const first = await leaderOf(cluster);
      for (const [index, { clock }] of cluster.world.nodes.entries())
        clock.jumpWall(index % 2 === 0 ? hourMs : -hourMs);
      await cluster.pass(60_000);
      assert.deepEqual(cluster.running(web), before);
      assert.equal((await leaderOf(cluster)).epoch, first.epoch);
      await cluster.scale(web, 6);
      await cluster.settled(web);
      const { status } = await ended(cluster, run);
      assert.equal(status, "SUCCESS");
    });
  });
});
