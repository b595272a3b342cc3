import assert from "node:assert/strict";
import { Scene, taskSpec } from "./scene.js";

const signals = (scene: Scene) => scene.all("signalTask").map(({ force }) => (force ? "SIGKILL" : "SIGTERM"));

describe("agent: kills", () => {
  it("records the wish, then asks, and after the grace forces, until the end is seen", () => {
    const scene = Scene.registered();
    scene.run(taskSpec("web.1"));
    scene.take();
    scene.journalAnswers = false;
    const reply = scene.kill("web.1");
    assert.deepEqual(signals(scene), []);
    scene.journalAnswers = true;
    scene.written();
    assert.deepEqual(scene.answerTo(reply), { ok: true, known: true, state: "killing" });
    assert.deepEqual(signals(scene), ["SIGTERM"]);
    scene.pass(4999);
    assert.deepEqual(signals(scene), ["SIGTERM"]);
    scene.pass(1);
    assert.deepEqual(signals(scene), ["SIGTERM", "SIGKILL"]);
    scene.pass(5000);
    assert.deepEqual(signals(scene), ["SIGTERM", "SIGKILL", "SIGKILL"]);

    scene.storeAll();
    scene.do({ type: "exited", task: "web.1", signal: "SIGKILL", reason: "exited" });
    const update = scene.last("publishBatch").batch.updates.at(-1);
    assert.deepEqual(
      [update?.state, update?.reason, update?.signal],
      ["killed", "kill-requested", "SIGKILL"],
    );
    scene.take();
    scene.pass(10_000);
    assert.deepEqual(signals(scene), []);
  });

  it("is killed, not finished, when it ends well after it was asked to", () => {
    const scene = Scene.registered();
    scene.run(taskSpec("web.1"));
    scene.kill("web.1");
    scene.storeAll();
    scene.exit("web.1", 0);
    const update = scene.last("publishBatch").batch.updates.at(-1);
    assert.deepEqual([update?.state, update?.exitCode], ["killed", 0]);
  });

  it("only shortens the grace with a repetition, counted from the first SIGTERM", () => {
    const scene = Scene.registered();
    scene.run(taskSpec("web.1", { killGraceMs: 10_000 }));
    scene.take();
    scene.kill("web.1");
    scene.pass(1000);
    scene.kill("web.1", { graceMs: 60_000 });
    scene.kill("web.1", { graceMs: 3000 });
    scene.pass(1999);
    assert.deepEqual(signals(scene), ["SIGTERM"]);
    scene.pass(1);
    assert.deepEqual(signals(scene), ["SIGTERM", "SIGKILL"]);
  });

  it("forces at once without grace", () => {
    const scene = Scene.registered();
    scene.run(taskSpec("web.1"));
    scene.take();
    scene.kill("web.1", { graceMs: 0 });
    assert.deepEqual(signals(scene), ["SIGKILL"]);
  });

  it("does not start what was killed before it was launched", () => {
    const scene = Scene.registered();
    scene.accept([taskSpec("web.1")]);
    scene.kill("web.1");
    const update = scene.last("publishBatch").batch.updates.at(-1);
    assert.deepEqual([update?.state, update?.message], ["killed", "apps asked for its end, before it ran"]);
    scene.do({ type: "prepared", task: "web.1" });
    assert.equal(scene.all("launchTask").length, 0);
    assert.deepEqual(signals(scene), []);
  });

  it("does not start what was killed while its accept was being written", () => {
    const scene = Scene.registered();
    scene.journalAnswers = false;
    const accepted = scene.accept([taskSpec("web.1")]);
    scene.kill("web.1");
    scene.written();
    scene.written();
    assert.deepEqual(scene.wordsTo(accepted), { "web.1": "ok" });
    assert.equal(scene.all("prepareTask").length, 0);
    assert.deepEqual(scene.published("web.1"), ["killed"]);
  });

  it("asks again when a task that was being launched has come up", () => {
    const scene = Scene.registered();
    scene.accept([taskSpec("web.1")]);
    scene.do({ type: "prepared", task: "web.1" });
    scene.kill("web.1");
    assert.deepEqual(signals(scene), ["SIGTERM"]);
    scene.do({ type: "launched", task: "web.1" });
    assert.deepEqual(signals(scene), ["SIGTERM", "SIGTERM"]);
  });

  it("is killed when the launch fails after the kill", () => {
    const scene = Scene.registered();
    scene.accept([taskSpec("web.1")]);
    scene.do({ type: "prepared", task: "web.1" });
    scene.kill("web.1");
    scene.storeAll();
    scene.do({ type: "launchFailed", task: "web.1", fault: { reason: "launch-failed", message: "aborted" } });
    assert.equal(scene.last("publishBatch").batch.updates.at(-1)?.state, "killed");
  });

  it("refuses an older session, and a task of another framework", () => {
    const scene = Scene.registered();
    scene.run(taskSpec("web.1"));
    scene.kill("web.1", { session: { epoch: 1, counter: 3 } });
    const old = scene.answerTo(scene.kill("web.1", { session: { epoch: 1, counter: 2 } }));
    assert(old !== undefined && "ok" in old && !old.ok);
    assert.equal(old.error.code, "stale");
    scene.do({
      type: "killAsked",
      reply: 91,
      framework: "jobs",
      session: { epoch: 1, counter: 1 },
      task: "web.1",
    });
    const foreign = scene.answerTo(91);
    assert(foreign !== undefined && "ok" in foreign && !foreign.ok);
    assert.equal(foreign.error.code, "forbidden");
  });

  it("answers for a task that has ended", () => {
    const scene = Scene.registered();
    scene.run(taskSpec("web.1"));
    scene.exit("web.1", 0);
    scene.take();
    assert.deepEqual(scene.answerTo(scene.kill("web.1")), { ok: true, known: true, state: "finished" });
    assert.deepEqual(signals(scene), []);
  });

  it("ends all tasks of a framework that was removed, and voids its offers by a new generation, once", () => {
    const scene = Scene.registered();
    scene.run(taskSpec("web.1"));
    const offer = scene.offer();
    scene.take();
    scene.do({ type: "removeAsked", reply: 50, epoch: 1, framework: "apps" });
    assert.deepEqual(scene.answerTo(50), { ok: true, tasks: 1 });
    assert.deepEqual(signals(scene), ["SIGTERM"]);
    scene.pass(1);
    assert.equal(scene.all("register").length, 1);
    scene.register();
    assert.deepEqual(scene.wordsTo(scene.accept([taskSpec("web.2")], { offer })), { "web.2": "stale" });
    scene.take();
    scene.exit("web.1");
    scene.do({ type: "removeAsked", reply: 51, epoch: 1, framework: "jobs" });
    scene.pass(1);
    scene.take();
    scene.do({ type: "removeAsked", reply: 52, epoch: 1, framework: "jobs" });
    scene.pass(1);
    assert.equal(scene.all("register").length, 0);
    scene.do({ type: "removeAsked", reply: 53, epoch: 0, framework: "apps" });
    const old = scene.answerTo(53);
    assert(old !== undefined && "ok" in old && !old.ok && old.error.epoch === 1);
  });

  it("ends tasks when the agent could not reach the cluster for as long as they allow", () => {
    const scene = Scene.registered();
    scene.run(taskSpec("web.1", { stopWhenCutOffMs: 10_000 }));
    scene.run(taskSpec("web.2"));
    scene.take();
    scene.pass(1);
    assert.equal(scene.all("reachCluster").length, 1);
    const sentAt = scene.at.mono;
    scene.do({ type: "clusterReached", sentAt });
    assert.equal(scene.all("tellReached").length, 1);
    scene.do({ type: "disconnected" });
    scene.pass(9998);
    assert.deepEqual(signals(scene), []);
    scene.pass(2);
    assert.deepEqual(
      scene.all("signalTask").map(({ task }) => task),
      ["web.1"],
    );
    scene.do({ type: "exited", task: "web.1", signal: "SIGTERM", reason: "exited" });
    scene.do({ type: "connected", fraction: 0 });
    assert.deepEqual(scene.published("web.1"), ["killing", "killed"]);
    assert.equal(scene.last("publishBatch").batch.updates.at(-1)?.reason, "cut-off");
  });

  it("believes the executor that ended a task for the same reason while the agent was away", () => {
    const scene = Scene.registered();
    scene.run(taskSpec("web.1", { stopWhenCutOffMs: 10_000 }));
    scene.take();
    scene.do({ type: "exited", task: "web.1", signal: "SIGTERM", reason: "cut-off" });
    const update = scene.last("publishBatch").batch.updates.at(-1);
    assert.deepEqual([update?.state, update?.reason], ["killed", "cut-off"]);
  });

  it("ends everything before it stops, if it was told to, and waits until that is stored", () => {
    const scene = Scene.registered();
    scene.run(taskSpec("web.1"));
    scene.take();
    scene.do({ type: "stopAsked", endTasks: true });
    assert.deepEqual(signals(scene), ["SIGTERM"]);
    assert.equal(scene.all("stop").length, 0);
    assert.deepEqual(scene.wordsTo(scene.accept([taskSpec("web.2")])), { "web.2": "unavailable" });
    scene.exit("web.1", 0);
    assert.equal(scene.all("stop").length, 0);
    scene.storeAll();
    assert.equal(scene.all("stop").length, 0);
    assert.deepEqual(scene.last("releaseTask"), { type: "releaseTask", kind: "process", task: "web.1" });
    scene.do({ type: "released", task: "web.1" });
    assert.deepEqual(scene.all("stop"), [{ type: "stop", fault: undefined }]);
  });

  it("stops without ending any task, when what is being written is written (R8)", () => {
    const scene = Scene.registered();
    scene.run(taskSpec("web.1"));
    scene.take();
    scene.journalAnswers = false;
    scene.exit("web.1", 0);
    scene.do({ type: "stopAsked", endTasks: false });
    assert.equal(scene.all("stop").length, 0);
    scene.written();
    assert.equal(scene.all("stop").length, 1);
    assert.deepEqual(signals(scene), []);
  });

  it("stops some day even if nothing answers any more", () => {
    const scene = Scene.registered();
    scene.run(taskSpec("web.1"));
    scene.take();
    scene.do({ type: "stopAsked", endTasks: true });
    // 5 s of grace, and 5 s more.
    scene.pass(9999);
    assert.equal(scene.all("stop").length, 0);
    scene.pass(1);
    assert.equal(scene.all("stop").length, 1);
  });
});
