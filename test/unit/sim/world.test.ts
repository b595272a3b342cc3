import assert from "node:assert/strict";
import { delay } from "#libs/ports/clock.js";
import type { LeaseState } from "#libs/ports/lease.js";
import type { SimNode } from "#libs/sim/node.js";
import { SimWorld } from "#libs/sim/world.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Three stand for a lease and count in a bucket; one is cut off, one dies, the server dies. */
async function scenario(seed: number): Promise<SimWorld> {
  const world = new SimWorld({ seed });
  const nodes = ["a", "b", "c"].map((name) => world.node(name, { leaseMs: 2000 }));
  const leaders: string[] = [];
  for (const node of nodes) {
    node.lease("leader", node.name).states.subscribe((state: LeaseState) => {
      node.log.info(state.state, state);
      if (state.state === "held") leaders.push(node.name);
    });
    node.bus.messages("ping.*").subscribe((message) => message.respond(bytes(node.name)));
    void chatter(node);
  }
  await world.runFor(3000);
  nodes.find(({ name }) => name === leaders.at(-1))!.part();
  await world.runFor(6000);
  world.serverDies();
  await world.runFor(500);
  world.serverReturns();
  await world.runFor(20_000);
  nodes.find(({ name }) => name === leaders.at(-1))!.crash();
  await world.runFor(10_000);
  for (const node of nodes) node.heal();
  await world.runFor(10_000);
  assert.ok(leaders.length >= 3, `leaders: ${leaders.join(", ")}`);
  return world;
}

async function chatter(node: SimNode): Promise<void> {
  for (;;) {
    await delay(node.clock, 50 + node.random.fraction() * 100);
    await node.bus.request(`ping.${node.random.token(3)}`, bytes("hello"), 1000);
  }
}

describe("simulated world", () => {
  it("goes the same way for the same seed, and another for another", async () => {
    const [first, second, other] = [await scenario(1), await scenario(1), await scenario(2)];
    assert.deepEqual(first.trace.lines(), second.trace.lines());
    assert.equal(first.trace.hash, second.trace.hash);
    assert.ok(first.trace.count > 500, `only ${first.trace.count} events`);
    assert.notEqual(first.trace.hash, other.trace.hash);
  });

  it("lets no time pass by itself", async () => {
    const world = new SimWorld({ seed: 1 });
    const node = world.node("a");
    let fired = false;
    node.clock.after(10, () => (fired = true));
    await world.runFor(9);
    assert.ok(!fired);
    await world.runFor(1);
    assert.ok(fired);
  });

  it("tells what was waited for in vain, and what happened last", async () => {
    const world = new SimWorld({ seed: "vain" });
    world.node("a").clock.after(10, () => undefined);
    await assert.rejects(
      world.runUntil("the cows to come home", () => false, 100),
      /seed vain: waited in vain for the cows to come home: nothing will happen any more[^]*a timer/,
    );
  });

  it("a crashed node runs nothing any more, and hears no answers", async () => {
    const world = new SimWorld({ seed: 1 });
    const [a, b] = [world.node("a"), world.node("b")];
    let heard = 0;
    let done = 0;
    b.bus.messages("x").subscribe((message) => {
      heard++;
      message.respond(bytes(""));
    });
    await world.runFor(10);
    a.clock.after(5, () => done++);
    void a.bus.request("x", bytes(""), 1000).then(() => done++);
    void a.store.get("bucket", "key").then(() => done++);
    a.crash();
    await world.runFor(5000);
    assert.equal(done, 0);
    assert.equal(heard, 1, "what it sent before its death arrives");

    b.crash();
    const answer = await world.settled(world.node("a").bus.request("x", bytes(""), 1000));
    assert.deepEqual(answer, { ok: false, error: "no-responders" });
  });

  it("a node is not started twice", () => {
    const world = new SimWorld({ seed: 1 });
    world.node("a");
    assert.throws(() => world.node("a"), /node a is alive/);
  });

  describe("a node that is cut off", () => {
    let world: SimWorld;
    let a: SimNode;
    let b: SimNode;
    let heard: string[];

    beforeEach(async () => {
      world = new SimWorld({ seed: 5 });
      [a, b] = [world.node("a"), world.node("b")];
      heard = [];
      b.bus.messages("x").subscribe((message) => {
        heard.push(new TextDecoder().decode(message.bytes));
        message.respond(bytes("heard"));
      });
      await world.runFor(10);
    });

    it("for a moment only loses nothing, it is only late", async () => {
      b.part();
      const answer = a.bus.request("x", bytes("late"), 10_000);
      await world.runFor(5000);
      assert.deepEqual(heard, []);
      b.heal();
      assert.ok((await world.settled(answer)).ok);
    });

    it("until it is noticed is there for the server; then it is not, and both know", async () => {
      b.part();
      const early = await world.settled(a.bus.request("x", bytes("1"), 1000));
      assert.deepEqual(early, { ok: false, error: "timeout" });
      let state = "";
      b.bus.connection.subscribe((each) => (state = each.state));
      await world.runUntil("b to notice", () => state === "disconnected", 20_000);
      const late = await world.settled(a.bus.request("x", bytes("2"), 1000));
      assert.deepEqual(late, { ok: false, error: "no-responders" });
      b.heal();
      await world.runUntil("b to be back", () => state === "connected");
      await world.runFor(10);
      assert.ok((await world.settled(a.bus.request("x", bytes("3"), 1000))).ok);
      assert.deepEqual(heard, ["3"]);
    });
  });

  it("delivers again after 30 s what a dead node did not acknowledge", async () => {
    const world = new SimWorld({ seed: 1 });
    const [a, b] = [world.node("a"), world.node("b")];
    const limits = { maxAgeMs: 3_600_000, maxBytes: 1_000_000, replicas: 1 };
    await world.settled(a.streams.ensure({ name: "Q", subjects: ["q.*"], kind: "queue", ...limits }));
    await world.settled(a.streams.ensureConsumer("Q", "c", "q.*"));
    for (const each of ["1", "2", "3"]) await world.settled(a.streams.append("q.x", bytes(each), each));
    const first: number[] = [];
    a.streams.consume("Q", "c").subscribe((each) => {
      first.push(each.sequence);
      if (each.sequence === 1) each.acknowledge();
    });
    await world.runFor(100);
    a.crash();
    const second: number[] = [];
    b.streams.consume("Q", "c").subscribe((each) => second.push(each.sequence));
    await world.runFor(29_000);
    assert.deepEqual(second, []);
    await world.runFor(2000);
    assert.deepEqual(second, [2, 3]);
  });
});

describe("a simulated server's buckets", () => {
  const server = () => new SimWorld({ seed: "buckets" }).server.store;

  it("have another identity once they were emptied, and no entries, and their revisions go on", () => {
    const store = server();
    const { identity } = store.ensure({ name: "b", replicas: 1 });
    const first = store.put("b", "k", new Uint8Array(), 0);
    store.empty("b");
    assert.notEqual(store.ensure({ name: "b", replicas: 1 }).identity, identity);
    assert.equal(store.get("b", "k"), undefined);
    assert.equal(store.put("b", "k", new Uint8Array(), first as number), "conflict");
    assert.equal(store.put("b", "k", new Uint8Array(), 0), (first as number) + 1);
  });

  it("are known by name: what is not there can be neither emptied nor dropped", () => {
    const store = server();
    store.ensure({ name: "b", replicas: 1 });
    assert.throws(() => store.drop("c"), /no bucket c: there are b/);
    assert.throws(() => store.empty("c"), /no bucket c: there are b/);
    store.drop("b");
    assert.throws(() => store.drop("b"), /there are none/);
  });
});
