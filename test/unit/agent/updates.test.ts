import assert from "node:assert/strict";
import { amounts } from "#libs/core/resources.js";
import { Scene, taskSpec } from "./scene.js";

const small = amounts({ cpus: 0.01, mem: 4 });

describe("agent: updates (R5)", () => {
  it("has one batch of a framework under way; the next has what came meanwhile, in order", () => {
    const scene = Scene.registered();
    const ids = ["web.1", "web.2", "web.3"];
    scene.accept(ids.map((id) => taskSpec(id, { resources: small })));
    for (const task of ids) scene.do({ type: "prepared", task });
    for (const task of ids) scene.do({ type: "launched", task });
    scene.exit("web.2", 0);
    assert.deepEqual(
      scene
        .all("publishBatch")
        .map(({ batch }) => batch.updates.map(({ task, state }) => `${task} ${state}`)),
      [["web.1 running"]],
    );
    scene.do({ type: "batchStored", framework: "apps", batch: scene.last("publishBatch").batch.batch });
    assert.deepEqual(
      scene.last("publishBatch").batch.updates.map(({ task, state }) => `${task} ${state}`),
      ["web.2 running", "web.3 running", "web.2 finished"],
    );
  });

  it("does not let one framework wait for another", () => {
    const scene = Scene.registered();
    scene.accept([taskSpec("web.1", { resources: small })]);
    scene.accept([taskSpec("job.1", { resources: small })], { offer: scene.offer({ framework: "jobs" }) });
    for (const task of ["web.1", "job.1"]) {
      scene.do({ type: "prepared", task });
      scene.do({ type: "launched", task });
    }
    assert.deepEqual(
      scene.all("publishBatch").map(({ batch }) => batch.framework),
      ["apps", "jobs"],
    );
  });

  it("repeats a batch as it was, with growing pauses, until the stream has it", () => {
    const scene = Scene.registered();
    scene.accept([taskSpec("web.1", { resources: small })]);
    scene.do({ type: "prepared", task: "web.1" });
    scene.do({ type: "launched", task: "web.1" });
    const first = scene.last("publishBatch").batch;
    for (const pauseMs of [100, 200, 400]) {
      scene.do({ type: "batchFailed", framework: "apps", batch: first.batch, failure: "no-responders" });
      scene.take();
      scene.pass(pauseMs - 1);
      assert.equal(scene.all("publishBatch").length, 0);
      scene.pass(1);
      assert.deepEqual(scene.last("publishBatch").batch, first);
    }
  });

  it("publishes nothing while it is disconnected, and all of it at once when it is back", () => {
    const scene = Scene.registered();
    scene.run(taskSpec("web.1"));
    scene.do({ type: "disconnected" });
    scene.take();
    scene.exit("web.1", 0);
    scene.pass(60_000);
    assert.deepEqual(scene.all("publishBatch"), []);
    scene.do({ type: "connected", fraction: 0.9 });
    assert.deepEqual(scene.published("web.1"), ["finished"]);
  });

  it("gives batches numbers that never come again in a generation", () => {
    const scene = Scene.registered();
    for (let count = 0; count < 3; count++) scene.run(taskSpec(`web.${count}`, { resources: small }));
    const numbers = scene.all("publishBatch").map(({ batch }) => `${batch.generation}.${batch.batch}`);
    assert.equal(new Set(numbers).size, 3);
  });

  it("keeps batches under 256 KB, however long the words of the updates", () => {
    const scene = Scene.registered();
    const message = "ü".repeat(5000);
    scene.journalAnswers = false;
    scene.accept(Array.from({ length: 100 }, (_, number) => taskSpec(`web.${number}`, { resources: small })));
    scene.written();
    for (let number = 0; number < 100; number++)
      scene.do({ type: "prepareFailed", task: `web.${number}`, fault: { reason: "launch-failed", message } });
    scene.journalAnswers = true;
    scene.written();
    scene.storeAll();
    const sizes = scene.all("publishBatch").map(({ batch }) => Buffer.byteLength(JSON.stringify(batch)));
    assert(sizes.length > 1);
    for (const size of sizes) assert(size < 256_000, `${size} bytes`);
    assert.equal(scene.all("publishBatch").flatMap(({ batch }) => batch.updates).length, 100);
  });

  it("tells of what happens to many tasks at a time in few messages, in order", () => {
    const scene = Scene.registered();
    scene.journalAnswers = false;
    const ids = Array.from({ length: 40 }, (_, number) => `web.${number}`);
    scene.accept(ids.map((id) => taskSpec(id, { resources: small })));
    scene.written();
    for (const task of ids)
      scene.do({ type: "prepareFailed", task, fault: { reason: "launch-failed", message: "no room" } });
    scene.journalAnswers = true;
    scene.written();
    const told = scene.all("tellEvents").filter(({ kind }) => kind === "task");
    assert.deepEqual(
      told.map(({ events }) => events.length),
      [1, 32, 7],
    );
    assert.deepEqual(
      told.flatMap(({ events }) => events.map(({ about }) => about)),
      ids,
    );
  });

  it("tells the cluster's events what became of a task, with framework, reason and exit code", () => {
    const scene = Scene.registered();
    scene.run(taskSpec("web.1"));
    scene.exit("web.1", 9);
    assert.deepEqual(
      scene.all("tellEvents").flatMap(({ events }) => events.map(({ type, about, by }) => [type, about, by])),
      [
        ["task-running", "web.1", "agent/agent-a"],
        ["task-failed", "web.1", "agent/agent-a"],
      ],
    );
    assert.deepEqual(scene.last("tellEvents").events[0]?.details, {
      agent: "agent-a",
      framework: "apps",
      name: "web",
      reason: "exited",
      exitCode: 9,
    });
  });
});

describe("agent: collection of sandboxes", () => {
  const ended = (scene: Scene, id: string): void => {
    scene.run(taskSpec(id, { resources: small }));
    scene.exit(id, 0);
  };
  const hour = 3_600_000;
  const collection = { keptMs: hour, keptMax: 1000, diskFreeMin: 0.1 };

  it("has the executor let go of a task when its end is in the journal, not before", () => {
    const scene = Scene.registered();
    scene.run(taskSpec("web.1"));
    scene.journalAnswers = false;
    scene.exit("web.1", 0);
    assert.deepEqual(scene.all("releaseTask"), []);
    scene.written();
    assert.deepEqual(scene.all("releaseTask"), [{ type: "releaseTask", kind: "process", task: "web.1" }]);
  });

  it("takes a sandbox away when it is old enough, not before", () => {
    const scene = Scene.registered({ collection });
    ended(scene, "web.1");
    scene.storeAll();
    scene.take();
    scene.pass(hour - 60_000);
    assert.deepEqual(scene.all("collectTask"), []);
    scene.pass(120_000);
    assert.deepEqual(scene.all("collectTask"), [{ type: "collectTask", task: "web.1", kind: "process" }]);
    scene.do({ type: "collected", task: "web.1" });
    scene.do({ type: "tasksAsked", reply: 33, query: { task: "web.1" } });
    assert.equal(scene.all("staySilent").length, 1);
  });

  it("keeps it until the stream has the last update, however old it is", () => {
    const scene = Scene.registered({ collection });
    ended(scene, "web.1");
    scene.do({ type: "disconnected" });
    scene.pass(2 * hour);
    assert.deepEqual(scene.all("collectTask"), []);
  });

  it("takes the oldest away when there are too many", () => {
    const scene = Scene.registered({ collection: { keptMs: hour, keptMax: 2, diskFreeMin: 0.1 } });
    for (const id of ["web.1", "web.2", "web.3"]) {
      ended(scene, id);
      scene.storeAll();
      scene.pass(5);
    }
    assert.deepEqual(
      scene.all("collectTask").map(({ task }) => task),
      ["web.1"],
    );
  });

  it("takes the oldest away when the disk is short", () => {
    const scene = Scene.registered();
    ended(scene, "web.1");
    scene.storeAll();
    scene.take();
    scene.pass(60_000);
    assert.equal(scene.all("measureDisk").length, 1);
    scene.do({ type: "diskMeasured", freeFraction: 0.3 });
    assert.deepEqual(scene.all("collectTask"), []);
    scene.do({ type: "diskMeasured", freeFraction: 0.05 });
    assert.equal(scene.all("collectTask").length, 1);
  });

  it("tries again what could not be removed", () => {
    const scene = Scene.registered({ collection: { keptMs: 0, keptMax: 0, diskFreeMin: 0 } });
    ended(scene, "web.1");
    scene.storeAll();
    scene.do({ type: "collectFailed", task: "web.1", message: "EBUSY" });
    scene.take();
    scene.pass(60_000);
    assert.equal(scene.all("collectTask").length, 1);
  });
});
