import assert from "node:assert/strict";
import type { AgentView, RoleView } from "#protocol/api.js";
import { amounts } from "#libs/core/resources.js";
import type { Client } from "#services/cli/client.js";
import { Failure } from "#services/cli/failure.js";
import { Output } from "#services/cli/output.js";
import { knownText, standingOf, tasks, weightText } from "#services/cli/cluster-commands.js";

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

describe("a role's weight", () => {
  it("that is set for nobody yet is told as that", () => {
    const role = (frameworks: string[]) => weightText({ name: "cli", weight: 2, frameworks } as RoleView);
    assert.equal(role(["apps"]), "role cli: weight 2");
    assert.equal(role([]), "role cli: weight 2; no framework is in this role yet");
  });
});

describe("tasks of which there are none", () => {
  const missing = new Failure("refused", "it is not known", [], "not-found");
  /** What was asked of a cluster that has nothing. */
  async function asked(
    what: string | undefined,
    filter: Record<string, string> = {},
  ): Promise<{ readonly paths: string[]; readonly failure: unknown }> {
    const paths: string[] = [];
    const client = {
      get: async (path: string) => {
        if (path.startsWith("/cluster/tasks?")) return { tasks: [], silent: [] };
        paths.push(path);
        throw missing;
      },
    } as unknown as Client;
    const failure = await tasks(client, new Output("json"), what, filter, false).catch(
      (cause: unknown) => cause,
    );
    return { paths, failure };
  }

  it("because what was named is not there: that is said instead", async () => {
    for (const [what, filter, path] of [
      [undefined, { agent: "zzz" }, "/cluster/agents/zzz"],
      [undefined, { framework: "zzz" }, "/cluster/frameworks/zzz"],
      ["framework:zzz", {}, "/cluster/frameworks/zzz"],
      ["/demo/zzz", {}, "/v2/apps/demo/zzz"],
      ["job:zzz", {}, "/v1/jobs/zzz"],
    ] as const) {
      const { paths, failure } = await asked(what, filter);
      assert.equal(failure, missing);
      assert.deepEqual(paths, [path]);
    }
    const { paths, failure } = await asked("zzz");
    assert.deepEqual(paths, ["/v1/jobs/zzz", "/cluster/tasks/zzz"]);
    assert.match(String(failure), /there is no job and no task zzz; an app is named with its slash/);
  });
});
