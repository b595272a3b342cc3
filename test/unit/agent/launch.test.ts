import assert from "node:assert/strict";
import { amounts } from "#libs/core/resources.js";
import { Scene, session, taskSpec } from "./scene.js";

describe("agent: the way of a task", () => {
  it("records an accept, then answers, then prepares and launches", () => {
    const scene = Scene.registered();
    scene.journalAnswers = false;
    const reply = scene.accept([taskSpec("web.1")]);

    assert.deepEqual(
      scene.take().map(({ type }) => type),
      ["appendRecords"],
    );
    scene.written();
    assert.deepEqual(scene.wordsTo(reply), { "web.1": "ok" });
    assert.deepEqual(scene.last("prepareTask"), {
      type: "prepareTask",
      task: "web.1",
      user: "nobody",
      artifacts: [],
      ports: [],
    });
    assert.equal(scene.all("launchTask").length, 0);

    scene.do({ type: "prepared", task: "web.1" });
    assert.equal(scene.last("launchTask").order.spec.id, "web.1");
  });

  it("publishes running only when it is in the journal", () => {
    const scene = Scene.registered();
    scene.accept([taskSpec("web.1")]);
    scene.do({ type: "prepared", task: "web.1" });
    scene.journalAnswers = false;
    scene.do({ type: "launched", task: "web.1" });
    assert.deepEqual(scene.published("web.1"), []);
    scene.written();
    assert.deepEqual(scene.published("web.1"), ["running"]);
  });

  it("puts accepts that come while a write is under way into one next write", () => {
    const scene = Scene.registered();
    scene.journalAnswers = false;
    for (let number = 1; number <= 5; number++)
      scene.accept([taskSpec(`web.${number}`)], {
        offer: scene.offer({ resources: amounts({ cpus: 0.2, mem: 64 }) }),
      });

    assert.deepEqual(
      scene.all("appendRecords").map(({ records }) => records.length),
      [1],
    );
    scene.written();
    assert.deepEqual(
      scene.all("appendRecords").map(({ records }) => records.length),
      [1, 4],
    );
  });

  it("finishes a task that ends with 0, fails it otherwise, and frees what it had", () => {
    const scene = Scene.registered();
    scene.run(taskSpec("web.1", { resources: amounts({ cpus: 1, mem: 100 }) }));
    scene.take();
    scene.exit("web.1", 0);
    assert.deepEqual(scene.published("web.1"), ["finished"]);

    scene.run(taskSpec("web.2", { resources: amounts({ cpus: 1, mem: 100 }) }));
    scene.take();
    scene.exit("web.2", 3);
    const [update] = scene.last("publishBatch").batch.updates;
    assert.deepEqual(
      { state: update?.state, reason: update?.reason, exitCode: update?.exitCode, message: update?.message },
      { state: "failed", reason: "exited", exitCode: 3, message: "exit code 3" },
    );
  });

  it("fails a task whose port somebody else has, in words", () => {
    const scene = Scene.registered();
    scene.accept([taskSpec("web.1", { resources: amounts({ cpus: 0.1, ports: [[31000, 31000]] }) })]);
    assert.deepEqual(scene.last("prepareTask").ports, [31000]);
    const fault = { reason: "port-in-use", message: "port 31000 is in use by another program" } as const;
    scene.do({ type: "prepareFailed", task: "web.1", fault });
    const [update] = scene.last("publishBatch").batch.updates;
    assert.equal(update?.state, "failed");
    assert.equal(update?.reason, "port-in-use");
    assert.equal(scene.all("launchTask").length, 0);
  });

  it("leaves the ports of a bridged container to the engine", () => {
    const scene = Scene.registered();
    scene.accept([
      taskSpec("box.1", {
        workload: { kind: "container", image: "busybox", network: "bridge" },
        resources: amounts({ cpus: 0.1, ports: [[31000, 31000]] }),
      }),
    ]);
    assert.deepEqual(scene.last("prepareTask").ports, []);
    assert.equal(scene.last("prepareTask").user, undefined);
  });

  it("tells the task where and who it is", () => {
    const scene = Scene.registered();
    scene.accept([
      taskSpec("web.1", {
        resources: amounts({
          cpus: 0.5,
          mem: 64,
          ports: [
            [31005, 31005],
            [31001, 31002],
          ],
        }),
      }),
    ]);
    scene.do({ type: "prepared", task: "web.1" });
    assert.deepEqual(scene.last("launchTask").order.env, {
      EMPORION_TASK_ID: "web.1",
      EMPORION_TASK_NAME: "web",
      EMPORION_FRAMEWORK: "apps",
      EMPORION_AGENT: "agent-a",
      EMPORION_HOST: "10.0.0.1",
      EMPORION_CPUS: "0.5",
      EMPORION_MEM: "64",
      MESOS_TASK_ID: "web.1",
      HOST: "10.0.0.1",
      PORT: "31005",
      PORTS: "31005,31001,31002",
      PORT0: "31005",
      PORT1: "31001",
      PORT2: "31002",
    });
  });

  it("ignores what comes about a task that has ended (R4)", () => {
    const scene = Scene.registered();
    scene.run(taskSpec("web.1"));
    scene.exit("web.1", 0);
    scene.take();
    scene.exit("web.1", 1);
    scene.do({ type: "launched", task: "web.1" });
    assert.deepEqual(scene.all("publishBatch"), []);
    assert.deepEqual(scene.all("appendRecords"), []);
  });

  it("refuses what it cannot write down, and takes it when the disk takes records again", () => {
    const scene = Scene.registered();
    scene.journalAnswers = false;
    const reply = scene.accept([taskSpec("web.1", { resources: amounts({ cpus: 1 }) })]);
    scene.do({ type: "writeFailed", message: "ENOSPC: no space left on device" });
    assert.deepEqual(scene.wordsTo(reply), { "web.1": "unavailable" });
    assert.equal(scene.all("prepareTask").length, 0);

    // Nothing is held for it, and its id keeps its first answer (R3).
    scene.journalAnswers = true;
    const again = scene.accept([taskSpec("web.1")]);
    const other = scene.accept([taskSpec("web.2", { resources: amounts({ cpus: 1 }) })]);
    scene.pass(1000);
    assert.deepEqual(scene.wordsTo(again), { "web.1": "unavailable" });
    assert.deepEqual(scene.wordsTo(other), { "web.2": "ok" });
  });

  it("keeps an update that could not be written and publishes it later", () => {
    const scene = Scene.registered();
    scene.run(taskSpec("web.1"));
    scene.take();
    scene.journalAnswers = false;
    scene.exit("web.1", 0);
    scene.do({ type: "writeFailed", message: "ENOSPC" });
    assert.deepEqual(scene.published("web.1"), []);
    scene.journalAnswers = true;
    scene.pass(1000);
    assert.deepEqual(scene.published("web.1"), ["finished"]);
  });

  it("compacts the journal when it holds much more than the tasks need", () => {
    const scene = Scene.registered();
    for (let number = 0; number < 1200; number++) {
      scene.run(taskSpec(`web.${number}`));
      scene.exit(`web.${number}`, 0);
      scene.storeAll();
      scene.take();
    }
    assert(scene.journal.length < 9000, `${scene.journal.length} records`);
    scene.run(taskSpec("web.last"));
    const before = scene.journal.length;
    scene.restart();
    scene.recovered({ "web.last": "running" });
    assert(before > 0);
    assert.deepEqual(scene.published("web.last"), []);
  });

  it("counts what was accepted in the report, soon and once", () => {
    const scene = Scene.registered();
    scene.take();
    scene.accept([taskSpec("web.1")], { filterMs: 5000 });
    scene.accept([taskSpec("web.2")], { offer: scene.offer({ resources: amounts({ cpus: 0.1, mem: 32 }) }) });
    scene.pass(9);
    assert.equal(scene.all("report").length, 0);
    scene.pass(1);
    const { report } = scene.last("report");
    assert.deepEqual(report.use, [
      { framework: "apps", role: "web", resources: amounts({ cpus: 0.2, mem: 64 }), tasks: 2 },
    ]);
    assert.deepEqual(report.settled, [1, 2]);
    // 1 − 0.1 cores, 512 − 32 MiB and all ten ports are left of the first offer, nothing of the second.
    assert.deepEqual(report.refused, [
      {
        framework: "apps",
        role: "web",
        resources: amounts({ cpus: 0.9, mem: 480, ports: [[31000, 31009]] }),
        filterMs: 5000,
        offer: 1,
      },
    ]);
    scene.pass(4000);
    assert.equal(scene.all("report").length, 1);
  });

  it("uses the session of the accept to fence off older ones", () => {
    const scene = Scene.registered();
    const newer = { epoch: 1, counter: 2 };
    scene.accept([taskSpec("web.1")], { offer: scene.offer({ session: newer }) });
    const late = scene.accept([taskSpec("web.2")], { offer: scene.offer({ session }) });
    assert.deepEqual(scene.wordsTo(late), { "web.2": "stale" });
  });
});
