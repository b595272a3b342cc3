import assert from "node:assert/strict";
import { amounts } from "#libs/core/resources.js";
import { Scene, taskSpec } from "./scene.js";

/** Two tasks run; the agent's process dies and begins again. */
function restarted(options: { readonly hostBoot?: string } = {}): Scene {
  const scene = Scene.registered();
  scene.run(taskSpec("web.1", { resources: amounts({ cpus: 0.4 }) }));
  scene.run(taskSpec("web.2", { resources: amounts({ cpus: 0.4 }) }));
  scene.restart(options);
  return scene;
}

const connect = (scene: Scene): void => {
  scene.connect();
  scene.pass(1);
  // That the last updates were stored had not been written down: they are published once more.
  scene.storeAll();
};

const lastUpdate = (scene: Scene) => scene.last("publishBatch").batch.updates.at(-1);

describe("agent: after its own death", () => {
  it("looks for what the journal has, and counts it as used from the first moment on (R1, R8)", () => {
    const scene = restarted();
    assert.deepEqual(
      scene.all("recoverTasks").map(({ kind, orders }) => [kind, orders.map(({ spec }) => spec.id)]),
      [["process", ["web.1", "web.2"]]],
    );
    connect(scene);
    assert.equal(scene.all("register").length, 0);
    scene.recovered({ "web.1": "running", "web.2": "running" });
    scene.pass(1);
    const { message } = scene.last("register");
    assert.deepEqual(message.report.use, [
      { framework: "apps", role: "web", resources: amounts({ cpus: 0.8 }), tasks: 2 },
    ]);
    assert.equal(scene.all("launchTask").length, 0);
  });

  it("says nothing new about what goes on, and the true exit of what ended meanwhile", () => {
    const scene = restarted();
    connect(scene);
    scene.take();
    scene.recovered({ "web.1": "running", "web.2": "ended" });
    assert.deepEqual(scene.all("publishBatch"), []);
    scene.do({ type: "exited", task: "web.2", exitCode: 7, reason: "exited" });
    const update = lastUpdate(scene);
    assert.deepEqual(
      [update?.task, update?.state, update?.exitCode, update?.number],
      ["web.2", "failed", 7, 4],
    );
    scene.exit("web.1", 0);
  });

  it("fails what is gone: exit unknown, or the host was started anew", () => {
    const gone = (scene: Scene) => {
      connect(scene);
      scene.recovered({});
      const update = lastUpdate(scene);
      return [update?.state, update?.reason];
    };
    assert.deepEqual(gone(restarted()), ["failed", "exit-unknown"]);
    assert.deepEqual(gone(restarted({ hostBoot: "host-2" })), ["failed", "host-restarted"]);
  });

  it("fails what was recorded but never started, with a number above the one that was told before", () => {
    const scene = Scene.registered();
    scene.accept([taskSpec("web.1")]);
    scene.do({ type: "reconcileAsked", reply: 90, framework: "apps", session: { epoch: 1, counter: 1 } });
    const told = scene.answerTo(90);
    assert(told !== undefined && "tasks" in told && Array.isArray(told.tasks));
    assert.equal(told.tasks[0]?.latest.number, 2);
    scene.restart();
    connect(scene);
    scene.recovered({ "web.1": "absent" });
    const update = lastUpdate(scene);
    assert.deepEqual([update?.state, update?.reason, update?.number], ["failed", "never-started", 3]);
  });

  it("says running of what was started in the last moment", () => {
    const scene = Scene.registered();
    scene.accept([taskSpec("web.1")]);
    scene.restart();
    connect(scene);
    scene.recovered({ "web.1": "running" });
    assert.deepEqual(scene.published("web.1"), ["running"]);
  });

  it("publishes again what the stream may not have, under a new generation (R5)", () => {
    const scene = Scene.registered();
    scene.run(taskSpec("web.1"));
    scene.exit("web.1", 4);
    const before = scene.last("publishBatch").batch;
    scene.restart();
    scene.do({ type: "connected", fraction: 0 });
    const { batch } = scene.last("publishBatch");
    assert.deepEqual(
      batch.updates.map(({ task, state }) => [task, state]),
      // Running had been stored, and that was written down together with the end.
      [["web.1", "failed"]],
    );
    assert(batch.generation > before.generation);
  });

  it("goes on with a kill that was under way", () => {
    const scene = Scene.registered();
    scene.run(taskSpec("web.1"));
    scene.kill("web.1");
    scene.restart();
    scene.take();
    scene.recovered({ "web.1": "running" });
    assert.deepEqual(scene.last("signalTask"), {
      type: "signalTask",
      kind: "process",
      task: "web.1",
      force: false,
    });
    connect(scene);
    scene.do({ type: "exited", task: "web.1", signal: "SIGTERM", reason: "exited" });
    assert.equal(scene.last("publishBatch").batch.updates.at(-1)?.state, "killed");
  });

  it("asks an executor again that cannot answer now; its tasks keep what they hold", () => {
    const scene = restarted();
    connect(scene);
    scene.take();
    scene.do({ type: "recoverFailed", kind: "process", message: "the engine is down" });
    scene.pass(1);
    assert.equal(scene.last("register").message.report.use[0]?.tasks, 2);
    scene.pass(1000);
    assert.equal(scene.all("recoverTasks").length, 1);
    scene.recovered({ "web.1": "running", "web.2": "running" });
    scene.exit("web.1", 0);
    assert.deepEqual(scene.published("web.1"), ["finished"]);
  });

  it("knows task ids over its death (R3), and takes no offer of before (R2)", () => {
    const scene = Scene.registered();
    const offer = scene.offer();
    const late = scene.offer();
    scene.accept([taskSpec("web.1", { resources: amounts({ cpus: 0.1 }) })], { offer });
    scene.restart();
    connect(scene);
    scene.recovered({ "web.1": "running" });
    const repeated = scene.accept([taskSpec("web.1")], { offer });
    assert.deepEqual(scene.wordsTo(repeated), { "web.1": "ok" });
    assert.deepEqual(scene.wordsTo(scene.accept([taskSpec("web.2")], { offer: late })), { "web.2": "stale" });
  });

  it("keeps fencing off a session that it has seen an accept of", () => {
    const scene = Scene.registered();
    const session = { epoch: 1, counter: 4 };
    scene.accept([taskSpec("web.1")], { offer: scene.offer({ session }) });
    scene.restart();
    const reply = scene.kill("web.1", { session: { epoch: 1, counter: 3 } });
    const answer = scene.answerTo(reply);
    assert(answer !== undefined && "ok" in answer && !answer.ok);
  });

  it("remembers the epoch of a leader under whom it took a task, also when it began no generation under him (R6)", () => {
    const scene = Scene.registered();
    scene.accept([taskSpec("web.1")], {
      offer: scene.offer({ epoch: 4, session: { epoch: 4, counter: 1 } }),
    });
    scene.restart();
    connect(scene);
    scene.recovered({ "web.1": "running" });
    scene.pass(1);
    assert.equal(scene.last("register").message.report.epoch, 4);
  });

  it("goes on from a compacted journal as from a long one", () => {
    const scene = Scene.registered();
    scene.run(taskSpec("web.1"));
    scene.accept([taskSpec("web.2")], { offer: scene.offer({ resources: amounts({ cpus: 0.1, mem: 32 }) }) });
    for (let number = 0; scene.journal[0]?.type !== "cut" || scene.journal[1]?.type !== "task"; number++) {
      assert(number < 3000, "it is compacted some day");
      scene.kill("unknown");
      scene.do({ type: "connected", fraction: 0 });
      scene.pass(1);
      scene.register();
      scene.take();
    }
    scene.restart();
    assert.deepEqual(
      scene.last("recoverTasks").orders.map(({ spec }) => spec.id),
      ["web.1", "web.2"],
    );
  });

  it("removes sandboxes that nobody knows", () => {
    const scene = restarted();
    scene.do({ type: "sandboxesFound", tasks: ["web.1", "old.9"] });
    assert.deepEqual(scene.last("collectTask"), { type: "collectTask", task: "old.9", kind: undefined });
    assert.equal(scene.all("collectTask").length, 1);
  });
});

describe("agent: two of one id", () => {
  const other = { agent: "agent-a", bootId: "boot-9", startedAt: 1, settled: true };

  it("does not start where another one is settled, and says what to do", () => {
    const scene = new Scene();
    scene.do({ type: "loaded", records: [] });
    scene.do({ type: "connected", fraction: 0 });
    scene.do({ type: "othersFound", others: [{ ...other, startedAt: scene.at.wall + 5 }] });
    assert.match(scene.last("stop").fault ?? "", /another process \(boot boot-9\) runs as agent agent-a/);
    assert.equal(scene.all("beFound").length, 0);
    scene.pass(1);
    assert.equal(scene.all("register").length, 0);
  });

  it("stays when the other one is only starting, or is its own echo", () => {
    const scene = Scene.registered();
    scene.do({ type: "othersFound", others: [{ ...other, settled: false }] });
    scene.do({ type: "othersFound", others: [{ ...other, bootId: "boot-1" }] });
    assert.equal(scene.all("stop").length, 0);
  });

  it("yields to the older one when a parted network is one again", () => {
    const scene = Scene.registered();
    scene.do({ type: "othersFound", others: [{ ...other, startedAt: scene.at.wall + 1 }] });
    assert.equal(scene.all("stop").length, 0);
    scene.do({ type: "othersFound", others: [other] });
    assert.equal(scene.all("stop").length, 1);
  });

  it("looks once more a moment after its start, and tells who asks", () => {
    const scene = Scene.registered();
    scene.pass(2000);
    assert.equal(scene.all("findOthers").length, 1);
    scene.do({ type: "whoAsked", reply: 5 });
    assert.deepEqual(scene.answerTo(5), {
      agent: "agent-a",
      bootId: "boot-1",
      startedAt: scene.at.wall - 2000,
      settled: true,
    });
  });
});
