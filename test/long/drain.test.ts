import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "#setup/tools.mjs";
import { eventually } from "#test/support/eventually.js";
import type { Run, Task } from "#test/e2e/support/api.js";
import { type LocalCluster, startCluster } from "#test/e2e/support/cluster.js";
import { boxApp, jarApp, prepareWork, small, type Work, webApp } from "#test/e2e/support/work.js";

interface AgentAnswer {
  readonly info: { readonly id: string };
  readonly tasks: number;
  readonly drain?: { readonly state: string; readonly deadlineAt?: number };
}

const webs = 6;

/** An agent is emptied while its master dies: no request to the app meets fewer instances than before, and a job ends by the deadline. */
describe("draining an agent", function () {
  this.timeout(180_000);
  let cluster: LocalCluster;
  let watch: Watch;
  let work: Work;
  before(async () => {
    cluster = await startCluster({ flags: ["--empty", "--agents", "3", "--copies", "2"] });
    work = await prepareWork(cluster.dockerSocket);
    const app = webApp("/drain/web", webs, work);
    // On a busy machine an answer may take its time.
    const healthChecks = app.healthChecks.map((check) => ({ ...check, timeoutSeconds: 10 }));
    const patient = { ...app, healthChecks };
    await cluster.api.deploy(patient);
    watch = new Watch(() => healthyWebs());
  });
  after(async () => {
    await watch?.stop();
    await cluster?.remove();
  });

  const agentOf = (id: string) => cluster.api.get<AgentAnswer>(`/cluster/agents/${id}`);
  const order = (id: string, verb: "drain" | "activate", body?: object) =>
    cluster.api.send("POST", `/cluster/agents/${id}/${verb}`, body);
  const on = async (id: string, name?: string) =>
    (await cluster.api.tasks(name)).filter(({ agent, latest }) => agent === id && latest.state === "running");
  const leader = () => cluster.api.get<{ epoch: number }>("/cluster/leader");
  const healthyOn = async (isOf: (agent: string) => boolean): Promise<number> => {
    const { tasks, silent } = await cluster.api.get<{ tasks: Task[]; silent: string[] }>(
      "/cluster/tasks?name=/drain/web",
    );
    if (silent.length > 0) throw new Error(`no answer from ${silent.join(", ")}`);
    return tasks.filter(
      ({ agent, latest }) => isOf(agent) && latest.state === "running" && latest.healthy === true,
    ).length;
  };
  /** All agents have registered with who leads: till then only some of them are asked. */
  const epochOfAll = async (): Promise<number> => {
    const agents = await cluster.api.get<{ state: string }[]>("/cluster/agents");
    if (agents.some(({ state }) => state !== "registered")) throw new Error("not all are registered");
    return (await leader()).epoch;
  };
  /** As the agents say. First the one that loses them: what has ended there has its successor elsewhere by then. */
  const healthyWebs = async (): Promise<number> => {
    const epoch = await epochOfAll();
    const left = await healthyOn((agent) => agent === "agent-a");
    const elsewhere = await healthyOn((agent) => agent !== "agent-a");
    if ((await epochOfAll()) !== epoch) throw new Error("another leads now");
    return left + elsewhere;
  };
  /** A job that can run on this agent alone. */
  async function longJobOn(agent: string): Promise<void> {
    const run = {
      cmd: "exec sleep 1000",
      ...small,
      restart: { policy: "ON_FAILURE" },
      placement: only(agent),
    };
    const created = await cluster.api.send("POST", "/v1/jobs", { id: "drain.long", run });
    assert.equal(created.status, 201, JSON.stringify(created.body));
    await cluster.api.send("POST", "/v1/jobs/drain.long/runs");
    await eventually("the job to run", async () => (await on(agent, "drain.long")).length === 1, 20_000);
  }

  it("moves the app before anything of it ends, and the deadline ends the job, though the master is killed meanwhile", async () => {
    await longJobOn("agent-a");
    assert.equal((await on("agent-a", "/drain/web")).length, 2);
    const { status, body } = await order("agent-a", "drain", { deadlineSeconds: 15 });
    assert.equal(status, 200, JSON.stringify(body));
    const { deadlineAt } = (body as AgentAnswer).drain!;
    const { epoch } = await leader();
    assert.equal((await agentOf("agent-a")).drain?.state, "draining");
    await cluster.crash(leadingMaster(epoch));
    await eventually(
      "another master to lead",
      async () => ((await leader().catch(() => undefined))?.epoch ?? 0) > epoch,
      20_000,
    );
    assert.equal((await agentOf("agent-a")).drain?.deadlineAt, deadlineAt, "the next leader knows");
    await eventually(
      "the app to be elsewhere",
      async () =>
        (await on("agent-a", "/drain/web")).length === 0 && (await healthyWebs().catch(() => 0)) === webs,
      30_000,
    );
    await eventually(
      "the agent to be drained",
      async () => (await agentOf("agent-a")).drain?.state === "drained",
      40_000,
    );
    const ended = (await cluster.api.tasks("drain.long")).find(({ agent }) => agent === "agent-a");
    assert.equal(ended?.latest.state, "killed");
    assert.equal(ended?.latest.reason, "drained");
  });

  it("served with six healthy instances all the while", () => {
    assert.ok(watch.looks > 20, `looked ${watch.looks} times`);
    assert.equal(watch.least, webs);
  });

  it("has the job wait, and says why; with activate the offers and the job come back", async () => {
    const [explanation] = await cluster.api.get<{ reasons: object[]; summary: string }[]>(
      "/cluster/explain/jobs/drain.long",
    );
    assert.match(explanation?.summary ?? "", /draining: agent-a takes no new tasks/);
    const { status, body } = await order("agent-a", "activate");
    assert.equal(status, 200);
    assert.equal((body as AgentAnswer).drain, undefined);
    await eventually(
      "the job to run again",
      async () => (await on("agent-a", "drain.long")).length === 1,
      20_000,
    );
    const { activeRuns } = await cluster.api.get<{ activeRuns: Run[] }>(
      "/v1/jobs/drain.long?embed=activeRuns",
    );
    assert.equal(activeRuns.length, 1, "the same run goes on: no retry was used up");
  });

  it("moves containers and JVMs too, and goes on when the agent itself dies in the middle", async () => {
    const apps = [boxApp("/drain/box", 3, work), jarApp("/drain/jar", 3, work)];
    for (const app of apps) await cluster.api.deploy(app, 60_000);
    for (const { id } of apps) assert.equal((await on("agent-b", id)).length, 1, `of ${id}, spread`);
    assert.equal((await order("agent-b", "drain")).status, 200);
    await cluster.crash("agent-b");
    await eventually(
      "the agent to be drained",
      async () =>
        (await agentOf("agent-b").catch(() => undefined))?.drain?.state === "drained" &&
        (await on("agent-b")).length === 0,
      60_000,
    );
    for (const { id } of apps) {
      const { tasksRunning } = await cluster.api.settled(id, 20_000);
      assert.equal(tasksRunning, 3, id);
    }
    assert.equal((await order("agent-b", "activate")).status, 200);
    for (const { id } of apps) await cluster.api.remove(id);
  });

  it("is drained without a body; bad input and unknown agents are refused", async () => {
    assert.equal((await order("agent-b", "drain")).status, 200);
    assert.equal((await order("agent-b", "activate")).status, 200);
    assert.equal((await order("agent-b", "drain", { deadlineSeconds: -1 })).status, 422);
    assert.equal((await order("agent-x", "drain")).status, 404);
    assert.equal((await order("agent-x", "activate")).status, 404);
  });

  describe("by the command line", () => {
    const emporion = (...args: string[]): Promise<Said> => run([...args, "--url", cluster.url]);

    it("waits with progress until the agent is empty, and shows its state", async () => {
      const said = await emporion("agents", "drain", "agent-c");
      assert.equal(said.code, 0, said.err);
      assert.match(said.err, /agent-c: draining, \d tasks? left \(\d of apps\)/);
      assert.match(said.out, /agent-c: drained, nothing runs there any more/);
      assert.match((await emporion("agents")).out, /^agent-c\s+drained/m);
      assert.match((await emporion("status")).out, /3 registered, 1 of them drained or draining/);
      const activated = await emporion("agents", "activate", "agent-c");
      assert.equal(activated.code, 0, activated.err);
      assert.match((await emporion("agents")).out, /^agent-c\s+registered/m);
    });

    it("says what holds it up, and ends with 5 when that takes too long; the deadline makes an end", async () => {
      const pinned = { id: "/drain/pinned", cmd: "exec sleep 1000", ...small, portDefinitions: [] };
      await cluster.api.deploy({ ...pinned, constraints: [["@agent", "IS", "agent-b"]] } as { id: string });
      const late = await emporion("agents", "drain", "agent-b", "--timeout", "8");
      assert.equal(late.code, 5, late.err);
      assert.match(late.err, /agent-b: draining, 1 task left \(1 of apps\)/);
      const { out } = await emporion("explain", "/drain/pinned");
      assert.match(out, /1 of 1 run \(1 on draining agents\)/);
      assert.match(out, /1 instance on 1 draining agent \(agent-b\) stays until others serve elsewhere/);
      assert.match(out, /1 of 3 agents: draining/);
      assert.equal((await emporion("agents", "drain", "agent-b", "--deadline", "0")).code, 0);
      assert.equal((await emporion("agents", "activate", "agent-b")).code, 0);
      await cluster.api.settled("/drain/pinned", 20_000);
    });

    it("refuses what is not there (4) and what is no number (2)", async () => {
      assert.equal((await emporion("agents", "drain", "agent-x")).code, 4);
      assert.equal((await emporion("agents", "activate", "agent-x")).code, 4);
      assert.equal((await emporion("agents", "drain", "agent-a", "--deadline", "soon")).code, 2);
    });
  });

  /** By the logs: who leads has said so last, with the epoch. */
  function leadingMaster(epoch: number): string {
    const logOf = (name: string) => readFileSync(join(cluster.data, "log", `${name}.log`), "utf8");
    const leads = (name: string) => new RegExp(`"epoch":${epoch},.*"leading"`).test(logOf(name));
    return leads("master") ? "master" : "master-2";
  }
});

interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const run = (args: readonly string[]): Promise<Said> =>
  new Promise((resolve) => {
    const program = join(ROOT, ".build/services/cli/main.js");
    execFile(process.execPath, [program, ...args], (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    );
  });

const only = (agent: string) => ({ constraints: [{ attribute: "@agent", operator: "EQ", value: agent }] });

/** Looks again and again, and keeps the least that it has seen. */
class Watch {
  least = Number.POSITIVE_INFINITY;
  looks = 0;
  #isStopped = false;
  readonly #loop: Promise<void>;

  constructor(look: () => Promise<number>) {
    this.#loop = this.#run(look);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#loop;
  }

  async #run(look: () => Promise<number>): Promise<void> {
    while (!this.#isStopped) {
      // While nobody leads, nobody answers.
      const seen = await look().catch(() => undefined);
      if (seen === undefined) continue;
      this.looks++;
      this.least = Math.min(this.least, seen);
    }
  }
}
