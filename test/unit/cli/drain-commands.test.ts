import assert from "node:assert/strict";
import type { AgentView } from "#protocol/api.js";
import sinon from "sinon";
import { amounts } from "#libs/core/resources.js";
import { drain, hindranceText } from "#services/cli/drain-commands.js";
import { Output } from "#services/cli/output.js";
import { leaderless, ScriptedClient } from "./scripted-client.js";

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
  { id: "gone", state: "awaited", awayMs: 15_000 },
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
    const awaited = (awayMs: number) =>
      frameworks.map(({ id }) => ({ id, state: "awaited" as const, awayMs }));
    assert.equal(hindranceText(agent(), awaited(14_000)), "");
    assert.match(hindranceText(agent(), awaited(15_000)), /^; apps, beat are not connected/);
  });
});

describe("draining an agent", () => {
  it("waits for a leader, says what is left while it waits, and once that it is drained", async () => {
    const view = (tasks: number, state: "draining" | "drained") => {
      const use = [{ framework: "apps", role: "apps", resources: amounts({}), tasks }];
      return { ...agent({ use, tasks }), drain: { state, since: 0 } };
    };
    const client = new ScriptedClient({
      "POST /cluster/agents/a/drain": [leaderless, view(1, "draining")],
      "GET /cluster/agents/a": [view(1, "draining"), view(0, "drained")],
      "GET /cluster/frameworks": [[{ id: "apps", state: "connected" }]],
    });
    const output = new Output("table");
    const printed = sinon.stub(output, "line");
    const said = sinon.stub(process.stderr, "write");
    await drain(client, output, "a", { wait: true, timeout: 5 }).finally(() => sinon.restore());
    assert.deepEqual(
      said.args.map(([text]) => text),
      [
        "nobody leads there now; looking again\n",
        "draining a: taken\n",
        "a: draining, 1 task left (1 of apps)\n",
      ],
    );
    assert.deepEqual(printed.args, [["a: drained, nothing runs there any more"]]);
  });
});
