import assert from "node:assert/strict";
import type { EventBatch } from "#protocol/event.js";
import { eventually } from "#test/support/eventually.js";
import { WatchedMarket } from "./support/watched-market.js";
import { bytes, read, wallNow, type WatchingFramework } from "./support/watching-framework.js";

/** What the master may take, besides the way there and back, which is measured beside it. */
const limitMs = 20;
const samples = 11;

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

/**
 * Allocation goes by events and not by a period: master, agent and NATS are processes of their own here, and the framework looks
 * at the clock when it asks and when an offer is there.
 */
describe("what could allow an offer leads to one within 20 ms", function () {
  this.timeout(60_000);
  // A median over a machine that does something else for a while says nothing; a period would be seen each time.
  this.retries(2);
  const registered = new Map<string, number>();
  let market: WatchedMarket;
  let framework: WatchingFramework;
  let agents = 0;
  let tasks = 0;
  let roundTripMs = 0;

  const startAgent = (): string => {
    const id = `agent-${++agents}`;
    market.startAgent(id);
    return id;
  };
  /** Medians of what was measured, and of a bare request to the master between two of them. */
  async function measured(sample: () => Promise<number>): Promise<number> {
    const found: number[] = [];
    const trips: number[] = [];
    for (let count = 0; count < samples; count++) {
      found.push(await sample());
      const begun = wallNow();
      await market.link.bus.request(market.subjects.api("master", "agents"), bytes({}), 2000);
      trips.push(wallNow() - begun);
    }
    roundTripMs = median(trips);
    return median(found);
  }
  const isSoon = (tookMs: number): void =>
    assert.ok(
      tookMs <= limitMs + roundTripMs,
      `${tookMs.toFixed(1)} ms in the median, with a round trip of ${roundTripMs.toFixed(1)} ms`,
    );

  before(async () => {
    market = await WatchedMarket.open();
    ({ framework } = market);
    market.link.bus.messages(market.subjects.eventAll).subscribe((message) => {
      for (const { kind, type, about, at } of read<EventBatch>(message.bytes).events)
        if (kind === "agent" && type === "registered" && !registered.has(about)) registered.set(about, at);
    });
    market.startMaster();
    startAgent();
    await framework.subscribe();
    await framework.offerAfter(0);
  });
  after(() => market?.close());

  it("a framework that wants offers again", async () => {
    const took = await measured(async () => {
      await framework.quiet();
      const begun = wallNow();
      await framework.revive();
      return (await framework.offerAfter(0)).at - begun;
    });
    isSoon(took);
  });

  it("a filter that runs out", async () => {
    const filterMs = 100;
    await framework.quiet();
    await framework.revive();
    const took = await measured(async () => {
      const offered = await framework.offerAfter(0);
      framework.arrived.length = 0;
      const begun = wallNow();
      await framework.decline([offered], filterMs);
      return (await framework.offerAfter(0)).at - begun - filterMs;
    });
    assert.ok(took > -1, `not before it has run out: ${took} ms`);
    isSoon(took);
  });

  it("a task that ends", async () => {
    await framework.quiet();
    await framework.revive();
    const took = await measured(async () => {
      const offered = await framework.offerAfter(0);
      const task = `task.${++tasks}`;
      await framework.launch(offered, task);
      framework.arrived.length = 0;
      await framework.kill(offered.offer.agent, task);
      const { at } = await framework.until(task, "killed");
      // The agent's whole milliseconds.
      return (await framework.offerAfter(0)).at - at;
    });
    isSoon(took);
  });

  it("a new agent", async () => {
    const found: number[] = [];
    for (let count = 0; count < 3; count++) {
      const agent = startAgent();
      const { at } = await framework.offerAfter(0, agent);
      found.push(at - (await eventually("it to be announced", () => registered.get(agent))));
    }
    isSoon(median(found));
  });
});
