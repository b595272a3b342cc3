import assert from "node:assert/strict";
import { LateStore } from "#libs/adapters/late-store.js";
import type { Store } from "#libs/ports/store.js";
import { ok } from "#protocol/result.js";

const bytes = new Uint8Array();

function lateStore({ mayWrite = (): boolean => true, failures = 0 } = {}) {
  let opened = 0;
  const store = { get: async () => ok(undefined), put: async () => ok(7) } as unknown as Store;
  const late = new LateStore(async () => {
    if (++opened <= failures) throw new Error("nobody is there");
    return store;
  }, mayWrite);
  return { late, opened: () => opened };
}

describe("a store that is opened late", () => {
  it("is opened once, when it is first used", async () => {
    const { late, opened } = lateStore();
    assert.equal(opened(), 0);
    await Promise.all([late.get("bucket", "key"), late.put("bucket", "key", bytes, 0)]);
    assert.equal(opened(), 1);
  });

  it("takes no write of who may not write, and answers what is asked", async () => {
    const { late } = lateStore({ mayWrite: () => false });
    assert.deepEqual(await late.put("bucket", "key", bytes, 0), { ok: false, error: "unavailable" });
    assert.deepEqual(await late.get("bucket", "key"), ok(undefined));
  });

  it("is opened anew when that has failed", async () => {
    const { late } = lateStore({ failures: 1 });
    await assert.rejects(late.get("bucket", "key"), /nobody is there/);
    assert.deepEqual(await late.put("bucket", "key", bytes, 0), ok(7));
  });
});
