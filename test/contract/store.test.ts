import assert from "node:assert/strict";
import { encodeId } from "#protocol/ids.js";
import { type Node, type World, worlds } from "./worlds.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array): string => new TextDecoder().decode(value);

for (const kind of worlds) {
  describe(`store over ${kind.name}`, () => {
    let world: World;
    let here: Node;
    let there: Node;

    beforeEach(async () => {
      world = await kind.open();
      here = await world.node("here");
      there = await world.node("there");
    });
    afterEach(() => world.end());

    const ensure = (ttlMs?: number) =>
      world.done(here.store.ensure({ name: "B", replicas: 1, ...(ttlMs === undefined ? {} : { ttlMs }) }));
    const put = (key: string, value: string, expected: number) =>
      world.done(here.store.put("B", key, bytes(value), expected));
    const get = async (key: string) => {
      const found = await world.done(there.store.get("B", key));
      assert.ok(found.ok);
      return found.value === undefined
        ? undefined
        : { value: text(found.value.bytes), revision: found.value.revision };
    };
    const stored = async (key: string, value: string, expected = 0): Promise<number> => {
      const done = await put(key, value, expected);
      assert.ok(done.ok, `${key} was not stored`);
      return done.value;
    };

    it("gives back what was put", async () => {
      await ensure();
      assert.equal(await get("k"), undefined);
      const revision = await stored("k", "v");
      assert.deepEqual(await get("k"), { value: "v", revision });
    });

    it("writes over the expected revision only", async () => {
      await ensure();
      const first = await stored("k", "1");
      assert.deepEqual(await put("k", "2", 0), { ok: false, error: "conflict" });
      assert.deepEqual(await put("k", "2", first + 5), { ok: false, error: "conflict" });
      const second = await stored("k", "2", first);
      assert.ok(second > first);
      assert.deepEqual(await put("k", "3", first), { ok: false, error: "conflict" });
      assert.deepEqual(await get("k"), { value: "2", revision: second });
    });

    it("lets one of many who create win", async () => {
      await ensure();
      const outcomes = await world.done(
        Promise.all(
          Array.from({ length: 20 }, (_, number) =>
            (number % 2 ? here : there).store.put("B", "k", bytes(String(number)), 0),
          ),
        ),
      );
      assert.equal(outcomes.filter((each) => each.ok).length, 1);
      assert.ok(outcomes.every((each) => each.ok || each.error === "conflict"));
    });

    it("removes the expected revision only, and the key can be made again", async () => {
      await ensure();
      const first = await stored("k", "1");
      const remove = (expected: number) => world.done(here.store.remove("B", "k", expected));
      assert.deepEqual(await remove(first + 1), { ok: false, error: "conflict" });
      assert.deepEqual(await remove(first), { ok: true, value: undefined });
      assert.equal(await get("k"), undefined);
      assert.deepEqual(await remove(first), { ok: true, value: undefined });
      assert.deepEqual(await put("k", "2", first), { ok: false, error: "conflict" });
      assert.ok((await stored("k", "2")) > first);
    });

    it("gives all entries, of encoded ids and nested keys, and none that were removed", async () => {
      await ensure();
      const empty = await world.done(there.store.entries("B"));
      assert.deepEqual(empty, { ok: true, value: [] });
      const keys = [encodeId("/demo/web"), "app/a.b", "plain", "run/demo.pi/1"];
      for (const key of keys) await stored(key, key);
      const gone = await stored("gone", "");
      await world.done(here.store.remove("B", "gone", gone));
      const all = await world.done(there.store.entries("B"));
      assert.ok(all.ok);
      assert.deepEqual(
        new Map(all.value.map((each) => [each.key, text(each.bytes)])),
        new Map(keys.map((key) => [key, key])),
      );
      assert.equal(all.value.length, keys.length);
    });

    it("gives thousands of entries", async () => {
      await ensure();
      const keys = Array.from({ length: 3000 }, (_, number) => `k/${number}`);
      await world.done(Promise.all(keys.map((key) => here.store.put("B", key, bytes(key), 0))));
      const all = await world.done(there.store.entries("B"));
      assert.ok(all.ok);
      assert.deepEqual(all.value.map((each) => each.key).toSorted(), keys.toSorted());
    });

    it("keeps its identity, over the server's death too", async () => {
      const { identity } = await ensure();
      await stored("k", "v");
      await world.serverDies();
      assert.deepEqual(await world.done(here.store.get("B", "k")), { ok: false, error: "unavailable" });
      await world.serverReturns();
      assert.deepEqual(await ensure(), { identity });
      for (const each of [here, there]) {
        const again = await world.done(each.store.ensure({ name: "B", replicas: 1 }));
        assert.deepEqual(again, { identity });
      }
      assert.equal((await get("k"))?.value, "v");
    });

    it("has other identities for other buckets", async () => {
      const first = await ensure();
      const second = await world.done(here.store.ensure({ name: "C", replicas: 1 }));
      assert.notEqual(first.identity, second.identity);
    });

    it("lets entries of a bucket with a time-to-live go, counted from the last write", async () => {
      await ensure(1000);
      const first = await stored("k", "1");
      await world.pass(600);
      await stored("k", "2", first);
      await world.pass(600);
      assert.equal((await get("k"))?.value, "2");
      await world.pass(600);
      for (let left = 40; left > 0 && (await get("k")) !== undefined; left--) await world.pass(50);
      assert.equal(await get("k"), undefined);
      await stored("k", "3");
    });

    it("says that a bucket which is not there is unavailable", async () => {
      assert.deepEqual(await world.done(here.store.get("none", "k")), { ok: false, error: "unavailable" });
      assert.deepEqual(await world.done(here.store.put("none", "k", bytes(""), 0)), {
        ok: false,
        error: "unavailable",
      });
      assert.deepEqual(await world.done(here.store.entries("none")), { ok: false, error: "unavailable" });
    });
  });
}
