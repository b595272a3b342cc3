import assert from "node:assert/strict";
import type { DrainOrder } from "#protocol/agent.js";
import { Scene, taskSpec } from "./scene.js";

let replies = 1000;

const order = (scene: Scene, order: DrainOrder, epoch = 1): number => {
  const reply = ++replies;
  scene.do({ type: "drainAsked", reply, epoch, order });
  return reply;
};

const killed = (scene: Scene): string[] => [...new Set(scene.all("signalTask").map(({ task }) => task))];

const drainTold = (scene: Scene) => scene.last("register").message.drain;

describe("agent: drain", () => {
  it("takes no new tasks, and lets go on what runs", () => {
    const scene = Scene.registered();
    scene.run(taskSpec("web.1"));
    const offer = scene.offer();
    scene.accept([taskSpec("web.2")], { offer });
    scene.take();
    assert.deepEqual(scene.answerTo(order(scene, { number: 1, draining: true })), { ok: true });
    assert.deepEqual(scene.wordsTo(scene.accept([taskSpec("web.3")])), { "web.3": "offer-void" });
    // What was answered once is answered the same again (R3).
    assert.deepEqual(scene.wordsTo(scene.accept([taskSpec("web.2")], { offer })), { "web.2": "ok" });
    scene.pass(24 * 3_600_000);
    assert.deepEqual(killed(scene), []);
  });

  it("answers when the order is recorded, not before", () => {
    const scene = Scene.registered();
    scene.journalAnswers = false;
    const reply = order(scene, { number: 1, draining: true });
    assert.equal(scene.answerTo(reply), undefined);
    scene.journalAnswers = true;
    scene.written();
    assert.deepEqual(scene.answerTo(reply), { ok: true });
  });

  it("ends what still runs at the deadline, by itself, and says why", () => {
    const scene = Scene.registered();
    scene.run(taskSpec("web.1"));
    scene.accept([taskSpec("web.2")]);
    scene.do({ type: "disconnected" });
    order(scene, { number: 1, draining: true, deadlineInMs: 60_000 });
    scene.pass(59_999);
    assert.deepEqual(killed(scene), []);
    scene.pass(1);
    assert.deepEqual(killed(scene), ["web.1"]);
    scene.do({ type: "connected", fraction: 0 });
    scene.storeAll();
    scene.do({ type: "exited", task: "web.1", signal: "SIGTERM", reason: "exited" });
    scene.storeAll();
    const ends = scene
      .all("publishBatch")
      .flatMap(({ batch }) => batch.updates)
      .filter(({ state }) => state === "killed");
    assert.deepEqual(
      [...new Set(ends.map(({ task, reason }) => `${task} ${reason}`))],
      ["web.2 drained", "web.1 drained"],
    );
    assert.match(ends[0]?.message ?? "", /deadline of 60 s has passed, before it ran/);
    // Fails when a deadline that is over is left behind.
    scene.pass(1);
  });

  it("keeps the first deadline of an order that is told again; a later order changes it", () => {
    const scene = Scene.registered();
    scene.run(taskSpec("web.1"));
    order(scene, { number: 1, draining: true, deadlineInMs: 60_000 });
    scene.pass(50_000);
    order(scene, { number: 1, draining: true, deadlineInMs: 60_000 });
    scene.pass(9999);
    assert.deepEqual(killed(scene), []);
    order(scene, { number: 2, draining: true, deadlineInMs: 30_000 });
    scene.pass(29_999);
    assert.deepEqual(killed(scene), []);
    scene.pass(1);
    assert.deepEqual(killed(scene), ["web.1"]);
  });

  it("ends everything at once without time", () => {
    const scene = Scene.registered();
    scene.run(taskSpec("web.1"));
    order(scene, { number: 1, draining: true, deadlineInMs: 0 });
    assert.deepEqual(killed(scene), ["web.1"]);
  });

  it("takes tasks again when it is activated; an older order that comes late changes nothing", () => {
    const scene = Scene.registered();
    scene.run(taskSpec("web.1"));
    order(scene, { number: 1, draining: true, deadlineInMs: 60_000 });
    order(scene, { number: 2, draining: false });
    order(scene, { number: 1, draining: true, deadlineInMs: 60_000 });
    assert.deepEqual(scene.wordsTo(scene.accept([taskSpec("web.2")])), { "web.2": "ok" });
    scene.pass(120_000);
    assert.deepEqual(killed(scene), []);
  });

  it("remembers the order and what time is left over its own death, and tells the leader", () => {
    const scene = Scene.registered();
    scene.run(taskSpec("web.1"));
    order(scene, { number: 3, draining: true, deadlineInMs: 60_000 });
    scene.pass(20_000);
    scene.restart();
    scene.recovered({ "web.1": "running" });
    scene.connect();
    scene.tick();
    // 60 s, less 20 s before and 1 s of the restart
    assert.deepEqual(drainTold(scene), { number: 3, draining: true, deadlineInMs: 39_000 });
    scene.register();
    assert.deepEqual(scene.wordsTo(scene.accept([taskSpec("web.2")])), { "web.2": "offer-void" });
    scene.pass(38_999);
    assert.deepEqual(killed(scene), []);
    scene.pass(1);
    assert.deepEqual(killed(scene), ["web.1"]);
  });

  it("has no more time than was given when the clock was set back meanwhile", () => {
    const scene = Scene.registered();
    order(scene, { number: 1, draining: true, deadlineInMs: 60_000 });
    scene.at = { ...scene.at, wall: scene.at.wall - 3_600_000 };
    scene.restart();
    scene.connect();
    scene.tick();
    assert.equal(drainTold(scene)?.deadlineInMs, 60_000);
  });

  it("hears of the order with its registration", () => {
    const scene = new Scene();
    scene.do({ type: "loaded", records: [] });
    scene.connect();
    scene.tick();
    const { attempt, message } = scene.last("register");
    assert.equal(message.drain, undefined);
    const drain = { number: 7, draining: true };
    scene.do({ type: "registered", attempt, epoch: 1, master: "m", reportIntervalMs: 5000, drain });
    assert.deepEqual(scene.wordsTo(scene.accept([taskSpec("web.1")])), { "web.1": "offer-void" });
  });

  it("is kept when the journal is compacted", () => {
    const scene = Scene.registered();
    order(scene, { number: 1, draining: true });
    for (let each = 0; scene.all("compactRecords").length === 0 && each < 5000; each++) {
      scene.take();
      order(scene, { number: 2 + each, draining: true });
    }
    const drains = scene.last("compactRecords").records.filter(({ type }) => type === "drain");
    assert.equal(drains.length, 1);
  });

  it("is not ordered by a leader whose epoch is over (R6)", () => {
    const scene = Scene.registered();
    scene.do({ type: "leaderAnnounced", epoch: 5, master: "m", fraction: 0 });
    const answer = scene.answerTo(order(scene, { number: 1, draining: true }, 4));
    assert.equal(answer !== undefined && "error" in answer && answer.error?.code, "stale");
  });
});
