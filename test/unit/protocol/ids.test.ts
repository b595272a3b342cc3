import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeId, encodeId } from "#protocol/ids.js";

describe("ids as tokens", () => {
  it("keep letters, digits, dash and underscore, and show the rest by their bytes", () => {
    assert.equal(encodeId("agent-a_1"), "agent-a_1");
    assert.equal(encodeId("/demo/web"), "=2Fdemo=2Fweb");
    assert.equal(encodeId("demo.pi"), "demo=2Epi");
    assert.equal(encodeId("ä"), "=C3=A4");
  });

  it("come back as they were", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: "binary" }), (id) => {
        fc.pre(isWellFormed(id));
        assert.equal(decodeId(encodeId(id)), id);
      }),
    );
  });

  it("are one token of a subject, and of a file name", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (id) => assert.match(encodeId(id), /^[A-Za-z0-9_=-]+$/)),
    );
  });

  it("never meet", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        fc.pre(a !== b && isWellFormed(a) && isWellFormed(b));
        assert.notEqual(encodeId(a), encodeId(b));
      }),
    );
  });

  it("that encodeId does not make are not decoded", () => {
    for (const token of ["", "a.b", "=2", "=2f", "=", "*", ">", "a b", "=FF", "=C3"])
      assert.equal(decodeId(token), undefined, token);
  });
});

/** A lone half of a surrogate pair has no UTF-8 form. */
const isWellFormed = (text: string): boolean => !/\p{Surrogate}/u.test(text);
