import assert from "node:assert/strict";
import type { Delivery, StoredMessage, StreamConfig } from "#libs/ports/stream.js";
import { type Node, type World, worlds } from "./worlds.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = ({ bytes: message }: { readonly bytes: Uint8Array }): string =>
  new TextDecoder().decode(message);

const limits = { maxAgeMs: 3_600_000, maxBytes: 10_000_000, replicas: 1 };
const queue: StreamConfig = { name: "Q", subjects: ["q.*.*"], kind: "queue", ...limits };
const log: StreamConfig = { name: "L", subjects: ["l.>"], kind: "log", ...limits };

for (const kind of worlds) {
  describe(`streams over ${kind.name}`, () => {
    let world: World;
    let here: Node;
    let there: Node;
    let ids = 0;

    beforeEach(async () => {
      world = await kind.open();
      here = await world.node("here");
      there = await world.node("there");
    });
    afterEach(() => world.end());

    const append = (subject: string, what: string, id = `id-${++ids}`) =>
      world.done(here.streams.append(subject, bytes(what), id));
    const appendUntilStored = async (subject: string, what: string) => {
      while (!(await append(subject, what, what)).ok) await world.pass(20);
    };
    const consumed = (node: Node, consumer: string): Delivery[] => {
      const got: Delivery[] = [];
      node.streams.consume("Q", consumer).subscribe((delivery) => got.push(delivery));
      return got;
    };

    it("stores in order and counts", async () => {
      await world.done(here.streams.ensure(queue));
      assert.deepEqual(await append("q.f.a", "1"), { ok: true, value: { sequence: 1 } });
      assert.deepEqual(await append("q.f.b", "2"), { ok: true, value: { sequence: 2 } });
    });

    it("may be made again, by several at once, and with other limits", async () => {
      await world.done(Promise.all([here.streams.ensure(queue), there.streams.ensure(queue)]));
      await append("q.f.a", "1");
      await world.done(there.streams.ensure({ ...queue, maxBytes: 20_000_000 }));
      assert.deepEqual(await append("q.f.a", "2"), { ok: true, value: { sequence: 2 } });
    });

    it("stores one message id once", async () => {
      await world.done(here.streams.ensure(queue));
      const first = await append("q.f.a", "1", "same");
      assert.deepEqual(await append("q.f.a", "1", "same"), first);
      assert.deepEqual(await append("q.f.a", "2", "other"), { ok: true, value: { sequence: 2 } });
    });

    it("says that there is no such stream", async () => {
      assert.deepEqual(await append("q.f.a", "1"), { ok: false, error: "no-responders" });
    });

    it("gives a consumer what its filter says, in order", async () => {
      await world.done(here.streams.ensure(queue));
      await world.done(there.streams.ensureConsumer("Q", "f", "q.f.*"));
      await world.done(there.streams.ensureConsumer("Q", "f", "q.f.*"));
      for (const each of ["q.f.a", "q.g.a", "q.f.b"]) await append(each, each);
      const got = consumed(there, "f");
      await world.until("both", () => got.length === 2);
      assert.deepEqual(
        got.map((each) => [each.subject, text(each), each.sequence]),
        [
          ["q.f.a", "q.f.a", 1],
          ["q.f.b", "q.f.b", 3],
        ],
      );
    });

    it("gives many, while they are acknowledged", async () => {
      await world.done(here.streams.ensure(queue));
      await world.done(there.streams.ensureConsumer("Q", "f", "q.f.*"));
      const got: string[] = [];
      there.streams.consume("Q", "f").subscribe((delivery) => {
        got.push(text(delivery));
        delivery.acknowledge();
      });
      const sent = Array.from({ length: 3000 }, (_, number) => String(number));
      await world.done(
        Promise.all(sent.map((each) => here.streams.append("q.f.a", bytes(each), `many-${each}`))),
      );
      await world.until("all", () => got.length >= sent.length, 10_000);
      assert.deepEqual(got, sent);
    });

    it("does not give again what was acknowledged, and gives the rest to the next", async () => {
      await world.done(here.streams.ensure(queue));
      await world.done(there.streams.ensureConsumer("Q", "f", "q.f.*"));
      await append("q.f.a", "1");
      const first: Delivery[] = [];
      const subscription = there.streams.consume("Q", "f").subscribe((each) => first.push(each));
      await world.until("the first", () => first.length === 1);
      first[0]!.acknowledge();
      first[0]!.acknowledge();
      await world.done(there.bus.request("nobody", bytes(""), 1000));
      subscription.unsubscribe();
      // The server must have heard of it before there is more to read.
      await world.done(there.bus.request("nobody", bytes(""), 1000));
      await append("q.f.a", "2");
      const second = consumed(here, "f");
      await world.until("the second", () => second.length === 1);
      assert.equal(text(second[0]!), "2");
    });

    it("waits for a consumer and a stream that are made later", async () => {
      const got = consumed(there, "f");
      await world.done(there.bus.request("nobody", bytes(""), 1000));
      await world.done(here.streams.ensure(queue));
      await world.done(here.streams.ensureConsumer("Q", "f", "q.f.*"));
      await append("q.f.a", "1");
      await world.until("the message", () => got.length === 1);
    });

    it("forgets a consumer, with what waits for it", async () => {
      await world.done(here.streams.ensure(queue));
      for (const each of ["f", "g"]) await world.done(here.streams.ensureConsumer("Q", each, `q.${each}.*`));
      await append("q.f.a", "forgotten");
      await append("q.g.a", "kept");
      await world.done(here.streams.removeConsumer("Q", "f"));
      await world.done(here.streams.removeConsumer("Q", "f"));
      await world.done(here.streams.removeConsumer("none", "f"));

      await world.done(here.streams.ensureConsumer("Q", "f", "q.f.*"));
      await append("q.f.a", "new");
      const [ofF, ofG] = [consumed(there, "f"), consumed(there, "g")];
      await world.until("one each", () => ofF.length > 0 && ofG.length > 0);
      assert.deepEqual([...ofF, ...ofG].map(text), ["new", "kept"]);
    });

    it("stores and delivers on after the server's death", async () => {
      await world.done(here.streams.ensure(queue));
      await world.done(there.streams.ensureConsumer("Q", "f", "q.f.*"));
      const got = consumed(there, "f");
      await append("q.f.a", "before");
      await world.until("the first", () => got.length === 1);
      got[0]!.acknowledge();

      await world.serverDies();
      const refused = await append("q.f.a", "during", "during");
      assert.ok(!refused.ok);
      await world.serverReturns();
      await appendUntilStored("q.f.a", "after");
      await world.until("what came after", () => got.some((each) => text(each) === "after"), 8000);
      assert.ok(!got.some((each) => text(each) === "during"));
    });

    describe("read as a log", () => {
      const read = (after: number | undefined, filter?: string): StoredMessage[] => {
        const got: StoredMessage[] = [];
        there.streams
          .read("L", {
            ...(after === undefined ? {} : { after }),
            ...(filter === undefined ? {} : { filter }),
          })
          .subscribe((each) => got.push(each));
        return got;
      };
      beforeEach(() => world.done(here.streams.ensure(log)));

      it("begins where asked and goes on with what comes", async () => {
        for (const each of ["1", "2", "3"]) await append("l.x", each);
        const all = read(0);
        const some = read(2);
        await world.until("what is there", () => all.length === 3 && some.length === 1);
        await append("l.y", "4");
        await world.until("what is new", () => all.length === 4 && some.length === 2);
        assert.deepEqual(all.map(text), ["1", "2", "3", "4"]);
        assert.deepEqual(
          some.map((each) => each.sequence),
          [3, 4],
        );
      });

      it("gives only what is new when no beginning is asked for", async () => {
        await append("l.x", "old");
        const got = read(undefined);
        for (let count = 0; got.length === 0; count++) {
          await append("l.x", `new ${count}`);
          await world.pass(20);
        }
        assert.match(text(got[0]!), /^new/);
      });

      it("narrows the subjects", async () => {
        await append("l.x.1", "x");
        await append("l.y.1", "y");
        const got = read(0, "l.y.*");
        await world.until("the one", () => got.length > 0);
        assert.deepEqual(got.map(text), ["y"]);
      });

      it("misses and doubles nothing over the server's death", async () => {
        const got = read(0);
        await append("l.x", "1");
        await world.until("the first", () => got.length === 1);
        await world.serverDies();
        await world.serverReturns();
        await appendUntilStored("l.x", "2");
        await world.until("the second", () => got.length >= 2, 8000);
        assert.deepEqual(got.map(text), ["1", "2"]);
      });
    });

    it("says when a stream was made", async () => {
      assert.equal(await world.done(here.streams.madeAt("Q")), undefined);
      const before = here.clock.now().wall;
      await world.done(here.streams.ensure(queue));
      const made = await world.done(here.streams.madeAt("Q"));
      assert.ok(made !== undefined && made >= before - 5 && made <= here.clock.now().wall + 5);
      await world.done(here.streams.ensure(queue));
      assert.equal(await world.done(there.streams.madeAt("Q")), made);
    });
  });
}
