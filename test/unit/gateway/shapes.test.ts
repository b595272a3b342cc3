import assert from "node:assert/strict";
import { Refused } from "#services/gateway/answer.js";
import { appIdOf, marathonState, onlyScales } from "#services/gateway/marathon.js";
import { metronomeTime } from "#services/gateway/metronome.js";
import { exposureFault } from "#services/gateway/settings.js";
import { notJson } from "#services/gateway/server.js";
import { withoutSecrets } from "#services/gateway/shown-task.js";
import { filledAndChecked } from "#services/gateway/validation.js";
import { AppDefinition } from "#protocol/app.js";
import { codec } from "#protocol/codec.js";

describe("the gateway's shapes", () => {
  it("app ids come with any number of slashes around them", () => {
    assert.deepEqual(["demo/web", "/demo/web", "//demo/web/"].map(appIdOf), [
      "/demo/web",
      "/demo/web",
      "/demo/web",
    ]);
  });

  it("a body that is not JSON is refused with the line and the column", () => {
    const refused = (text: string) => {
      try {
        JSON.parse(text);
      } catch (cause) {
        return notJson(text, (cause as Error).message);
      }
      throw new Error(`${text} is JSON`);
    };
    assert.match(
      refused('{\n  "id": "/a",\n  cmd: 1\n}').message,
      /^the body is not JSON: .* at line 3, column 3$/,
    );
    assert.match(refused('{"id": 1').message, /at line 1, column 9$/);
    assert.match(refused("nonsense").message, /^the body is not JSON: Unexpected token/);
    const found = (text: string) => refused(text).faults?.map((fault) => [fault.expected, fault.found]);
    assert.deepEqual(found("{"), [["JSON", "the end at line 1, column 2"]]);
    assert.deepEqual(found('{\n  cmd: 1,\n  "id": "/a"\n}'), [["JSON", '"cmd: 1," at line 2, column 3']]);
    assert.deepEqual(found("nonsense"), [["JSON", '"nonsense"']]);
  });

  it("states are Marathon's", () => {
    assert.deepEqual(["launching", "running", "refused", "lost"].map(marathonState), [
      "TASK_STAGING",
      "TASK_RUNNING",
      "TASK_ERROR",
      "TASK_LOST",
    ]);
  });

  it("a body with nothing but instances scales", () => {
    assert.ok(onlyScales({ instances: 3 }) && onlyScales({ id: "/x", instances: 0 }));
    assert.ok(!onlyScales({ instances: 3, cmd: "x" }) && !onlyScales({ instances: "3" }) && !onlyScales({}));
  });

  it("times are Metronome's: no colon in the zone", () => {
    assert.equal(metronomeTime(0), "1970-01-01T00:00:00.000+0000");
  });

  it("tasks are shown without what may be secret", () => {
    const uri = "https://joe:pa@ss@files.example/a@b.jar?signature=abc";
    const spec = {
      id: "t-1",
      name: "web",
      workload: { kind: "process" as const, command: "true" },
      resources: { scalars: {}, ports: [] },
      env: { PASSWORD: "hunter2" },
      artifacts: [{ uri }, { uri: "file:///opt/a@b.jar" }],
      data: "mine",
    };
    const latest = { task: "t-1", number: 1, state: "running" as const, at: 0 };
    const status = { agent: "a", framework: "f", role: "r", host: "h", spec, latest };
    const { data: _, ...shown } = spec;
    assert.deepEqual(withoutSecrets(status).spec, {
      ...shown,
      env: { PASSWORD: "…" },
      artifacts: [{ uri: "https://files.example/a@b.jar?…" }, { uri: "file:///opt/a@b.jar" }],
    });
  });

  it("defaults of Marathon are filled in before the check", () => {
    const filled = filledAndChecked(codec(AppDefinition), { id: "/x", cmd: "true", healthChecks: [{}] });
    assert.ok(filled.ok);
    assert.equal(filled.value.cpus, 1);
    assert.equal(filled.value.healthChecks[0]?.maxConsecutiveFailures, 3);
  });

  it("refusals carry each fault with its path, and have the status that fits", () => {
    const refused = new Refused({
      code: "invalid",
      message: "Object is not valid",
      faults: [{ path: "/cpus", expected: ">= 0", found: "-1" }],
    });
    assert.equal(refused.status, 422);
    assert.deepEqual(refused.body.details, [
      { path: "/cpus", errors: ["expected >= 0, found -1"], expected: ">= 0", found: "-1" },
    ]);
  });

  it("beyond loopback only with a token", () => {
    assert.equal(exposureFault({ host: "127.0.0.1" }), undefined);
    assert.equal(exposureFault({ host: "0.0.0.0", token: "0123456789abcdef" }), undefined);
    assert.match(exposureFault({ host: "0.0.0.0" }) ?? "", /a token is needed/);
  });
});
