import assert from "node:assert/strict";
import { type AppInfo, progressText } from "#services/cli/app-commands.js";

const app = (more: Partial<AppInfo> = {}): AppInfo => ({
  id: "/shop/web",
  instances: 3,
  version: "v1",
  tasksStaged: 0,
  tasksRunning: 3,
  tasksHealthy: 0,
  tasksUnhealthy: 0,
  settled: false,
  healthChecks: [],
  ...more,
});
const lastTaskFailure = { taskId: "t", message: "exit code 7", host: "h", timestamp: "2026-01-01T00:00:00Z" };

describe("what is said while an app is deployed", () => {
  it("how many run, start and are healthy", () => {
    assert.equal(progressText(app()), "/shop/web: 3/3 running");
    assert.equal(
      progressText(app({ tasksRunning: 2, tasksStaged: 1, tasksHealthy: 1, healthChecks: [{}] })),
      "/shop/web: 2/3 running, 1 starting, 1 healthy",
    );
  });

  it("that its instances fail, and how, also while new ones run; not what failed before and is forgiven", () => {
    assert.equal(
      progressText(app({ failures: 4, lastTaskFailure })),
      "/shop/web: 3/3 running; 4 failures in a row, the last: exit code 7",
    );
    assert.equal(
      progressText(app({ tasksRunning: 0, failures: 1, backoffMs: 900, lastTaskFailure })),
      "/shop/web: 0/3 running; 1 failure in a row, the last: exit code 7; backing off",
    );
    assert.equal(progressText(app({ lastTaskFailure })), "/shop/web: 3/3 running");
  });

  it("that agents refuse to launch it, and why, from the first time on", () => {
    const refused = { ...lastTaskFailure, message: "no task may run as root" };
    assert.equal(
      progressText(app({ tasksRunning: 0, refusals: 1, lastTaskFailure: refused })),
      "/shop/web: 0/3 running; 1 refusal in a row, the last: no task may run as root",
    );
    assert.equal(
      progressText(app({ failures: 2, refusals: 3, backoffMs: 5000, lastTaskFailure: refused })),
      "/shop/web: 3/3 running; 2 failures and 3 refusals in a row, the last: no task may run as root; backing off",
    );
  });

  it("scaled to nothing: what still ends, and no health", () => {
    const gone = { instances: 0, tasksRunning: 2, tasksHealthy: 2, healthChecks: [{}] };
    assert.equal(progressText(app(gone)), "/shop/web: 2 still running, 0 wanted");
    assert.equal(progressText(app({ ...gone, tasksRunning: 0 })), "/shop/web: 0/0 running");
  });
});
