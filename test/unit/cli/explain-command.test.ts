import assert from "node:assert/strict";
import type { Explanation } from "#protocol/api.js";
import { linesOf, linesOfOne, pathOf } from "#services/cli/explain-command.js";

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

  it("of a chosen agent only that one", () => {
    const perAgent = [{ agent: "b", reason: "" }];
    assert.deepEqual(linesOfOne(explanation({ perAgent })).slice(1), ["  b: one more fits now"]);
  });

  it("what is meant: an app has a slash, a job has none, and a word before the id says it", () => {
    assert.deepEqual(
      ["/demo/web", "demo/web", "app:/demo/web", "app:web", "demo.pi", "job:demo.pi", "framework:apps"].map(
        pathOf,
      ),
      [
        "/cluster/explain/apps/demo/web",
        "/cluster/explain/apps/demo/web",
        "/cluster/explain/apps/demo/web",
        "/cluster/explain/apps/web",
        "/cluster/explain/jobs/demo.pi",
        "/cluster/explain/jobs/demo.pi",
        "/cluster/explain/frameworks/apps",
      ],
    );
    assert.throws(() => pathOf("task:x"), /expected an app \(\/demo\/web\), a job/);
  });
});
