import assert from "node:assert/strict";
import type { Connection, Message } from "#libs/ports/bus.js";
import { type Node, type World, worlds } from "./worlds.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (message: Uint8Array): string => new TextDecoder().decode(message);

for (const kind of worlds) {
  describe(`bus over ${kind.name}`, () => {
    let world: World;
    let here: Node;
    let there: Node;

    beforeEach(async () => {
      world = await kind.open();
      here = await world.node("here");
      there = await world.node("there");
    });
    afterEach(() => world.end());

    /** Subscribes, and waits until the server has heard of it. */
    const listening = async (node: Node, subject: string, call: (message: Message) => void) => {
      const subscription = node.bus.messages(subject).subscribe(call);
      await ready(node);
      return subscription;
    };
    /** A round trip of this node: all that it sent before has reached the server. */
    const ready = (node: Node) => world.done(node.bus.request("nobody.at.all", bytes(""), 1000));

    it("delivers what is published, in order, to every subscriber", async () => {
      const first: string[] = [];
      const second: string[] = [];
      await listening(there, "a.b", (message) => first.push(text(message.bytes)));
      await listening(here, "a.*", (message) => second.push(`${message.subject} ${text(message.bytes)}`));
      for (const each of ["1", "2", "3"]) here.bus.publish("a.b", bytes(each));
      await world.until("all three at both", () => first.length === 3 && second.length === 3);
      assert.deepEqual(first, ["1", "2", "3"]);
      assert.deepEqual(second, ["a.b 1", "a.b 2", "a.b 3"]);
    });

    it("`*` stands for one token only", async () => {
      const got: string[] = [];
      await listening(there, "x.*", (message) => got.push(message.subject));
      here.bus.publish("x", bytes(""));
      here.bus.publish("x.y.z", bytes(""));
      here.bus.publish("x.y", bytes(""));
      await world.until("the one that matches", () => got.length > 0);
      assert.deepEqual(got, ["x.y"]);
    });

    it("answers a request", async () => {
      await listening(there, "ask", (message) => message.respond(bytes(`${text(message.bytes)}!`)));
      const answer = await world.done(here.bus.request("ask", bytes("hello"), 1000));
      assert.ok(answer.ok);
      assert.equal(text(answer.value), "hello!");
    });

    it("keeps the answers of many requests apart", async () => {
      await listening(there, "echo", (message) => message.respond(message.bytes));
      const numbers = Array.from({ length: 500 }, (_, number) => String(number));
      const answers = await world.done(
        Promise.all(numbers.map((number) => here.bus.request("echo", bytes(number), 5000))),
      );
      assert.deepEqual(
        answers.map((answer) => answer.ok && text(answer.value)),
        numbers,
      );
    });

    it("tells at once that nobody is there", async () => {
      const before = here.clock.now().mono;
      const answer = await world.done(here.bus.request("nobody", bytes(""), 60_000));
      assert.deepEqual(answer, { ok: false, error: "no-responders" });
      assert.ok(here.clock.now().mono - before < 5000);
    });

    it("tells after the time given that no answer came", async () => {
      await listening(there, "silent", () => undefined);
      const answer = await world.done(here.bus.request("silent", bytes(""), 50));
      assert.deepEqual(answer, { ok: false, error: "timeout" });
    });

    it("does not send what is larger than the server takes", async () => {
      let heard = 0;
      await listening(there, "big", () => heard++);
      const answer = await world.done(here.bus.request("big", new Uint8Array(2_000_000), 1000));
      assert.deepEqual(answer, { ok: false, error: "too-large" });
      here.bus.publish("big", new Uint8Array(2_000_000));
      here.bus.publish("big", bytes("small"));
      await world.until("the small one", () => heard > 0);
      assert.equal(heard, 1);
    });

    it("tells the asker that the answer is too large", async () => {
      await listening(there, "big", (message) => message.respond(new Uint8Array(2_000_000)));
      const answer = await world.done(here.bus.request("big", bytes(""), 5000));
      assert.deepEqual(answer, { ok: false, error: "too-large" });
    });

    it("collects the answers of all", async () => {
      for (const [name, node] of Object.entries({ here, there }))
        await listening(node, "who", (message) => message.respond(bytes(name)));
      const got: string[] = [];
      let ended = false;
      here.bus
        .requestMany("who", bytes(""), { timeoutMs: 300 })
        .subscribe({ next: (answer) => got.push(text(answer)), complete: () => (ended = true) });
      await world.until("the end", () => ended);
      assert.deepEqual(got.toSorted(), ["here", "there"]);
    });

    it("stops collecting at the count asked for", async () => {
      for (const node of [here, there])
        await listening(node, "who", (message) => message.respond(bytes("me")));
      const got: string[] = [];
      let ended = false;
      here.bus
        .requestMany("who", bytes(""), { timeoutMs: 60_000, most: 2 })
        .subscribe({ next: (answer) => got.push(text(answer)), complete: () => (ended = true) });
      await world.until("the end", () => ended);
      assert.equal(got.length, 2);
    });

    it("ends collecting at once when nobody is there", async () => {
      let ended = false;
      here.bus
        .requestMany("nobody", bytes(""), { timeoutMs: 60_000 })
        .subscribe({ complete: () => (ended = true) });
      await world.until("the end", () => ended);
    });

    it("is not there any more after unsubscribing", async () => {
      const subscription = await listening(there, "ask", (message) => message.respond(bytes("")));
      subscription.unsubscribe();
      await ready(there);
      const answer = await world.done(here.bus.request("ask", bytes(""), 1000));
      assert.deepEqual(answer, { ok: false, error: "no-responders" });
    });

    it("says when the connection is lost and back, and subscriptions live on", async () => {
      const states: Connection["state"][] = [];
      here.bus.connection.subscribe(({ state }) => states.push(state));
      const got: string[] = [];
      await listening(there, "on", (message) => got.push(text(message.bytes)));
      assert.deepEqual(states, ["connected"]);

      await world.serverDies();
      await world.until("the loss to be noticed", () => states.at(-1) === "disconnected");
      here.bus.publish("on", bytes("lost"));
      const answer = await world.done(here.bus.request("on", bytes("lost"), 1000));
      assert.deepEqual(answer, { ok: false, error: "disconnected" });

      await world.serverReturns();
      await world.until("the connection to be back", () => states.at(-1) === "connected");
      await world.until("a message to get through", () => {
        here.bus.publish("on", bytes("again"));
        return got.length > 0;
      });
      assert.ok(!got.includes("lost"));
    });
  });
}
