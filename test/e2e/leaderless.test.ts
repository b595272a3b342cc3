import assert from "node:assert/strict";
import { type AgentView, masterApi } from "#protocol/api.js";
import type { Child } from "#test/support/child.js";
import { eventually } from "#test/support/eventually.js";
import { processesOf } from "./support/census.js";
import { WatchedMarket } from "./support/watched-market.js";
import { bytes, read } from "./support/watching-framework.js";

/** An agent decides upon an accept by the offer's seal: no leader has to be asked. */
describe("while no master leads", function () {
  this.timeout(60_000);
  let market: WatchedMarket;
  let masters: Child[];

  const askLeader = () =>
    market.link.bus.request(market.subjects.api("master", masterApi.agents.name), bytes({}), 2000);
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
    market = await WatchedMarket.open();
    masters = [market.startMaster(), market.startMaster()];
    market.startAgent("agent-1");
    await market.framework.subscribe();
  });
  after(() => market?.close());

  it("an offer that was made before is accepted: its task runs, its updates come, and the next leader knows it", async () => {
    const { framework, leaseMs } = market;
    const offered = await framework.offerAfter(0);
    await Promise.all(masters.map((master) => master.end("SIGKILL")));
    const diedAt = performance.now();
    await eventually("the lease to have run out", () => performance.now() - diedAt > 2 * leaseMs);
    assert.ok(await noneLeads());

    await framework.launch(offered, "task.1");
    assert.equal(processesOf("task.1").length, 1, "one process");
    assert.ok(await noneLeads(), "and still nobody leads");

    market.startMaster();
    assert.equal(await eventually("the agent to register with the next leader", tasksKnown, 20_000), 1);
    assert.equal(processesOf("task.1").length, 1, "still one");
    await framework.kill(offered.offer.agent, "task.1");
    await framework.until("task.1", "killed");
  });
});
