import assert from "node:assert/strict";
import type { SimNode } from "#libs/sim/node.js";
import { SeededRandom } from "#libs/sim/random.js";
import { SimWorld } from "#libs/sim/world.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (message: { readonly bytes: Uint8Array }): string => new TextDecoder().decode(message.bytes);

describe("a simulated link", () => {
  let world: SimWorld;
  let a: SimNode;
  let b: SimNode;
  let heard: string[];

  beforeEach(async () => {
    world = new SimWorld({ seed: "link" });
    [a, b] = [world.node("a"), world.node("b")];
    heard = [];
    b.bus.messages("x").subscribe((message) => heard.push(textOf(message)));
    await world.runFor(10);
  });

  it("that is cut one way still carries the other way", async () => {
    let answers = 0;
    a.bus.messages("y").subscribe(() => answers++);
    await world.runFor(10);
    b.part("up");
    a.bus.publish("x", bytes("down"));
    b.bus.publish("y", bytes("up"));
    await world.runFor(100);
    assert.deepEqual([heard, answers], [["down"], 0]);
    b.heal();
    await world.runFor(10);
    assert.equal(answers, 1, "it was late only");
    b.part("down");
    a.bus.publish("x", bytes("late"));
    b.bus.publish("y", bytes("up"));
    await world.runFor(100);
    assert.deepEqual([heard, answers], [["down"], 2]);
  });

  it("that is cut one way for long ends, and comes again with the way", async () => {
    b.part("up");
    await world.runUntil("b to notice", () => !b.link.isConnected, 20_000);
    await world.runFor(10_000);
    assert.ok(!b.link.isConnected);
    b.heal();
    await world.runUntil("b to be back", () => b.link.isConnected, 1000);
  });

  it("loses answers to what was done", async () => {
    await world.settled(a.store.ensure({ name: "bucket", replicas: 1 }));
    a.link.set({ answerLossRate: 1 });
    const put = await world.settled(a.store.put("bucket", "key", bytes("1"), 0));
    assert.deepEqual(put, { ok: false, error: "unavailable" });
    const found = await world.settled(b.store.get("bucket", "key"));
    assert.equal(found.ok && found.value !== undefined && textOf(found.value), "1");
  });

  it("keeps a slow node's messages waiting in order, and ends when it is far behind", async () => {
    b.link.set({ takingMs: 1000 });
    for (const each of ["1", "2", "3"]) a.bus.publish("x", bytes(each));
    await world.runFor(1500);
    assert.deepEqual(heard, ["1"]);
    await world.runFor(3000);
    assert.deepEqual(heard, ["1", "2", "3"]);
    for (let count = 0; count < 12; count++) a.bus.publish("x", bytes("more"));
    await world.runFor(10);
    assert.ok(!b.link.isConnected, "ten seconds behind");
  });

  it("with lanes lets senders overtake each other, and keeps the order of each", async () => {
    const senders = [a, world.node("c"), world.node("d")];
    b.link.set({ lanes: true, latencyMs: [0, 50] });
    await world.runFor(10);
    for (let count = 0; count < 20; count++) {
      for (const { name, bus } of senders)
        bus.publish("x", bytes(`${name}${String(count).padStart(2, "0")}`));
      await world.runFor(5);
    }
    await world.runFor(1000);
    assert.equal(heard.length, 60);
    for (const { name } of senders) {
      const own = heard.filter((each) => each.startsWith(name));
      assert.deepEqual(own, own.toSorted());
    }
    const counts = heard.map((each) => each.slice(1));
    assert.notDeepEqual(counts, counts.toSorted(), "nobody was overtaken");
  });

  it("waits for a node that stands still: what came and what was due happens when it goes on", async () => {
    let fired = 0;
    b.clock.after(100, () => fired++);
    const cancel = b.clock.after(200, () => fired++);
    b.pause();
    a.bus.publish("x", bytes("1"));
    await world.runFor(5000);
    assert.deepEqual([heard, fired], [[], 0]);
    b.resume();
    cancel();
    await world.runFor(1);
    assert.deepEqual([heard, fired], [["1"], 1]);
  });

  it("keeps back what a scenario detains, until it lets it go", async () => {
    const detained = world.server.detain("x");
    a.bus.publish("x", bytes("1"));
    await world.runFor(10);
    assert.deepEqual([heard, detained.parcels.length], [[], 1]);
    detained.letGo();
    a.bus.publish("x", bytes("2"));
    await world.runFor(10);
    assert.deepEqual(heard, ["1", "2"]);
  });
});

describe("the ending of chance", () => {
  it("tells apart who has drawn once more, in whatever fork", () => {
    const [first, second, third] = [new SeededRandom("a"), new SeededRandom("a"), new SeededRandom("a")];
    for (const random of [first, second, third]) random.fork("b").fraction();
    assert.equal(first.ending, second.ending);
    third.fork("c").fork("d").fraction();
    assert.notEqual(first.ending, third.ending);
  });
});
