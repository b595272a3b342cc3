import assert from "node:assert/strict";
import { silentLog } from "#libs/adapters/log.js";
import { Vault, type WriteOutcome } from "#libs/machine/vault.js";
import type { Entry, Store } from "#libs/ports/store.js";
import type { SimNode } from "#libs/sim/node.js";
import { SimWorld } from "#libs/sim/world.js";
import { ok } from "#protocol/result.js";

describe("vault", () => {
  let world: SimWorld;
  let node: SimNode;
  let leads: boolean;
  let heard: number[];

  beforeEach(() => {
    world = new SimWorld({ seed: 7 });
    node = world.node("leader");
    leads = true;
    heard = [];
  });

  const open = (
    epoch: number,
    { store = node.store, writer = `w${epoch}` }: { readonly store?: Store; readonly writer?: string } = {},
  ) =>
    Vault.open({
      store,
      bucket: "b",
      replicas: 1,
      epoch,
      writer,
      clock: node.clock,
      log: silentLog,
      mayAct: () => leads,
      heard: (later) => {
        heard.push(later);
        leads = false;
      },
    });
  const opened = async (epoch: number, options?: { store?: Store; writer?: string }): Promise<Vault> => {
    const vault = await world.settled(open(epoch, options));
    assert.ok(vault !== undefined);
    return vault;
  };
  const put = (vault: Vault, key: string, value: unknown): Promise<WriteOutcome> =>
    world.settled(vault.put(key, value));

  it("gives the next leader what the former stored", async () => {
    const first = await opened(1);
    assert.equal(await put(first, "a", { n: 1 }), "stored");
    assert.equal(await put(first, "a", { n: 2 }), "stored");
    assert.equal(await put(first, "gone", 1), "stored");
    assert.equal(await world.settled(first.remove("gone")), "stored");
    const second = await opened(2);
    assert.deepEqual([...second.loaded], [["a", { n: 2 }]]);
    assert.equal(second.identity, first.identity);
    assert.equal(await put(second, "a", { n: 3 }), "stored");
  });

  it("a former leader's write to what the next has written is refused", async () => {
    const first = await opened(1);
    await put(first, "a", "old");
    const second = await opened(2);
    await put(second, "a", "new");
    assert.equal(await put(first, "a", "late"), "deposed");
    assert.equal(await world.settled(first.remove("a")), "deposed");
    assert.deepEqual([...(await opened(3)).loaded], [["a", "new"]]);
  });

  it("a write of the former leader that comes late ends the term of the next when it meets it", async () => {
    const first = await opened(1);
    await put(first, "a", "old");
    const second = await opened(2);
    await put(first, "a", "late");
    assert.equal(await put(second, "a", "new"), "deposed");
  });

  it("writes of one key happen in their order, without waiting in between", async () => {
    const vault = await opened(1);
    const outcomes = Promise.all([1, 2, 3, 4, 5].map((n) => vault.put("a", n)));
    const removed = vault.remove("b");
    assert.deepEqual(
      await world.settled(outcomes),
      Array.from({ length: 5 }, () => "stored"),
    );
    assert.equal(await world.settled(removed), "stored");
    assert.deepEqual([...(await opened(2)).loaded], [["a", 5]]);
  });

  it("a write whose answer was lost is found by its id, and not taken for another's", async () => {
    const vault = await opened(1);
    const store = losingAnswers(node.store);
    const other = await opened(2, { store });
    store.loseNext = true;
    assert.equal(await put(other, "a", "once"), "stored");
    assert.equal(await put(other, "a", "twice"), "stored");
    store.loseNext = true;
    assert.equal(await world.settled(other.remove("a")), "stored");
    assert.equal(await put(other, "a", "again"), "stored");
    assert.equal(vault.identity, other.identity);
    assert.deepEqual([...(await opened(3)).loaded], [["a", "again"]]);
  });

  it("waits for a store that is away, while we lead", async () => {
    const vault = await opened(1);
    world.serverDies();
    const stored = vault.put("a", 1);
    await world.runFor(2000);
    world.serverReturns();
    assert.equal(await world.settled(stored), "stored");
  });

  it("gives up when we lead no more", async () => {
    const vault = await opened(1);
    world.serverDies();
    const stored = vault.put("a", 1);
    await world.runFor(1000);
    leads = false;
    assert.equal(await world.settled(stored), "deposed");
    assert.equal(await world.settled(open(2)), undefined);
  });

  it("ends the term when the bucket is lost, and makes it anew with another identity", async () => {
    const vault = await opened(1);
    world.server.store.drop("b");
    assert.equal(await put(vault, "a", 1), "deposed");
    const next = await opened(2);
    assert.notEqual(next.identity, vault.identity);
    assert.equal(next.loaded.size, 0);
  });

  it("does not take over a bucket that was led in a later epoch, or in the same by another", async () => {
    await opened(5);
    assert.equal(await world.settled(open(3, { writer: "forgetful" })), undefined);
    leads = true;
    assert.equal(await world.settled(open(5, { writer: "forgetful" })), undefined);
    assert.deepEqual(heard, [5, 6]);
    leads = true;
    await opened(6, { writer: "forgetful" });
  });

  it("may be opened again by the same writer", async () => {
    await opened(5);
    await opened(5);
    assert.deepEqual(heard, []);
  });

  it("loads until it sees its own fence", async () => {
    await put(await opened(1), "a", 1);
    let reads = 0;
    const lagging: Store = {
      ...bound(node.store),
      entries: (bucket) => (++reads < 3 ? Promise.resolve(ok<Entry[]>([])) : node.store.entries(bucket)),
    };
    const vault = await opened(2, { store: lagging });
    assert.equal(reads, 3);
    assert.deepEqual([...vault.loaded], [["a", 1]]);
  });
});

const bound = (store: Store): Store => ({
  ensure: (config) => store.ensure(config),
  get: (bucket, key) => store.get(bucket, key),
  entries: (bucket) => store.entries(bucket),
  put: (bucket, key, bytes, expected) => store.put(bucket, key, bytes, expected),
  remove: (bucket, key, expected) => store.remove(bucket, key, expected),
});

/** Does what it is asked to, but the answer to the next write does not come when `loseNext`. */
function losingAnswers(store: Store): Store & { loseNext: boolean } {
  const losing = {
    ...bound(store),
    loseNext: false,
  };
  const lost = <T>(answer: T): T | { readonly ok: false; readonly error: "unavailable" } => {
    if (!losing.loseNext) return answer;
    losing.loseNext = false;
    return { ok: false, error: "unavailable" };
  };
  losing.put = async (bucket, key, bytes, expected) => lost(await store.put(bucket, key, bytes, expected));
  losing.remove = async (bucket, key, expected) => lost(await store.remove(bucket, key, expected));
  return losing;
}
