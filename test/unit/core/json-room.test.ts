import assert from "node:assert/strict";
import fc from "fast-check";
import { JsonRoom } from "#libs/core/json-room.js";

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value)) + 1;

describe("room for JSON", () => {
  it("takes values as long as their JSON fits, and not one more, whatever is in them", () => {
    const values = fc.array(fc.jsonValue(), { maxLength: 20 });
    fc.assert(
      fc.property(values, fc.nat(2000), (all, bytes) => {
        const room = new JsonRoom(bytes);
        let left = bytes;
        for (const value of all) {
          const fits = bytesOf(value) <= left;
          assert.equal(room.takes(value), fits);
          if (fits) left -= bytesOf(value);
        }
      }),
    );
  });

  it("knows what control characters, and those of many bytes, become", () => {
    for (const text of ["\u0001".repeat(20), "…".repeat(20), '"'.repeat(20), "😀".repeat(20)]) {
      const value = { [text]: text };

      assert.ok(new JsonRoom(bytesOf(value)).takes(value));
      assert.ok(!new JsonRoom(bytesOf(value) - 1).takes(value));
    }
  });

  it("counts what comes besides, and takes nothing that does not fit", () => {
    const room = new JsonRoom(100);

    assert.ok(room.takes("a", 60));
    assert.ok(!room.takes("b", 60));
    assert.ok(room.takes("c", 30));
  });
});
