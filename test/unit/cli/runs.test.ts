import assert from "node:assert/strict";
import { lastRunText, type RunInfo, runText } from "#services/cli/runs.js";

const attempt = {
  id: "demo.pi.1-1",
  status: "TASK_FAILED",
  host: "h",
  completedAt: "2026-01-01T00:00:05.000+0000",
  exitCode: 3,
  message: "exit code 3",
};
const run = (more: Partial<RunInfo> = {}): RunInfo => ({
  id: "r1",
  jobId: "demo.pi",
  status: "ACTIVE",
  createdAt: "2026-01-01T00:00:00.000+0000",
  completedAt: null,
  tasks: [{ ...attempt, completedAt: null }],
  ...more,
});

describe("what is said of a run", () => {
  it("while it goes on: which attempt", () => {
    assert.equal(runText(run({ status: "INITIAL", tasks: [] })), "demo.pi: INITIAL");
    assert.equal(runText(run()), "demo.pi: ACTIVE, attempt 1");
  });

  it("between attempts: how the last one failed, and when the next one is made", () => {
    const failed = run({ status: "STARTING", tasks: [attempt], retryAt: "2026-01-01T00:00:06.000+0000" });
    assert.equal(runText(failed), "demo.pi: attempt 1 failed: exit code 3; attempt 2 follows after 1 s");
  });

  it("of a job that is idle: how the last run ended; nothing while one is active", () => {
    const ended = run({ status: "FAILED", completedAt: attempt.completedAt, reason: "exit code 3" });
    const older = { ...ended, id: "r0", createdAt: "2025-01-01T00:00:00.000+0000" };
    assert.equal(
      lastRunText("demo.pi", [older, ended]),
      "demo.pi: no run is active; the last one, r1, ended FAILED: exit code 3",
    );
    assert.equal(lastRunText("demo.pi", []), "demo.pi: it has not been run yet");
    assert.equal(lastRunText("demo.pi", [ended, run()]), undefined);
  });
});
