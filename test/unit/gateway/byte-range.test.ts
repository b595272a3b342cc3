import assert from "node:assert/strict";
import { askedBytes, givenBytes } from "#services/gateway/byte-range.js";

/** As an agent does: a negative offset counts from the end, and stops at the start. */
const given = (asked: { range?: string; tail?: number }, size: number) => {
  const bytes = askedBytes(asked);
  const offset = bytes.first < 0 ? Math.max(0, size + bytes.first) : Math.min(bytes.first, size);
  return givenBytes(bytes, { offset, size });
};

describe("bytes of a file", () => {
  it("of no range and no tail are the whole", () => {
    assert.deepEqual(given({}, 10), { kind: "whole", start: 0, end: 10 });
  });

  it("of a range are from the first to the last, both included", () => {
    assert.deepEqual(given({ range: "bytes=1-3" }, 10), { kind: "part", start: 1, end: 4 });
    assert.deepEqual(given({ range: "bytes=5-" }, 10), { kind: "part", start: 5, end: 10 });
    assert.deepEqual(given({ range: "bytes=0-0" }, 10), { kind: "part", start: 0, end: 1 });
  });

  it("of a range from the end are the last ones, or all there are", () => {
    assert.deepEqual(given({ range: "bytes=-7" }, 10), { kind: "part", start: 3, end: 10 });
    assert.deepEqual(given({ range: "bytes=-70" }, 10), { kind: "part", start: 0, end: 10 });
  });

  it("stop where the file does", () => {
    assert.deepEqual(given({ range: "bytes=4-99" }, 10), { kind: "part", start: 4, end: 10 });
    const huge = `bytes=4-${"9".repeat(30)}`;
    assert.deepEqual(given({ range: huge }, 10), { kind: "part", start: 4, end: 10 });
  });

  it("of a range behind the end are none, nor of the last zero", () => {
    assert.deepEqual(given({ range: "bytes=10-" }, 10), { kind: "beyond" });
    assert.deepEqual(given({ range: `bytes=${"9".repeat(30)}-` }, 10), { kind: "beyond" });
    assert.deepEqual(given({ range: "bytes=-0" }, 10), { kind: "beyond" });
  });

  it("of an empty file are the whole, whatever the range", () => {
    assert.deepEqual(given({ range: "bytes=0-5" }, 0), { kind: "whole", start: 0, end: 0 });
  });

  it("of what is no range, or several, are the whole", () => {
    for (const range of ["bytes=-", "bytes=1-2,4-5", "lines=1-2", "bytes=5-3"])
      assert.deepEqual(given({ range }, 10), { kind: "whole", start: 0, end: 10 }, range);
  });

  it("of a tail are the last ones; of none of them, none; a range goes before it", () => {
    assert.deepEqual(given({ tail: 4 }, 10), { kind: "whole", start: 6, end: 10 });
    assert.deepEqual(given({ tail: 0 }, 10), { kind: "whole", start: 10, end: 10 });
    assert.deepEqual(given({ tail: 4, range: "bytes=0-1" }, 10), { kind: "part", start: 0, end: 2 });
  });
});
