import assert from "node:assert/strict";
import { AppDefinition } from "#protocol/app.js";
import { codec } from "#protocol/codec.js";
import { JobDefinition } from "#protocol/job.js";
import { unsupportedOfApps, unsupportedOfJobs, withReasons } from "#services/gateway/unsupported.js";
import { filledAndChecked } from "#services/gateway/validation.js";

const said = (result: ReturnType<typeof filledAndChecked>, reasons: Readonly<Record<string, string>>) =>
  result.ok
    ? []
    : withReasons(result.error.faults, reasons).map(({ path, expected }) => `${path}: ${expected}`);

describe("fields of Marathon and Metronome that are not taken", () => {
  it("are refused with what does their work, or why nothing does; a slip of the pen just by its name", () => {
    const app = {
      id: "/a",
      cmd: "x",
      upgradeStrategy: { minimumHealthCapacity: 0.5 },
      healthChecks: [{ path: "/", delaySeconds: 3 }],
      container: { docker: { image: "i", parameters: [] } },
      cpu: 1,
    };
    assert.deepEqual(said(filledAndChecked(codec(AppDefinition), app), unsupportedOfApps).toSorted(byText), [
      "/container/docker/parameters: no property of this name: options of the engine are not passed on",
      "/cpu: no property of this name",
      "/healthChecks/0/delaySeconds: no property of this name: gracePeriodSeconds",
      "/upgradeStrategy: no property of this name: changes always go with minimumHealthCapacity 1 and maximumOverCapacity 1",
    ]);
    const job = { id: "a", run: { cmd: "x", secrets: {} }, schedules: [{ cron: "* * * * *" }] };
    assert.deepEqual(said(filledAndChecked(codec(JobDefinition), job), unsupportedOfJobs).toSorted(byText), [
      "/run/secrets: no property of this name: there is no store of secrets",
      "/schedules: no property of this name: runs are started by POST /v1/jobs/ID/runs; whatever is due starts them there",
    ]);
  });

  it("are none of those that are", () => {
    for (const path of Object.keys(unsupportedOfApps))
      assert.ok(!(path.slice(1) in AppDefinition.properties), path);
    for (const path of Object.keys(unsupportedOfJobs))
      assert.ok(!(path.slice(1) in JobDefinition.properties), path);
  });
});

const byText = (a: string, b: string): number => (a < b ? -1 : 1);
