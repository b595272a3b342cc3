import assert from "node:assert/strict";
import type { HealthCheck } from "#protocol/task.js";
import { amounts } from "#libs/core/resources.js";
import { Scene, taskSpec } from "./scene.js";

const check: HealthCheck = {
  kind: "http",
  path: "/health",
  intervalMs: 1000,
  timeoutMs: 500,
  graceMs: 3000,
  failuresMax: 2,
};

const checked = (more: Partial<HealthCheck> = {}) =>
  taskSpec("web.1", {
    healthCheck: { ...check, ...more },
    resources: amounts({ cpus: 0.1, ports: [[31004, 31004]] }),
  });

function answer(scene: Scene, healthy: boolean): void {
  const { task, probe } = scene.last("probeTask");
  scene.do({ type: "probed", task, probe, healthy, message: healthy ? "200" : "connection refused" });
}

const running = (more: Partial<HealthCheck> = {}): Scene => {
  const scene = Scene.registered();
  scene.run(checked(more));
  scene.take();
  return scene;
};

describe("agent: health checks", () => {
  it("asks at the task's address and port soon after its start", () => {
    const scene = running();
    scene.pass(50);
    const { host, port, check: asked } = scene.last("probeTask");
    assert.deepEqual([host, port, asked.path], ["10.0.0.1", 31004, "/health"]);
  });

  it("asks more and more seldom within the grace until the first success, then once an interval", () => {
    const scene = running();
    const askedAt: number[] = [];
    const start = scene.at.mono;
    for (let count = 0; count < 5; count++) {
      const before = scene.all("probeTask").length;
      while (scene.all("probeTask").length === before) scene.pass(1);
      askedAt.push(scene.at.mono - start);
      answer(scene, false);
    }
    // 50, and after 100, 200, 400, 800 ms more.
    assert.deepEqual(askedAt, [50, 150, 350, 750, 1550]);
    scene.pass(1000);
    answer(scene, true);
    const count = scene.all("probeTask").length;
    scene.pass(5000);
    answer(scene, true);
    assert.equal(scene.all("probeTask").length, count + 1, "none while one is not answered");
  });

  it("says healthy at the first success, and each change after, once", () => {
    const scene = running();
    scene.pass(50);
    answer(scene, true);
    assert.equal(scene.last("publishBatch").batch.updates[0]?.healthy, true);
    scene.storeAll();
    scene.take();
    scene.pass(1000);
    answer(scene, true);
    assert.deepEqual(scene.all("publishBatch"), []);
    scene.pass(1000);
    answer(scene, false);
    const [update] = scene.last("publishBatch").batch.updates;
    assert.deepEqual(
      [update?.state, update?.healthy, update?.message],
      ["running", false, "connection refused"],
    );
    assert.equal(scene.last("tellEvents").events[0]?.type, "task-unhealthy");
  });

  it("does not count failures within the grace before the first success", () => {
    const scene = running({ failuresMax: 1 });
    while (scene.at.mono < 3990) {
      scene.pass(50);
      if (scene.all("probeTask").length > 0) answer(scene, false);
    }
    assert.deepEqual(scene.all("signalTask"), []);
    assert.deepEqual(scene.published("web.1"), []);
  });

  it("ends a task after enough failures in a row, in words", () => {
    const scene = running({ graceMs: 0 });
    scene.pass(50);
    answer(scene, false);
    assert.deepEqual(scene.all("signalTask"), []);
    scene.pass(1000);
    answer(scene, true);
    scene.pass(1000);
    answer(scene, false);
    scene.pass(1000);
    answer(scene, false);
    assert.equal(scene.all("signalTask").length, 1);
    scene.storeAll();
    scene.do({ type: "exited", task: "web.1", signal: "SIGTERM", reason: "exited" });
    const update = scene.last("publishBatch").batch.updates.at(-1);
    assert.deepEqual(
      [update?.state, update?.reason, update?.message],
      ["killed", "unhealthy", "2 checks in a row failed, and no more than 1 may: connection refused"],
    );
  });

  it("never ends a task when no number of failures is given", () => {
    const scene = running({ graceMs: 0, failuresMax: 0 });
    for (let count = 0; count < 20; count++) {
      scene.pass(1000);
      answer(scene, false);
    }
    assert.deepEqual(scene.all("signalTask"), []);
  });

  it("asks no more when the task is to end, and takes no late answer", () => {
    const scene = running();
    scene.pass(50);
    scene.kill("web.1");
    scene.storeAll();
    scene.take();
    scene.do({ type: "probed", task: "web.1", probe: 1, healthy: true, message: "200" });
    scene.pass(4000);
    assert.deepEqual(scene.all("probeTask"), []);
    assert.deepEqual(scene.all("publishBatch"), []);
  });

  it("goes on asking after the agent's own death", () => {
    const scene = running();
    scene.pass(50);
    answer(scene, true);
    scene.restart();
    scene.recovered({ "web.1": "running" });
    scene.pass(1);
    assert.equal(scene.all("probeTask").length, 1);
    scene.do({ type: "connected", fraction: 0 });
    scene.storeAll();
    answer(scene, false);
    // Healthy before: the grace of a start does not count any more.
    assert.equal(scene.last("publishBatch").batch.updates.at(-1)?.healthy, false);
  });
});
