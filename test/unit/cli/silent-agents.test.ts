import assert from "node:assert/strict";
import { silenceOf } from "#services/cli/silent-agents.js";
import { ScriptedClient } from "./scripted-client.js";

describe("why an app gets no further", () => {
  const agent = (id: string, state: string, heardMsAgo: number) => ({ info: { id }, state, heardMsAgo });
  const agents = [
    agent("a", "registered", 4000),
    agent("b", "registered", 9000),
    agent("c", "unreachable", 42_000),
    agent("d", "awaited", -1),
    agent("e", "unreachable", 42_000),
  ];
  const on = (...names: string[]) => names.map((slaveId) => ({ slaveId }));

  it("may be that tasks of it are on agents that say nothing; of what others have nothing is said", async () => {
    const client = new ScriptedClient({ "GET /cluster/agents": [agents] });
    const apps = [
      { id: "/web", tasks: on("a", "b", "b", "c") },
      { id: "/db", tasks: on("c", "d") },
    ];
    assert.deepEqual(await silenceOf(client, apps), [
      "b has not been heard for 9s: 2 tasks of /web are there",
      "c is unreachable and has not been heard for 42s: 1 task of /web is there, 1 task of /db is there",
      "d has not been heard by the present leader yet: 1 task of /db is there",
    ]);
  });

  it("nobody is asked when there is no such app, or no task of it", async () => {
    const client = new ScriptedClient({});
    assert.deepEqual(await silenceOf(client, []), []);
    assert.deepEqual(await silenceOf(client, [{ id: "/web", tasks: [] }, { id: "/db" }]), []);
    assert.deepEqual(client.asked, []);
  });
});
