import assert from "node:assert/strict";
import type { AgentView } from "#protocol/api.js";
import { amounts } from "#libs/core/resources.js";
import { knownText, standingOf } from "#services/cli/cluster-commands.js";

const agent = (state: AgentView["state"], tasks: number): AgentView =>
  ({
    state,
    tasks,
    info: { totals: amounts({ cpus: 2 }) },
    used: amounts({ cpus: 1 }),
  }) as unknown as AgentView;

describe("the cluster at a glance", () => {
  it("counts what registered agents run, and says what is not known yet of a leader that has just begun", () => {
    const begun = standingOf([agent("registered", 3), agent("awaited", 0), agent("awaited", 0)]);
    assert.deepEqual([begun.registered, begun.awaited, begun.tasks], [1, 2, 3]);
    assert.deepEqual([begun.used.scalars.cpus, begun.total.scalars.cpus], [1000, 2000]);
    assert.equal(knownText(begun), " known so far: 2 of 3 agents have not registered with this leader yet");
  });

  it("of agents that cannot be reached; nothing when all are there, those removed for good apart", () => {
    const lacking = standingOf([agent("registered", 3), agent("unreachable", 2)]);
    assert.equal(knownText(lacking), ", and what 1 of 2 agents has, unreachable");
    assert.equal(knownText(standingOf([agent("registered", 3), agent("gone", 0)])), "");
  });
});
