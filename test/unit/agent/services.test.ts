import assert from "node:assert/strict";
import type { TaskSpec } from "#protocol/task.js";
import { amounts } from "#libs/core/resources.js";
import { Scene, taskSpec } from "./scene.js";

const id = "em-test-agent-a-4:web.1:0";

const served = (more: Partial<TaskSpec> = {}): TaskSpec =>
  taskSpec("web.1", {
    resources: amounts({ cpus: 0.1, ports: [[31004, 31004]] }),
    services: [{ name: "web", port: 0, tags: ["blue"], meta: { team: "shop" } }],
    ...more,
  });

const check = { kind: "tcp", intervalMs: 1000, timeoutMs: 100, graceMs: 0, failuresMax: 0 } as const;

const registered = (): Scene => {
  const scene = Scene.registered();
  scene.run(served());
  scene.do({ type: "entryDone", id });
  return scene;
};

describe("agent: the service registry", () => {
  it("registers a task when it runs, with its address, port and ids", () => {
    const scene = Scene.registered();
    scene.accept([served()]);
    scene.do({ type: "prepared", task: "web.1" });
    assert.deepEqual(scene.all("registerEntry"), []);
    scene.do({ type: "launched", task: "web.1" });
    assert.deepEqual(scene.last("registerEntry").entry, {
      id,
      name: "web",
      address: "10.0.0.1",
      port: 31004,
      tags: ["blue"],
      meta: { team: "shop", "emporion-task": "web.1", "emporion-agent": "agent-a" },
    });
  });

  describe("while other tasks are on their way", () => {
    const two = (): Scene => {
      const scene = Scene.registered();
      scene.accept([served(), taskSpec("web.2")]);
      for (const task of ["web.1", "web.2"]) scene.do({ type: "prepared", task });
      scene.do({ type: "launched", task: "web.1" });
      assert.deepEqual(scene.all("registerEntry"), []);
      return scene;
    };

    it("registers when they run", () => {
      const scene = two();
      scene.do({ type: "launched", task: "web.2" });
      assert.equal(scene.last("registerEntry").entry.id, id);
    });

    it("registers when they fail", () => {
      const scene = two();
      scene.do({ type: "launchFailed", task: "web.2", fault: { reason: "launch-failed", message: "no" } });
      assert.equal(scene.last("registerEntry").entry.id, id);
    });

    it("registers after 250 ms though they are slow, and is held no second time", () => {
      const scene = two();
      scene.pass(249);
      assert.deepEqual(scene.all("registerEntry"), []);
      scene.pass(1);
      assert.equal(scene.all("registerEntry").length, 1);
      scene.do({ type: "entryFailed", id, message: "no" });
      scene.do({ type: "entriesListed", found: new Map() });
      assert.equal(scene.all("registerEntry").length, 2);
    });

    it("does not register what has ended meanwhile", () => {
      const scene = two();
      scene.do({ type: "exited", task: "web.1", reason: "exited", exitCode: 0 });
      scene.do({ type: "launched", task: "web.2" });
      assert.deepEqual(scene.all("registerEntry"), []);
    });
  });

  it("waits for the first success of a check, and then tells each change", () => {
    const scene = Scene.registered();
    scene.run(served({ healthCheck: check }));
    assert.deepEqual(scene.all("registerEntry"), []);
    const say = (healthy: boolean) => {
      scene.pass(1000);
      const { probe } = scene.last("probeTask");
      scene.do({ type: "probed", task: "web.1", probe, healthy, message: "" });
    };
    say(true);
    assert.deepEqual(scene.last("registerEntry").entry.check, { kind: "told", healthy: true });
    scene.do({ type: "entryDone", id });
    say(false);
    assert.deepEqual(scene.last("tellHealth"), { type: "tellHealth", id, healthy: false });
    scene.do({ type: "entryDone", id });
    assert.equal(scene.all("registerEntry").length, 1);
  });

  it("takes a task out before it stops it", () => {
    const scene = registered();
    scene.take();
    scene.kill("web.1");
    assert.equal(scene.last("deregisterEntry").id, id);
    assert.deepEqual(scene.all("signalTask"), []);
    scene.do({ type: "entryDone", id });
    assert.equal(scene.all("signalTask").length, 1);
  });

  it("lets no registry hold a kill up: one that fails at once, one that does not answer for a second", () => {
    const failing = registered();
    failing.take();
    failing.kill("web.1");
    failing.do({ type: "entryFailed", id, message: "connection refused" });
    assert.equal(failing.all("signalTask").length, 1);

    const silent = registered();
    silent.take();
    silent.kill("web.1");
    silent.pass(999);
    assert.deepEqual(silent.all("signalTask"), []);
    silent.pass(1);
    assert.equal(silent.all("signalTask").length, 1);
  });

  it("takes a task out that ended by itself", () => {
    const scene = registered();
    scene.exit("web.1", 1);
    assert.equal(scene.last("deregisterEntry").id, id);
  });

  it("removes what it was still registering when the task ended", () => {
    const scene = Scene.registered();
    scene.run(served());
    scene.exit("web.1", 1);
    assert.deepEqual(scene.all("deregisterEntry"), []);
    scene.do({ type: "entryDone", id });
    assert.equal(scene.last("deregisterEntry").id, id);
  });

  it("tries again what failed, with growing pauses", () => {
    const scene = Scene.registered();
    scene.run(served());
    scene.do({ type: "entryFailed", id, message: "500" });
    scene.pass(500);
    scene.do({ type: "entryFailed", id, message: "500" });
    scene.pass(999);
    assert.equal(scene.all("registerEntry").length, 2);
    scene.pass(1);
    assert.equal(scene.all("registerEntry").length, 3);
  });

  it("compares every 30 s: registers what is lost or differs, removes what is nobody's, leaves the rest alone", () => {
    const scene = registered();
    const fingerprint = JSON.stringify(scene.last("registerEntry").entry);
    scene.take();
    scene.pass(30_000);
    assert.equal(scene.last("listEntries").prefix, "em-test-agent-a-4:");
    scene.do({
      type: "entriesListed",
      found: new Map([
        [id, fingerprint],
        ["em-test-agent-a-4:old.1:0", "x"],
        ["em-test-agent-b-4:web.9:0", "x"],
      ]),
    });
    assert.deepEqual(scene.all("registerEntry"), []);
    assert.deepEqual(
      scene.all("deregisterEntry").map((effect) => effect.id),
      ["em-test-agent-a-4:old.1:0"],
    );
    scene.pass(30_000);
    scene.do({ type: "entriesListed", found: new Map() });
    assert.equal(scene.all("registerEntry").length, 1);
    scene.do({ type: "entryDone", id });
    scene.pass(30_000);
    scene.do({ type: "entriesListed", found: new Map([[id, "another fingerprint"]]) });
    assert.equal(scene.all("registerEntry").length, 2);
  });

  it("lets the registry be away for as long as it likes", () => {
    const scene = registered();
    scene.take();
    scene.pass(30_000);
    scene.do({ type: "entriesUnknown", message: "connection refused" });
    scene.pass(30_000);
    assert.equal(scene.all("listEntries").length, 2);
    scene.do({ type: "tasksAsked", reply: 60, query: {} });
    const answer = scene.answerTo(60);
    assert(answer !== undefined && "services" in answer);
    assert.deepEqual(answer.services, [
      {
        id,
        name: "web",
        address: "10.0.0.1",
        port: 31004,
        tags: ["blue"],
        task: "web.1",
        agent: "agent-a",
        healthy: true,
      },
    ]);
  });

  it("does not register again after its own death what is there as it shall be", () => {
    const scene = registered();
    const fingerprint = JSON.stringify(scene.last("registerEntry").entry);
    scene.restart();
    scene.take();
    scene.tick();
    const listed = scene.all("listEntries").length;
    assert.equal(listed, 1);
    scene.do({ type: "entriesListed", found: new Map([[id, fingerprint]]) });
    assert.deepEqual(scene.all("registerEntry"), []);
    assert.deepEqual(scene.all("deregisterEntry"), []);
  });

  it("asks the registry for at most 32 things at once", () => {
    const scene = Scene.registered();
    const services = Array.from({ length: 40 }, (_, number) => ({ name: `s${number}`, tags: [], meta: {} }));
    scene.run(served({ services }));
    assert.equal(scene.all("registerEntry").length, 32);
    scene.do({ type: "entryDone", id });
    assert.equal(scene.all("registerEntry").length, 33);
  });
});
