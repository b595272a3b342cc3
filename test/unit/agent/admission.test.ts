import assert from "node:assert/strict";
import { refusal } from "#protocol/errors.js";
import type { LaunchAnswer } from "#protocol/launch.js";
import type { ExecutorInfo } from "#protocol/offer.js";
import type { TaskSpec } from "#protocol/task.js";
import { amounts } from "#libs/core/resources.js";
import { Scene, session, taskSpec } from "./scene.js";

const small = (cpus = 0.1) => amounts({ cpus, mem: 32 });

describe("agent: admission", () => {
  const refusalOf = (scene: Scene, reply: number, task = "web.1") => {
    const answer = scene.answerTo(reply);
    assert(answer !== undefined && "answers" in answer);
    const found: LaunchAnswer | undefined = answer.answers.find((each) => each.task === task);
    assert(found?.ok === false, `${task} was refused`);
    return found.error;
  };

  it("gives a repeated accept the first answer, however often it comes and whatever became of the offer (R3)", () => {
    const scene = Scene.registered();
    const offer = scene.offer();
    const tasks = [taskSpec("web.1"), taskSpec("web.2", { resources: amounts({ cpus: 99 }) })];
    const expected = { "web.1": "ok", "web.2": "exceeds-offer" };
    assert.deepEqual(scene.wordsTo(scene.accept(tasks, { offer })), expected);
    assert.deepEqual(scene.wordsTo(scene.accept(tasks, { offer })), expected);
    scene.do({
      type: "rescindAsked",
      reply: 99,
      epoch: 1,
      generation: offer.generation,
      offers: [],
      floor: 9,
    });
    assert.deepEqual(scene.wordsTo(scene.accept(tasks, { offer })), expected);
    assert.equal(scene.all("prepareTask").length, 1);
  });

  it("keeps the answer to a repetition back until the task is in the journal", () => {
    const scene = Scene.registered();
    const offer = scene.offer();
    scene.journalAnswers = false;
    scene.accept([taskSpec("web.1")], { offer });
    const again = scene.accept([taskSpec("web.1")], { offer });
    assert.equal(scene.answerTo(again), undefined);
    scene.written();
    assert.deepEqual(scene.wordsTo(again), { "web.1": "ok" });
  });

  it("gives a repetition the answer that the first one gets in the end, if it cannot be written", () => {
    const scene = Scene.registered();
    const offer = scene.offer();
    scene.journalAnswers = false;
    scene.accept([taskSpec("web.1")], { offer });
    const again = scene.accept([taskSpec("web.1")], { offer });
    scene.do({ type: "writeFailed", message: "ENOSPC" });
    scene.journalAnswers = true;
    scene.pass(1000);
    assert.deepEqual(scene.wordsTo(again), { "web.1": "unavailable" });
  });

  it("uses an offer once (R2)", () => {
    const scene = Scene.registered();
    const offer = scene.offer();
    scene.accept([taskSpec("web.1")], { offer });
    assert.deepEqual(scene.wordsTo(scene.accept([taskSpec("web.2")], { offer })), { "web.2": "offer-void" });
  });

  it("voids the offers that the used one replaces, and all below its floor", () => {
    const scene = Scene.registered();
    const [first, second, third] = [scene.offer(), scene.offer(), scene.offer({ replaces: [2] })];
    const fourth = scene.offer({ floor: 2 });
    scene.accept([taskSpec("web.3", { resources: small() })], { offer: third });
    assert.deepEqual(scene.wordsTo(scene.accept([taskSpec("web.2")], { offer: second })), {
      "web.2": "offer-void",
    });
    scene.accept([taskSpec("web.4", { resources: small() })], { offer: fourth });
    assert.deepEqual(scene.wordsTo(scene.accept([taskSpec("web.1")], { offer: first })), {
      "web.1": "offer-void",
    });
  });

  it("does not use up an offer that it refuses as a whole", () => {
    const scene = Scene.registered();
    const offer = scene.offer();
    const foreign = scene.accept([taskSpec("job.1")], { offer, framework: "jobs" });
    assert.deepEqual(scene.wordsTo(foreign), { "job.1": "forbidden" });
    assert.deepEqual(scene.wordsTo(scene.accept([taskSpec("web.1")], { offer })), { "web.1": "ok" });
  });

  it("refuses a broken seal, another agent's offer, an old epoch, generation and session", () => {
    const scene = Scene.registered();
    scene.do({
      type: "acceptAsked",
      reply: 77,
      framework: "apps",
      session,
      offer: { holds: false, error: refusal("seal-broken", "the offer does not bear our seal") },
      tasks: [taskSpec("web.0")],
      filterMs: 0,
    });
    assert.deepEqual(scene.wordsTo(77), { "web.0": "seal-broken" });
    const words = (more: object) =>
      scene.wordsTo(scene.accept([taskSpec("web.1")], { offer: scene.offer(more) }));
    assert.deepEqual(words({ agent: "agent-b" }), { "web.1": "forbidden" });
    assert.deepEqual(words({ epoch: 0 }), { "web.1": "stale" });
    assert.deepEqual(words({ generation: 99 }), { "web.1": "stale" });
    const mixed = scene.accept([taskSpec("web.1")], { session: { epoch: 1, counter: 5 } });
    assert.deepEqual(scene.wordsTo(mixed), { "web.1": "stale" });
  });

  it("names the highest epoch it has heard to whoever speaks in an older one (R6)", () => {
    const scene = Scene.registered();
    scene.do({ type: "leaderAnnounced", epoch: 7, master: "master-2", fraction: 0.5 });
    const reply = scene.accept([taskSpec("web.1")], { offer: scene.offer({ epoch: 1 }) });
    assert.equal(refusalOf(scene, reply).epoch, 7);
  });

  it("does not let one bad task sink the others", () => {
    const scene = Scene.registered();
    const reply = scene.accept([
      taskSpec("web.1", { resources: small() }),
      taskSpec("web.2", { workload: { kind: "jvm", jar: "app.jar" } }),
      taskSpec("web.3", { workload: { kind: "process" } }),
      taskSpec("web.4", { resources: small() }),
    ]);
    assert.deepEqual(scene.wordsTo(reply), {
      "web.1": "ok",
      "web.2": "executor-unavailable",
      "web.3": "invalid",
      "web.4": "ok",
    });
  });

  it("gives no more than the offer holds, in numbers", () => {
    const scene = Scene.registered();
    const offer = scene.offer({ resources: amounts({ cpus: 0.5, mem: 100 }) });
    const reply = scene.accept(
      [
        taskSpec("web.0", { resources: amounts({ mem: 40 }) }),
        taskSpec("web.1", { resources: amounts({ mem: 64 }) }),
      ],
      { offer },
    );
    // 100 − 40 MiB are left for the second one.
    assert.equal(
      refusalOf(scene, reply).message,
      "task web.1 is more than the offer: mem: 64 MiB asked, 60 MiB free",
    );
  });

  it("gives no more than is really free, whatever an offer says (R1)", () => {
    const scene = Scene.registered();
    scene.run(taskSpec("web.0", { resources: amounts({ cpus: 0.8, ports: [[31000, 31001]] }) }));
    const much = scene.accept([taskSpec("web.1", { resources: amounts({ cpus: 0.5 }) })]);
    assert.equal(
      refusalOf(scene, much).message,
      "task web.1 is more than what the agent has free: cpus: 0.5 asked, 0.2 free",
    );
    const port = scene.accept([taskSpec("web.2", { resources: amounts({ ports: [[31001, 31002]] }) })]);
    assert.equal(refusalOf(scene, port, "web.2").code, "exceeds-free");
    assert.match(refusalOf(scene, port, "web.2").message, /31001/);
  });

  it("refuses a task whose id was killed before it came, in this generation", () => {
    const scene = Scene.registered();
    const killed = scene.kill("web.1");
    assert.deepEqual(scene.answerTo(killed), { ok: true, known: false });
    assert.deepEqual(scene.wordsTo(scene.accept([taskSpec("web.1")])), { "web.1": "task-refused" });

    scene.do({ type: "connected", fraction: 0 });
    scene.pass(1);
    scene.register();
    assert.deepEqual(scene.wordsTo(scene.accept([taskSpec("web.1")])), { "web.1": "ok" });
  });

  it("gives the first answer again to who was refused, also when he has killed it since (R3)", () => {
    const scene = Scene.registered();
    const much = taskSpec("web.1", { resources: amounts({ cpus: 2 }) });
    const first = refusalOf(scene, scene.accept([much]));
    assert.notEqual(first.code, "task-refused");
    scene.kill("web.1");
    assert.deepEqual(refusalOf(scene, scene.accept([much])), first);
  });

  it("refuses an id that is another framework's", () => {
    const scene = Scene.registered();
    scene.run(taskSpec("web.1", { resources: small() }));
    const reply = scene.accept([taskSpec("web.1")], { offer: scene.offer({ framework: "jobs" }) });
    assert.deepEqual(scene.wordsTo(reply), { "web.1": "task-refused" });
  });

  it("names every fault of a task with its path (R10)", () => {
    const scene = Scene.registered();
    const reply = scene.accept([
      taskSpec("web.1", {
        workload: { kind: "process", command: "a", argv: ["b"] },
        services: [{ name: "web", port: 1, tags: [], meta: {} }],
        healthCheck: { kind: "http", intervalMs: 1000, timeoutMs: 100, graceMs: 0, failuresMax: 1 },
        resources: amounts({ cpus: 0.1 }),
        limits: { cpus: 50 },
        artifacts: [{ uri: "file:///etc/passwd", path: "../up" }],
      }),
    ]);
    assert.deepEqual(
      refusalOf(scene, reply).faults?.map(({ path }) => path),
      ["/workload", "/services/0/port", "/healthCheck/port", "/limits/cpus", "/artifacts/0/path"],
    );
  });

  it("says why an executor is not there, and which JDKs are", () => {
    const jvm: ExecutorInfo = {
      kind: "jvm",
      version: "17.0.15",
      jdks: [{ release: 17, version: "17.0.15", vendor: "Debian", home: "/usr/lib/jvm/17" }],
      warnings: [],
    };
    const scene = Scene.registered({
      executors: [jvm],
      warnings: ["container: no Docker engine answers at /var/run/docker.sock"],
    });
    const box = taskSpec("web.1", { workload: { kind: "container", image: "busybox", network: "none" } });
    assert.equal(
      refusalOf(scene, scene.accept([box])).message,
      "no executor container; it has jvm; container: no Docker engine answers at /var/run/docker.sock",
    );
    const jar = taskSpec("web.2", { workload: { kind: "jvm", jar: "a.jar", version: ">=21" } });
    assert.equal(refusalOf(scene, scene.accept([jar]), "web.2").message, "no JDK >=21; it has 17");
  });

  describe("what the operator forbids", () => {
    const box = (more: object): TaskSpec =>
      taskSpec("web.1", { workload: { kind: "container", image: "busybox", network: "host", ...more } });
    const volume = (hostPath: string) =>
      box({ volumes: [{ hostPath, containerPath: "/data", readOnly: true }] });
    const allowance = { root: false, privileged: false, hostMounts: ["/srv/data"], defaultUser: undefined };

    const wordsTo = (task: TaskSpec) => {
      const scene = Scene.registered({ allowance });
      return scene.wordsTo(scene.accept([task]))?.["web.1"];
    };

    it("root, by name, by number and with a group", () => {
      for (const user of ["root", "0", "00", "0:0"])
        assert.equal(wordsTo(taskSpec("web.1", { user })), "executor-unavailable", user);
      assert.equal(wordsTo(taskSpec("web.1", { user: "daemon" })), "ok");
    });

    it("privileged containers", () => {
      assert.equal(wordsTo(box({ privileged: true })), "executor-unavailable");
      assert.equal(wordsTo(box({})), "ok");
    });

    it("mounts that are not below an allowed directory", () => {
      assert.equal(wordsTo(volume("/srv/data")), "ok");
      assert.equal(wordsTo(volume("/srv/data/web")), "ok");
      for (const path of ["/", "/etc", "/srv/database", "/srv/data/../../etc", "/srv"])
        assert.equal(wordsTo(volume(path)), "executor-unavailable", path);
    });

    it("nothing of it when it is allowed", () => {
      const scene = Scene.registered({
        allowance: { root: true, privileged: true, hostMounts: ["/"], defaultUser: "nobody" },
      });
      const task = {
        ...box({ privileged: true, volumes: [{ hostPath: "/etc", containerPath: "/e", readOnly: true }] }),
        user: "root",
      };
      assert.deepEqual(scene.wordsTo(scene.accept([task])), { "web.1": "ok" });
    });
  });
});
