import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "#setup/tools.mjs";
import { type AgentView, masterApi } from "#protocol/api.js";
import { Subjects } from "#protocol/subjects.js";
import { type Child, startChild } from "#test/support/child.js";
import { eventually } from "#test/support/eventually.js";
import { type Connected, connected } from "#test/support/link.js";
import { type NatsServer, startNats } from "#test/support/nats.js";
import { processesOf } from "./support/census.js";
import { bytes, read, WatchingFramework } from "./support/watching-framework.js";

const leaseMs = 1000;

/** An agent decides upon an accept by the offer's seal: no leader has to be asked. */
describe("while no master leads", function () {
  this.timeout(60_000);
  const dir = mkdtempSync(join(tmpdir(), "emporion-leaderless-"));
  const subjects = new Subjects("local");
  const children: Child[] = [];
  let masters: Child[];
  let nats: NatsServer;
  let link: Connected;
  let framework: WatchingFramework;

  const run = (service: string, env: Record<string, string> = {}): Child => {
    const program = join(ROOT, ".build/services", service, "main.js");
    const common = {
      PATH: process.env["PATH"] ?? "",
      NATS_URL: nats.url,
      EMPORION_LEASE_MS: String(leaseMs),
    };
    const key = { EMPORION_CLUSTER_KEY: "of no cluster but this one" };
    const child = startChild(process.execPath, [program], { ...common, ...key, ...env });
    children.push(child);
    return child;
  };
  const askLeader = () => link.bus.request(subjects.api("master", masterApi.agents.name), bytes({}), 2000);
  const noneLeads = async (): Promise<boolean> => {
    const answer = await askLeader();
    return !answer.ok && answer.error === "no-responders";
  };
  /** How many tasks the leader knows, once one leads. */
  const tasksKnown = async (): Promise<number | undefined> => {
    const answer = await askLeader();
    if (!answer.ok) return undefined;
    const { value } = read<{ value?: { items: readonly AgentView[] } }>(answer.value);
    return value?.items[0]?.state === "registered" ? value.items[0].tasks : undefined;
  };

  before(async () => {
    nats = await startNats();
    link = await connected(nats.url, "watcher");
    masters = [run("master"), run("master")];
    run("agent", {
      EMPORION_AGENT_ID: "agent-1",
      EMPORION_AGENT_HOST: "127.0.0.1",
      EMPORION_AGENT_WORK_DIR: join(dir, "agent-1"),
      EMPORION_AGENT_EXECUTORS: "process",
      EMPORION_AGENT_PORTS: "1-1",
      EMPORION_AGENT_MEM: "256",
      EMPORION_AGENT_KILL_ON_STOP: "true",
      EMPORION_CONSUL: "off",
    });
    framework = new WatchingFramework(link, subjects);
    await framework.subscribe();
  });
  after(async () => {
    framework?.close();
    await Promise.all(children.map((child) => child.end("SIGTERM")));
    await link?.link.close();
    await nats?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it("an offer that was made before is accepted: its task runs, its updates come, and the next leader knows it", async () => {
    const offered = await framework.offerAfter(0);
    await Promise.all(masters.map((master) => master.end("SIGKILL")));
    const diedAt = performance.now();
    await eventually("the lease to have run out", () => performance.now() - diedAt > 2 * leaseMs);
    assert.ok(await noneLeads());

    await framework.launch(offered, "task.1");
    assert.equal(processesOf("task.1").length, 1, "one process");
    assert.ok(await noneLeads(), "and still nobody leads");

    run("master");
    assert.equal(await eventually("the agent to register with the next leader", tasksKnown, 20_000), 1);
    assert.equal(processesOf("task.1").length, 1, "still one");
    await framework.kill(offered.offer.agent, "task.1");
    await framework.until("task.1", "killed");
  });
});
