import assert from "node:assert/strict";
import { presenceText } from "#services/cli/standing.js";

describe("whether a framework is there", () => {
  it("since when it is not; of what a new leader has not heard yet no more is known", () => {
    assert.equal(presenceText({ state: "connected" }), "connected");
    assert.equal(presenceText({ state: "disconnected", awayMs: 180_000 }), "disconnected for 3m");
    assert.equal(presenceText({ state: "awaited", awayMs: 12_300 }), "not since this leader began, 12s ago");
  });
});
