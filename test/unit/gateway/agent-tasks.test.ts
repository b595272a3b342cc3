import assert from "node:assert/strict";
import { expectedOf } from "#services/gateway/agent-tasks.js";

describe("who is asked for tasks", () => {
  it("is whom the leader hears or still awaits; who cannot be reached is named at once, who is gone is not", () => {
    const agents = (["registered", "awaited", "unreachable", "gone"] as const).map((state) => ({
      state,
      info: { id: `the-${state}` },
    }));
    assert.deepEqual(expectedOf(agents), {
      awaited: ["the-registered", "the-awaited"],
      away: ["the-unreachable"],
    });
  });
});
