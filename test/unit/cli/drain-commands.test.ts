import assert from "node:assert/strict";
import type { AgentView } from "#protocol/api.js";
import { amounts } from "#libs/core/resources.js";
import { hindranceText } from "#services/cli/drain-commands.js";

const agent = (more: Partial<AgentView> = {}): AgentView =>
  ({
    info: { id: "a" },
    state: "registered",
    use: [
      { framework: "apps", role: "apps", resources: amounts({}), tasks: 2 },
      { framework: "beat", role: "beat", resources: amounts({}), tasks: 1 },
      { framework: "gone", role: "gone", resources: amounts({}), tasks: 0 },
    ],
    drain: { state: "draining", since: 0 },
    ...more,
  }) as AgentView;

const frameworks = [
  { id: "apps", state: "connected" },
  { id: "beat", state: "disconnected" },
  { id: "gone", state: "awaited" },
] as const;

describe("what holds up a drain", () => {
  it("is a framework that is not there, until a deadline is set", () => {
    assert.equal(
      hindranceText(agent(), frameworks),
      "; beat is not connected and will move nothing: --deadline ends what is left",
    );
    const drain = { state: "draining", since: 0, deadlineAt: 9 } as const;
    assert.equal(hindranceText(agent({ drain }), frameworks), "");
  });

  it("is an agent that cannot be reached", () => {
    assert.match(hindranceText(agent({ state: "unreachable" }), frameworks), /emporion agents rm a$/);
  });

  it("is nothing while frameworks move their tasks", () => {
    assert.equal(hindranceText(agent(), frameworks.slice(0, 1)), "");
  });
});
