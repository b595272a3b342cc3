import assert from "node:assert/strict";
import { differences } from "#services/cli/job-files.js";

describe("a job's file and the job that is there", () => {
  it("are the same whatever the order of their fields; else the fields that differ are named", () => {
    const there = { id: "a", run: { cmd: "x", cpus: 1, env: { A: "1" } }, schedules: [] };
    assert.deepEqual(
      differences(there, { schedules: [], run: { env: { A: "1" }, cpus: 1, cmd: "x" }, id: "a" }),
      [],
    );
    const other = { id: "a", run: { cmd: "y", cpus: 1, env: { B: "1" } }, schedules: [1] };
    assert.deepEqual(differences(there, other), ["/run/cmd", "/run/env/A", "/run/env/B", "/schedules"]);
  });
});
