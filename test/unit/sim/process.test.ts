import assert from "node:assert/strict";
import type { Sandboxes } from "#libs/ports/sandboxes.js";
import { SimCatalog } from "#libs/sim/catalog.js";
import { CatalogLink } from "#libs/sim/catalog-link.js";
import { mortal, mortalityOf } from "#libs/sim/mortal.js";
import { SimSandboxes } from "#libs/sim/sandboxes.js";
import { SimWorld } from "#libs/sim/world.js";

const entry = { id: "p:web", name: "web", address: "host", port: 1, tags: [], meta: {} };

describe("a simulated process", () => {
  it("that died hears nothing of what its host still does for it", async () => {
    const world = new SimWorld({ seed: "mortal" });
    const [process, host] = [world.node("agent"), world.node("host")];
    const artifacts = new Map([["file:///x", new Uint8Array(3)]]);
    const sandboxes: Sandboxes = new SimSandboxes({ clock: host.clock, random: host.random, artifacts });
    const own = mortal(mortalityOf(process), sandboxes);
    let heard = 0;
    const fetch = () => void own.fetch("t", [{ uri: "file:///x" }]).then(() => heard++);
    await world.settled(own.create("t", undefined));
    fetch();
    await world.runFor(100);
    assert.equal(heard, 1);
    fetch();
    process.crash();
    await world.runFor(100);
    assert.equal(heard, 1);
    const read = await sandboxes.read("t", "x", 0, 10);
    assert.equal(read.ok && read.value.size, 3);
  });

  it("reaches the registry after a while, and not at all when it dies on the way", async () => {
    const world = new SimWorld({ seed: "registry" });
    const process = world.node("agent");
    const catalog = new SimCatalog();
    const { clock, random } = process;
    const own = new CatalogLink({ catalog, clock, random, latencyMs: [10, 11] });
    const registered = own.register(entry);
    await world.runFor(9);
    assert.deepEqual(catalog.entries(), []);
    await world.settled(registered);
    assert.deepEqual(catalog.entries(), [entry]);
    void own.deregister(entry.id);
    await world.runFor(5);
    process.crash();
    await world.runFor(100);
    assert.deepEqual(catalog.entries(), [entry]);
  });

  it("gets messages twice, or not at all, but always the ones it subscribed to", async () => {
    const world = new SimWorld({ seed: "doubles" });
    const [speaker, listener] = [world.node("speaker"), world.node("listener")];
    listener.link.set({ lossRate: 1 });
    let heard = 0;
    listener.bus.messages("a.b").subscribe(() => heard++);
    await world.runFor(10);
    const say = async (times: number) => {
      for (let count = 0; count < times; count++) speaker.bus.publish("a.b", new Uint8Array());
      await world.runFor(10);
    };
    await say(5);
    assert.equal(heard, 0, "all are lost");
    listener.link.set({ lossRate: 0, doubleRate: 1 });
    await say(5);
    assert.equal(heard, 10);
  });

  it("has turns that last: several messages fall into one, and a death comes before its end", async () => {
    const world = new SimWorld({ seed: "turns" });
    const speaker = world.node("speaker");
    const listener = world.node("listener", { turnMs: [5, 10], link: { latencyMs: [0, 1] } });
    let heard = 0;
    const turns: number[] = [];
    let isOpen = false;
    const turnOver = () => {
      isOpen = false;
      turns.push(heard);
    };
    listener.bus.messages("a").subscribe(() => {
      heard++;
      if (!isOpen) listener.clock.after(0, turnOver);
      isOpen = true;
    });
    await world.runFor(10);
    const say = (times: number) => {
      for (let count = 0; count < times; count++) speaker.bus.publish("a", new Uint8Array());
    };
    say(3);
    await world.runFor(20);
    assert.deepEqual(turns, [3], "all three are there before the turn ends");
    say(2);
    await world.runFor(3);
    assert.equal(heard, 5);
    listener.crash();
    await world.runFor(20);
    assert.deepEqual(turns, [3], "the second turn never came to its end");
  });

  it("that asks to be woken now, again and again, is found out", async () => {
    const world = new SimWorld({ seed: "zeno" });
    const { clock } = world.node("busy");
    const again = () => void clock.after(0, again);
    again();
    await assert.rejects(world.runFor(1000), /seed zeno: waited in vain for time to pass/);
  });
});
