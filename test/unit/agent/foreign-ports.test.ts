import assert from "node:assert/strict";
import { amounts } from "#libs/core/resources.js";
import { Scene, taskSpec } from "./scene.js";

// The ports for tasks are 31000 to 31009.
const portsOf = (scene: Scene) => scene.last("register").message.info.totals.ports;
const warningsOf = (scene: Scene) => scene.last("register").message.info.warnings;
const holding = (port: number) => ({ resources: amounts({ cpus: 0.1, ports: [[port, port]] }) });

/** Registered with what `takenPorts` leaves, the registration still among the effects. */
function started(takenPorts: readonly number[]): Scene {
  const scene = new Scene({ takenPorts });
  scene.do({ type: "loaded", records: [] });
  scene.connect();
  scene.tick();
  return scene;
}

describe("agent: ports that others have", () => {
  it("are left out of the totals from the first registration on, and named in a warning", () => {
    const scene = started([31_000, 31_004, 31_005]);
    assert.deepEqual(portsOf(scene), [
      [31_001, 31_003],
      [31_006, 31_009],
    ]);
    const words = "3 ports of 31000-31009 are taken by others and not offered: 31000, 31004-31005";
    assert.deepEqual(warningsOf(scene), [words]);
    assert.equal(scene.last("note").message, words);
    assert.equal(scene.last("note").level, "warn");
  });

  it("one is told of in the singular, many by the first ten", () => {
    assert.deepEqual(warningsOf(started([31_007])), [
      "1 port of 31000-31009 is taken by others and not offered: 31007",
    ]);
    const many = new Scene({ takenPorts: Array.from({ length: 12 }, (_, index) => 32_000 + 2 * index) });
    const info = { ...many.options.info, totals: amounts({ cpus: 1, ports: [[32_000, 32_100]] }) };
    const scene = new Scene({ ...many.options, info });
    scene.do({ type: "loaded", records: [] });
    assert.equal(
      scene.last("note").message,
      "12 ports of 32000-32100 are taken by others and not offered: " +
        "32000, 32002, 32004, 32006, 32008, 32010, 32012, 32014, 32016, 32018, …",
    );
  });

  it("while there are none, nothing is said", () => {
    const scene = started([]);
    assert.deepEqual(portsOf(scene), [[31_000, 31_009]]);
    assert.deepEqual(warningsOf(scene), []);
    assert.equal(scene.all("note").length, 0);
  });

  it("a task that runs on after a restart keeps its port; what others took meanwhile goes", () => {
    const scene = Scene.registered();
    scene.run(taskSpec("web.1", holding(31_000)));
    scene.restart({ takenPorts: [31_000, 31_001] });
    scene.recovered({ "web.1": "running" });
    scene.connect();
    scene.tick();
    assert.deepEqual(portsOf(scene), [
      [31_000, 31_000],
      [31_002, 31_009],
    ]);
  });

  it("are looked for once a minute, but not among those that tasks hold", () => {
    const scene = Scene.registered();
    scene.run(taskSpec("web.1", holding(31_000)));
    scene.take();
    scene.pass(60_000);
    assert.deepEqual(
      scene.all("lookAtPorts").map(({ ports }) => ports),
      [[[31_001, 31_009]]],
    );
    scene.do({ type: "portsSeen", taken: [] });
    scene.pass(60_000);
    assert.equal(scene.all("lookAtPorts").length, 2);
  });

  it("a port that came to be taken begins a generation without it, and one more when it is given back", () => {
    const scene = Scene.registered();
    scene.pass(60_000);
    scene.do({ type: "portsSeen", taken: [31_002] });
    scene.pass(1);
    assert.deepEqual(portsOf(scene), [
      [31_000, 31_001],
      [31_003, 31_009],
    ]);
    scene.register();
    scene.take();
    scene.do({ type: "portsSeen", taken: [31_002] });
    scene.pass(1);
    assert.equal(scene.all("register").length, 0, "nothing has changed");
    scene.do({ type: "portsSeen", taken: [] });
    scene.pass(1);
    assert.deepEqual(portsOf(scene), [[31_000, 31_009]]);
    assert.deepEqual(warningsOf(scene), []);
  });

  it("one that a task got while the look was under way is the task's", () => {
    const scene = Scene.registered();
    scene.pass(60_000);
    scene.run(taskSpec("web.1", holding(31_000)));
    scene.take();
    scene.do({ type: "portsSeen", taken: [31_000] });
    scene.pass(1);
    assert.equal(scene.all("register").length, 0);
  });

  it("a launch that met one makes it look at once; then with growing pauses, for it may be free again soon", () => {
    const scene = Scene.registered();
    scene.accept([taskSpec("web.1", holding(31_000))]);
    scene.take();
    const fault = { reason: "port-in-use", message: "port 31000 is in use by another program" } as const;
    scene.do({ type: "prepareFailed", task: "web.1", fault });
    const looks = () => scene.all("lookAtPorts").length;
    assert.deepEqual(scene.last("lookAtPorts").ports, [[31_000, 31_009]]);
    scene.do({ type: "portsSeen", taken: [31_000] });
    for (const [index, pauseMs] of [1000, 2000, 4000].entries()) {
      scene.pass(pauseMs - 1);
      assert.equal(looks(), index + 1);
      scene.pass(1);
      assert.equal(looks(), index + 2);
      scene.do({ type: "portsSeen", taken: [31_000] });
    }
  });

  it("other failures are no reason to look", () => {
    const scene = Scene.registered();
    scene.accept([taskSpec("web.1", holding(31_000))]);
    scene.do({ type: "prepared", task: "web.1" });
    scene.take();
    scene.do({ type: "launchFailed", task: "web.1", fault: { reason: "launch-failed", message: "no" } });
    assert.equal(scene.all("lookAtPorts").length, 0);
  });

  it("an accept that comes for one is refused in numbers", () => {
    const scene = Scene.registered();
    scene.do({ type: "portsSeen", taken: [31_000] });
    const reply = scene.accept([taskSpec("web.1", holding(31_000))]);
    assert.deepEqual(scene.wordsTo(reply), { "web.1": "exceeds-free" });
  });
});
