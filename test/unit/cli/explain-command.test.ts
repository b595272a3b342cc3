import assert from "node:assert/strict";
import type { Explanation } from "#protocol/api.js";
import type { TaskStatus } from "#protocol/task.js";
import { linesOf, linesOfOne, pathOf, taskText } from "#services/cli/explain-command.js";
import { namedBy } from "#services/cli/named.js";

const explanation = (more: Partial<Explanation> = {}): Explanation => ({
  about: "/demo/web",
  summary: "everything in one sentence",
  stands: "/demo/web: 1 of 2 run; one takes cpus 1",
  isMissing: true,
  waiting: [],
  agents: 3,
  fitting: 0,
  reasons: [],
  perAgent: [],
  ...more,
});

describe("what explain prints", () => {
  it("each thing once: how it stands, what holds it back, where it fits, where not and why", () => {
    const lines = linesOf(
      explanation({
        waiting: ["backing off for 3 s"],
        fitting: 1,
        reasons: [{ reason: "cpus: never", agents: 2 }],
        perAgent: [
          { agent: "a", reason: "cpus: 1 asked, 0.5 in all" },
          { agent: "b", reason: "" },
          { agent: "c", reason: "cpus: 1 asked, 0.5 in all" },
        ],
      }),
    );
    assert.deepEqual(lines, [
      "/demo/web: 1 of 2 run; one takes cpus 1",
      "  backing off for 3 s",
      "  one more fits now on 1 of 3 agents: b",
      "  2 of 3 agents never: cpus",
      "    a, c: cpus: 1 asked, 0.5 in all",
    ]);
  });

  it("one line of what runs as wanted", () => {
    const lines = linesOf(explanation({ stands: "/demo/web: 2 of 2 run", isMissing: false, fitting: 3 }));
    assert.deepEqual(lines, ["/demo/web: 2 of 2 run; nothing is missing"]);
  });

  it("what agents warn of, last of all; also of what runs as wanted", () => {
    const warnings = ["2 of 3 agents: process: no cgroup: limits are not enforced"];
    const line = `  warning: ${warnings[0]}`;
    assert.equal(linesOf(explanation({ warnings })).at(-1), line);
    assert.deepEqual(linesOf(explanation({ warnings, isMissing: false })).slice(1), [line]);
    assert.equal(linesOfOne(explanation({ warnings })).at(-1), line);
  });

  it("of a chosen agent only that one", () => {
    const perAgent = [{ agent: "b", reason: "" }];
    assert.deepEqual(linesOfOne(explanation({ perAgent })).slice(1), ["  b: one more fits now"]);
  });

  it("is asked of what is meant", () => {
    const path = (what: string) => pathOf(namedBy(what)).replace("/cluster/explain/", "");
    assert.deepEqual(["demo/web", "app:web", "demo.pi", "framework:apps"].map(path), [
      "apps/demo/web",
      "apps/web",
      "jobs/demo.pi",
      "frameworks/apps",
    ]);
  });

  it("of a task: of what it is, where, how it stands and why", () => {
    const status = (latest: object, more: object = {}) =>
      ({
        spec: { id: "pi.1-4", name: "demo.pi" },
        agent: "agent-a",
        startedAt: 1000,
        latest,
        ...more,
      }) as unknown as TaskStatus;
    assert.equal(
      taskText(status({ state: "running", healthy: false }), 61_000),
      "pi.1-4 of demo.pi on agent-a: running, unhealthy, for 60s",
    );
    assert.equal(
      taskText(status({ state: "failed", message: "exit code 7" }, { endedAt: 4000 }), 61_000),
      "pi.1-4 of demo.pi on agent-a: failed (exit code 7), after 3s",
    );
  });
});
