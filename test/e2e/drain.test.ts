import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "#test/support/eventually.js";
import type { Run, Task } from "./support/api.js";
import { type LocalCluster, startCluster } from "./support/cluster.js";
import { prepareWork, small, webApp } from "./support/work.js";

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
  before(async () => {
    cluster = await startCluster({ flags: ["--empty", "--agents", "3", "--copies", "2"] });
    const work = await prepareWork(cluster.dockerSocket);
    await cluster.api.deploy(webApp("/drain/web", webs, work));
    watch = new Watch(() => healthyWebs());
  });
  after(async () => {
    await watch?.stop();
    await cluster?.remove();
  });

  const agentOf = (id: string) => cluster.api.get<AgentAnswer>(`/cluster/agents/${id}`);
  const order = (id: string, verb: "drain" | "activate", body?: object) =>
    cluster.api.send("POST", `/cluster/agents/${id}/${verb}`, body);
  const on = async (id: string, name: string) =>
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
  /** As the agents say. First the one that loses them: what has ended there has its successor elsewhere by then. */
  const healthyWebs = async (): Promise<number> =>
    (await healthyOn((agent) => agent === "agent-a")) + (await healthyOn((agent) => agent !== "agent-a"));
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
      async () => (await on("agent-a", "/drain/web")).length === 0 && (await healthyWebs()) === webs,
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

  it("is drained without a body; bad input and unknown agents are refused", async () => {
    assert.equal((await order("agent-b", "drain")).status, 200);
    assert.equal((await order("agent-b", "activate")).status, 200);
    assert.equal((await order("agent-b", "drain", { deadlineSeconds: -1 })).status, 422);
    assert.equal((await order("agent-x", "drain")).status, 404);
    assert.equal((await order("agent-x", "activate")).status, 404);
  });

  /** By the logs: who leads has said so last, with the epoch. */
  function leadingMaster(epoch: number): string {
    const logOf = (name: string) => readFileSync(join(cluster.data, "log", `${name}.log`), "utf8");
    const leads = (name: string) => new RegExp(`"epoch":${epoch},.*"leading"`).test(logOf(name));
    return leads("master") ? "master" : "master-2";
  }
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
