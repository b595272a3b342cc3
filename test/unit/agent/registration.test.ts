import assert from "node:assert/strict";
import { Scene, taskSpec } from "./scene.js";

const started = (): Scene => {
  const scene = new Scene();
  scene.do({ type: "loaded", records: [] });
  scene.connect();
  scene.tick();
  return scene;
};

const generations = (scene: Scene) => scene.all("register").map(({ message }) => message.report.generation);

describe("agent: registration", () => {
  it("registers as soon as it is connected, with its totals, executors and attributes", () => {
    const scene = started();
    const { message } = scene.last("register");
    assert.equal(message.bootId, "boot-1");
    assert.equal(message.info.id, "agent-a");
    assert.deepEqual(
      message.info.executors.map(({ kind }) => kind),
      ["process", "container"],
    );
    assert.deepEqual(generations(scene), [1]);
  });

  it("writes a generation down before anybody hears of it", () => {
    const scene = Scene.registered();
    scene.journalAnswers = false;
    scene.do({ type: "leaderAnnounced", epoch: 2, master: "master-2", fraction: 0 });
    scene.pass(1);
    assert.equal(scene.all("register").length, 0);
    assert.equal(scene.last("appendRecords").records[0]?.type, "cut");
    scene.written();
    assert.deepEqual(generations(scene), [2]);
  });

  it("nor when it is to register once more while that is being written", () => {
    const scene = Scene.registered();
    scene.journalAnswers = false;
    scene.do({ type: "leaderAnnounced", epoch: 2, master: "master-2", fraction: 0 });
    scene.pass(1);
    scene.do({ type: "leaderAnnounced", epoch: 3, master: "master-3", fraction: 0 });
    scene.pass(1);
    assert.deepEqual(generations(scene), []);
    scene.written();
    assert.deepEqual(generations(scene), [2]);
  });

  it("tries again in the same generation while nobody gets it, with growing pauses", () => {
    const scene = started();
    for (let count = 0; count < 3; count++) {
      scene.do({ type: "registrationFailed", attempt: scene.last("register").attempt, unseen: true });
      scene.pass(100 * 2 ** count);
    }
    assert.deepEqual(generations(scene), [1, 1, 1, 1]);
  });

  it("begins a new generation when it is not known whether the last was heard", () => {
    const scene = started();
    scene.do({ type: "registrationFailed", attempt: 1, unseen: false });
    scene.pass(100);
    assert.deepEqual(generations(scene), [1, 2]);
  });

  it("does not listen to the answer of an attempt that it has given up", () => {
    const scene = started();
    scene.do({ type: "registrationFailed", attempt: 1, unseen: false });
    scene.do({ type: "registered", attempt: 0, epoch: 9, master: "m", reportIntervalMs: 1 });
    scene.pass(100);
    scene.register(1);
    scene.take();
    scene.do({ type: "registered", attempt: 1, epoch: 9, master: "m", reportIntervalMs: 1 });
    scene.pass(1000);
    assert.deepEqual(scene.all("report"), []);
  });

  it("registers under an epoch that is news, spread out by chance, and not again for the same one", () => {
    const scene = Scene.registered();
    scene.do({ type: "leaderAnnounced", epoch: 1, master: "master-1", fraction: 0 });
    scene.pass(1);
    assert.deepEqual(generations(scene), []);
    scene.do({ type: "leaderAnnounced", epoch: 2, master: "master-2", fraction: 0.5 });
    scene.pass(124);
    assert.deepEqual(generations(scene), []);
    scene.pass(1);
    assert.deepEqual(generations(scene), [2]);
    scene.register(2);
    scene.do({ type: "leaderAnnounced", epoch: 1, master: "master-1", fraction: 0 });
    scene.pass(10);
    assert.deepEqual(generations(scene), [2]);
  });

  it("registers within the time over which the leader wants registrations spread", () => {
    const scene = Scene.registered();
    scene.do({ type: "leaderAnnounced", epoch: 2, master: "master-2", fraction: 0.5, spreadMs: 2000 });
    scene.pass(999);
    assert.deepEqual(generations(scene), []);
    scene.pass(1);
    assert.deepEqual(generations(scene), [2]);
  });

  it("does not follow a leader of an older epoch than it has heard (R6)", () => {
    const scene = started();
    scene.do({ type: "leaderAnnounced", epoch: 5, master: "master-5", fraction: 0 });
    scene.pass(1);
    scene.take();
    scene.do({ type: "registered", attempt: 2, epoch: 4, master: "master-4", reportIntervalMs: 5000 });
    scene.pass(100);
    assert.equal(scene.all("register").length, 1);
    assert.equal(scene.last("register").message.report.epoch, 5);
  });

  it("asks seldom when it is refused, and tells the operator why", () => {
    const scene = started();
    const error = { code: "forbidden" as const, message: "agent agent-a was removed by an operator" };
    scene.take();
    scene.do({ type: "registrationRefused", attempt: 1, error });
    assert.deepEqual(scene.last("note").fields, { error });
    scene.pass(999);
    assert.equal(scene.all("register").length, 0);
    scene.pass(1);
    assert.equal(scene.all("register").length, 1);
  });

  it("registers again after a connection that was lost, and after a long sleep", () => {
    const scene = Scene.registered();
    scene.do({ type: "disconnected" });
    scene.do({ type: "connected", fraction: 0.2 });
    scene.pass(50);
    assert.deepEqual(generations(scene), [2]);
    scene.register();
    scene.at = { mono: scene.at.mono + 60_000, wall: scene.at.wall + 60_000 };
    scene.tick();
    assert.deepEqual(generations(scene), [2, 3]);
  });

  it("reports in every interval, and not while it is disconnected", () => {
    const scene = Scene.registered();
    scene.pass(10_000);
    const sequences = scene.all("report").map(({ report }) => report.sequence);
    assert.equal(sequences.length, 2);
    assert(sequences[0]! < sequences[1]!);
    scene.do({ type: "disconnected" });
    scene.take();
    scene.pass(10_000);
    assert.deepEqual(scene.all("report"), []);
  });

  it("answers a rescind with a report made after it, and refuses an old epoch and generation", () => {
    const scene = Scene.registered();
    const [first, second] = [scene.offer(), scene.offer()];
    scene.do({ type: "rescindAsked", reply: 40, epoch: 1, generation: 1, offers: [2], floor: 1 });
    const answer = scene.answerTo(40);
    assert(answer !== undefined && "report" in answer);
    assert.deepEqual(answer.report.settled, [2]);
    assert.deepEqual(scene.wordsTo(scene.accept([taskSpec("web.2")], { offer: second })), {
      "web.2": "offer-void",
    });
    assert.deepEqual(scene.wordsTo(scene.accept([taskSpec("web.1")], { offer: first })), { "web.1": "ok" });

    scene.do({ type: "rescindAsked", reply: 41, epoch: 1, generation: 7, offers: [], floor: 1 });
    scene.do({ type: "rescindAsked", reply: 42, epoch: 0, generation: 1, offers: [], floor: 1 });
    for (const reply of [41, 42]) {
      const refused = scene.answerTo(reply);
      assert(refused !== undefined && "error" in refused);
      assert.equal(refused.error.code, "stale");
    }
  });

  it("registers with the leader whose rescind tells it of a new epoch", () => {
    const scene = Scene.registered();
    scene.do({ type: "rescindAsked", reply: 40, epoch: 3, generation: 1, offers: [], floor: 1 });
    scene.pass(1);
    assert.equal(scene.last("register").message.report.epoch, 3);
  });

  it("registers with a leader that has forgotten it, in a generation of its own", () => {
    const scene = Scene.registered();
    const offer = scene.offer();
    const register = { offers: [], floor: 1, register: true };
    scene.do({ type: "rescindAsked", reply: 40, epoch: 1, generation: 1, ...register });
    assert(scene.answerTo(40) !== undefined);
    scene.pass(1);
    assert.equal(scene.last("register").message.report.generation, 2);
    const words = scene.wordsTo(scene.accept([taskSpec("web.1")], { offer }));
    assert.deepEqual(words, { "web.1": "stale" });
  });

  it("reports the last 256 settled offers, not below the floor", () => {
    const scene = Scene.registered();
    const numbers = Array.from({ length: 400 }, (_, index) => index + 1);
    scene.do({ type: "rescindAsked", reply: 1, epoch: 1, generation: 1, offers: numbers, floor: 1 });
    scene.do({ type: "rescindAsked", reply: 2, epoch: 1, generation: 1, offers: [], floor: 300 });
    const settled = (reply: number) => {
      const answer = scene.answerTo(reply);
      assert(answer !== undefined && "report" in answer);
      return answer.report.settled;
    };
    assert.deepEqual([settled(1).length, settled(1)[0]], [256, 145]);
    assert.deepEqual([settled(2).length, settled(2)[0]], [101, 300]);
  });

  it("registers anew when its executors have changed", () => {
    const scene = Scene.registered();
    const before = [...scene.options.executors];
    scene.pass(60_000);
    assert.equal(scene.all("detectExecutors").length, 1);
    scene.do({ type: "executorsDetected", executors: before, warnings: [] });
    scene.pass(1);
    assert.equal(scene.all("register").length, 0);
    scene.do({ type: "executorsDetected", executors: before.slice(0, 1), warnings: ["container: gone"] });
    scene.pass(1);
    assert.deepEqual(scene.last("register").message.info.warnings, ["container: gone"]);
  });
});
