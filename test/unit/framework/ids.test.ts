import assert from "node:assert/strict";
import { TermIds } from "#libs/framework/ids.js";

describe("framework: ids of a term", () => {
  it("are the prefix, the epoch and a number; what is no letter of an id becomes _", () => {
    const ids = new TermIds(12);
    assert.equal(ids.next("demo.web"), "demo.web.12-1");
    assert.equal(ids.next("/demo/wéb"), "demo_w_b.12-2");
    assert.equal(ids.next("…"), "task.12-3");
    assert.equal(ids.nextLaunch(), "launch.12-1");
  });

  it("have at most 128 letters, the number in full", () => {
    const id = new TermIds(12).next("x".repeat(200));
    assert.equal(id.length, 128);
    assert.ok(id.endsWith(".12-1"));
  });

  it("of others must lie below the term", () => {
    const ids = new TermIds(12);
    ids.next("t");
    assert.equal(ids.epochAbove("t.11-99"), undefined);
    assert.equal(ids.epochAbove("t.12-1"), undefined);
    assert.equal(ids.epochAbove("t.12-2"), 13);
    assert.equal(ids.epochAbove("t.20-1"), 20);
    assert.equal(ids.epochAbove("somebody-else"), undefined);
  });
});
