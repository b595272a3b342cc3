import assert from "node:assert/strict";
import type { ClusterEvent } from "#protocol/event.js";
import { frames } from "#services/gateway/event-route.js";

const event = (about: string): ClusterEvent => ({
  kind: "task",
  type: "task-running",
  about,
  at: 1,
  by: "agent/a1",
  message: "running",
});

describe("events that were told together", () => {
  it("are frames of their own, and only the last has the id behind which a reader resumes", () => {
    const [first, last, rest] = frames({ events: [event("web.1"), event("web.2")] }, 7).split("\n\n");
    assert.equal(first, `event: task\ndata: ${JSON.stringify(event("web.1"))}`);
    assert.equal(last, `id: 7\nevent: task\ndata: ${JSON.stringify(event("web.2"))}`);
    assert.equal(rest, "");
  });
});
