import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { AgentView } from "#protocol/api.js";
import { eventually } from "#test/support/eventually.js";
import { anyPorts, type LocalCluster, startCluster, startLocal } from "./support/cluster.js";
import { sleeper } from "./support/work.js";

describe("a cluster on one machine", function () {
  this.timeout(180_000);
  let cluster: LocalCluster;
  before(async () => {
    cluster = await startCluster({ flags: ["--empty", "--agents", "2"] });
  });
  after(() => cluster.remove());

  it("a data directory in use is refused in one line", async () => {
    const second = startLocal(["--data", cluster.data, ...anyPorts, "--empty"]);
    const [code] = (await once(second.process, "exit")) as [number];
    assert.equal(code, 1);
    assert.match(
      second.output(),
      /^emporion: the data directory .* is in use by another cluster \(process \d+\)/,
    );
  });

  it("a port that is taken is refused before anything is started", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as { port: number };
    const data = `${cluster.data}/other`;
    const second = startLocal(["--data", data, ...anyPorts, "--empty", "--port", String(port)]);
    const [code] = (await once(second.process, "exit")) as [number];
    taken.close();
    assert.equal(code, 1);
    assert.match(
      second.output(),
      new RegExp(
        `^emporion: port ${port} for the gateway is taken by another program; choose another one with --port`,
        "m",
      ),
    );
    assert.ok(!existsSync(data), "nothing is left of it");
  });

  it("task ports that another cluster has are refused before anything is started", async () => {
    const agents = await cluster.api.get<AgentView[]>("/cluster/agents");
    const last = Math.max(...agents.flatMap(({ info }) => info.totals.ports.flat()));
    const data = `${cluster.data}/third`;
    // Ours alone, whatever else runs on this machine.
    const flags = [...anyPorts.slice(0, -1), `${last - 9}-${last}`];
    const second = startLocal(["--data", data, ...flags, "--empty"]);
    const [code] = (await once(second.process, "exit")) as [number];
    assert.equal(code, 1);
    assert.match(
      second.output(),
      new RegExp(`^emporion: of the task ports .* another cluster on this machine has \\d+-${last} `, "m"),
    );
    assert.ok(!existsSync(data), "nothing is left of it");
  });

  it("a wrong flag is one clear line", async () => {
    const wrong = startLocal(["--agents", "many"]);
    const [code] = (await once(wrong.process, "exit")) as [number];
    assert.equal(code, 2);
    assert.match(wrong.output(), /^emporion: .*--agents N: expected a whole number from 1 to 26/);
  });

  it("ending it ends its tasks and its processes; the next start brings the same apps back", async () => {
    await cluster.api.deploy(sleeper("/local/app", 3));
    const pids = pidsOf(cluster.data);
    await cluster.end();
    assert.deepEqual(pids.filter(isAlive), []);
    assert.deepEqual(sleepersOf(cluster.data), []);

    cluster = await startCluster({ data: cluster.data, flags: ["--empty", "--agents", "2"] });
    const app = await cluster.api.settled("/local/app");
    assert.equal(app.tasksRunning, 3);
  });

  it("Ctrl-C, which comes from the terminal and from npm too, ends as much", async () => {
    await cluster.api.settled("/local/app");
    const pids = pidsOf(cluster.data);
    await cluster.interrupt();
    assert.match(cluster.output(), /^SIGINT: ending the cluster and its tasks$/m);
    assert.doesNotMatch(cluster.output(), /at once/);
    assert.deepEqual(pids.filter(isAlive), []);
    assert.deepEqual(sleepersOf(cluster.data), []);
    cluster = await startCluster({ data: cluster.data, flags: ["--empty", "--agents", "2"] });
    assert.doesNotMatch(cluster.output(), /left by an earlier start/);
  });

  it("what a killed cluster left is ended by the next start, which finds its tasks again", async () => {
    await cluster.api.settled("/local/app");
    const before = await runningIds(cluster);
    const pids = ["master", "agent-a", "agent-b", "apps", "gateway"].map((name) => cluster.pid(name));
    await cluster.kill();
    assert.ok(pids.every(isAlive));
    cluster = await startCluster({ data: cluster.data, flags: ["--empty", "--agents", "2"] });
    assert.ok(!pids.some(isAlive));
    await eventually("the tasks to be found again", async () => (await runningIds(cluster)).length === 3);
    assert.deepEqual(await runningIds(cluster), before);
  });

  it("with --keep-tasks tasks go on, and the next start has the same ones", async () => {
    await cluster.end();
    cluster = await startCluster({ data: cluster.data, flags: ["--empty", "--agents", "2", "--keep-tasks"] });
    await cluster.api.settled("/local/app");
    const before = await runningIds(cluster);
    await cluster.end();
    assert.equal(sleepersOf(cluster.data).length, 3);
    cluster = await startCluster({ data: cluster.data, flags: ["--empty", "--agents", "2", "--keep-tasks"] });
    await eventually("the tasks to be found again", async () => (await runningIds(cluster)).length === 3);
    assert.deepEqual(await runningIds(cluster), before);
  });

  it("with fewer agents than before those that are missing are given up: their tasks end and are replaced at once", async () => {
    await cluster.end();
    const startedAt = Date.now();
    cluster = await startCluster({ data: cluster.data, flags: ["--empty", "--agents", "1"] });
    const { tasks } = await cluster.api.settled("/local/app", 20_000);
    assert.deepEqual(
      tasks.map(({ slaveId }) => slaveId),
      ["agent-a", "agent-a", "agent-a"],
    );
    // An agent that is only awaited counts as lost after 75 s.
    assert.ok(Date.now() - startedAt < 40_000);
    assert.equal(sleepersOf(cluster.data).length, 3);
    const agents = await cluster.api.get<AgentView[]>("/cluster/agents");
    assert.deepEqual(
      agents.map(({ info }) => info.id),
      ["agent-a"],
    );
  });

  it("with more agents again the id of one that was given up serves once more", async () => {
    await cluster.end();
    cluster = await startCluster({ data: cluster.data, flags: ["--empty", "--agents", "2"] });
    const agents = await cluster.api.get<AgentView[]>("/cluster/agents");
    assert.deepEqual(
      agents.map(({ info, state }) => [info.id, state]),
      [
        ["agent-a", "registered"],
        ["agent-b", "registered"],
      ],
    );
  });
});

const runningIds = async ({ api }: LocalCluster): Promise<string[]> =>
  (await api.tasks("/local/app"))
    .filter(({ latest }) => latest.state === "running")
    .map(({ spec }) => spec.id)
    .toSorted();

/** Of all that the cluster runs, its Docker engine too. */
function pidsOf(data: string): number[] {
  const files = readdirSync(`${data}/run`).map((file) => `${data}/run/${file}`);
  const engine = ["docker.pid", "containerd.pid"].map((file) => `${data}/docker/${file}`).filter(existsSync);
  return [...files, ...engine].map((file) => Number(readFileSync(file, "utf8")));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Processes whose working directory is a sandbox below the directory, and that sleep. */
function sleepersOf(data: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const environment = readFileSync(`/proc/${pid}/environ`, "utf8");
        return environment.includes(data) && readFileSync(`/proc/${pid}/comm`, "utf8").trim() === "sleep";
      } catch {
        return false;
      }
    });
}
