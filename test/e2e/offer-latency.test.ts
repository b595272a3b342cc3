import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "#setup/tools.mjs";
import type { EventBatch } from "#protocol/event.js";
import { Subjects } from "#protocol/subjects.js";
import { type Child, startChild } from "#test/support/child.js";
import { eventually } from "#test/support/eventually.js";
import { type Connected, connected } from "#test/support/link.js";
import { type NatsServer, startNats } from "#test/support/nats.js";
import { bytes, read, wallNow, WatchingFramework } from "./support/watching-framework.js";

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
  const dir = mkdtempSync(join(tmpdir(), "emporion-latency-"));
  const subjects = new Subjects("local");
  const registered = new Map<string, number>();
  const children: Child[] = [];
  let nats: NatsServer;
  let link: Connected;
  let framework: WatchingFramework;
  let agents = 0;
  let tasks = 0;
  let roundTripMs = 0;

  const run = (service: string, env: Record<string, string>) => {
    const program = join(ROOT, ".build/services", service, "main.js");
    const common = { PATH: process.env["PATH"] ?? "", NATS_URL: nats.url, EMPORION_LEASE_MS: "1000" };
    const key = { EMPORION_CLUSTER_KEY: "of no cluster but this one" };
    const child = startChild(process.execPath, [program], { ...common, ...key, ...env });
    children.push(child);
    return child;
  };
  const startAgent = (): string => {
    const id = `agent-${++agents}`;
    run("agent", {
      EMPORION_AGENT_ID: id,
      EMPORION_AGENT_HOST: "127.0.0.1",
      EMPORION_AGENT_WORK_DIR: join(dir, id),
      EMPORION_AGENT_EXECUTORS: "process",
      // One on which nobody listens.
      EMPORION_AGENT_PORTS: "1-1",
      EMPORION_AGENT_MEM: "256",
      EMPORION_AGENT_KILL_ON_STOP: "true",
      EMPORION_CONSUL: "off",
    });
    return id;
  };
  /** Medians of what was measured, and of a bare request to the master between two of them. */
  async function measured(sample: () => Promise<number>): Promise<number> {
    const found: number[] = [];
    const trips: number[] = [];
    for (let count = 0; count < samples; count++) {
      found.push(await sample());
      const begun = wallNow();
      await link.bus.request(subjects.api("master", "agents"), bytes({}), 2000);
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
    nats = await startNats();
    link = await connected(nats.url, "watcher");
    link.bus.messages(subjects.eventAll).subscribe((message) => {
      for (const { kind, type, about, at } of read<EventBatch>(message.bytes).events)
        if (kind === "agent" && type === "registered" && !registered.has(about)) registered.set(about, at);
    });
    run("master", {});
    startAgent();
    framework = new WatchingFramework(link, subjects);
    await framework.subscribe();
    await framework.offerAfter(0);
  });
  after(async () => {
    framework?.close();
    await Promise.all(children.map((child) => child.end("SIGTERM")));
    await link?.link.close();
    await nats?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

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
