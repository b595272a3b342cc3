import assert from "node:assert/strict";
import type { SandboxRequest } from "#protocol/sandbox.js";
import { amounts } from "#libs/core/resources.js";
import { Scene, session, taskSpec } from "./scene.js";

const small = amounts({ cpus: 0.001, mem: 1 });
const bytes = (text: string) => new TextEncoder().encode(text);

describe("agent: what it tells of its tasks", () => {
  it("answers reconcile with the framework's own tasks, the ended ones too, and fences off older sessions", () => {
    const scene = Scene.registered();
    scene.run(taskSpec("web.1", { resources: small }));
    scene.run(taskSpec("web.2", { resources: small }));
    scene.exit("web.2", 0);
    scene.accept([taskSpec("job.1", { resources: small })], { offer: scene.offer({ framework: "jobs" }) });
    const old = scene.offer();
    scene.do({ type: "reconcileAsked", reply: 70, framework: "apps", session: { epoch: 2, counter: 1 } });
    const answer = scene.answerTo(70);
    assert(answer !== undefined && "more" in answer);
    assert.deepEqual(
      answer.tasks.map(({ spec, latest }) => [spec.id, latest.state]),
      [
        ["web.1", "running"],
        ["web.2", "finished"],
      ],
    );
    assert.equal(answer.more, false);
    assert.deepEqual(scene.wordsTo(scene.accept([taskSpec("web.3")], { offer: old })), { "web.3": "stale" });
    scene.do({ type: "reconcileAsked", reply: 71, framework: "apps", session });
    const refused = scene.answerTo(71);
    assert(refused !== undefined && "error" in refused);
  });

  it("tells page after page, each under 256 KB, every task once", () => {
    const scene = Scene.registered();
    const data = "x".repeat(20_000);
    const ids = Array.from({ length: 30 }, (_, number) => `web.${String(number).padStart(2, "0")}`);
    scene.accept(ids.map((id) => taskSpec(id, { resources: small, data })));
    const told: string[] = [];
    let after: string | undefined;
    for (let reply = 100, more = true; more; reply++) {
      scene.do({
        type: "tasksAsked",
        reply,
        query: { agent: "agent-a", ...(after !== undefined && { after }) },
      });
      const answer = scene.answerTo(reply);
      assert(answer !== undefined && "services" in answer);
      assert(Buffer.byteLength(JSON.stringify(answer)) < 256_000);
      told.push(...answer.tasks.map(({ spec }) => spec.id));
      after = told.at(-1);
      more = answer.more;
    }
    assert.deepEqual(told, ids);
  });

  it("stays silent about tasks that are not here, and when another agent is asked", () => {
    const scene = Scene.registered();
    scene.run(taskSpec("web.1"));
    scene.take();
    scene.do({ type: "tasksAsked", reply: 1, query: { task: "web.9" } });
    scene.do({ type: "tasksAsked", reply: 2, query: { agent: "agent-b" } });
    assert.deepEqual(
      scene.all("staySilent").map(({ reply }) => reply),
      [1, 2],
    );
    scene.do({ type: "tasksAsked", reply: 3, query: { task: "web.1" } });
    const answer = scene.answerTo(3);
    assert(answer !== undefined && "services" in answer);
    assert.deepEqual(
      answer.tasks.map(({ spec, host }) => [spec.id, host]),
      [["web.1", "10.0.0.1"]],
    );
  });
});

describe("agent: looking into sandboxes", () => {
  const asking = (scene: Scene, request: SandboxRequest, sender = "gateway", reply = 80) =>
    scene.do({ type: "sandboxAsked", reply, sender, request });
  const stdout = (waitMs: number): SandboxRequest => ({
    verb: "read",
    task: "web.1",
    path: "stdout",
    offset: 0,
    length: 1000,
    waitMs,
  });
  const running = (): Scene => {
    const scene = Scene.registered();
    scene.run(taskSpec("web.1"));
    scene.take();
    return scene;
  };
  const read = (scene: Scene) => {
    const answer = scene.answerTo(80);
    assert(answer !== undefined && "base64" in answer);
    return { text: Buffer.from(answer.base64, "base64").toString(), ended: answer.ended };
  };

  it("lets the gateway see all, a framework its own, and says so to others", () => {
    const scene = running();
    const codes = ["gateway", "apps", "jobs"].map((sender, index) => {
      asking(scene, { verb: "list", task: "web.1", path: "." }, sender, 10 + index);
      const answer = scene.answerTo(10 + index);
      return answer !== undefined && "error" in answer ? answer.error.code : "asked";
    });
    assert.deepEqual(codes, ["asked", "asked", "forbidden"]);
    asking(scene, { verb: "list", task: "web.9", path: "." });
    const unknown = scene.answerTo(80);
    assert(unknown !== undefined && "error" in unknown && unknown.error.code === "not-found");
  });

  it("answers at once with what there is", () => {
    const scene = running();
    asking(scene, stdout(1000));
    scene.do({ type: "fileRead", reply: 80, file: { offset: 0, size: 5, bytes: bytes("hello") } });
    assert.deepEqual(read(scene), { text: "hello", ended: false });
  });

  it("waits at the end of the file until it grows", () => {
    const scene = running();
    asking(scene, { ...stdout(1000), offset: -100 } as SandboxRequest);
    scene.do({ type: "fileRead", reply: 80, file: { offset: 5, size: 5, bytes: bytes("") } });
    assert.equal(scene.answerTo(80), undefined);
    assert.deepEqual(scene.last("awaitGrowth").size, 5);
    scene.pass(300);
    scene.do({ type: "fileGrown", reply: 80 });
    assert.equal(scene.last("readFile").offset, 5);
    scene.do({ type: "fileRead", reply: 80, file: { offset: 5, size: 7, bytes: bytes("!!") } });
    assert.deepEqual(read(scene), { text: "!!", ended: false });
  });

  it("answers with nothing when its patience ends", () => {
    const scene = running();
    asking(scene, stdout(1000));
    scene.do({ type: "fileRead", reply: 80, file: { offset: 0, size: 0, bytes: bytes("") } });
    scene.pass(1000);
    scene.do({ type: "fileGrown", reply: 80 });
    scene.do({ type: "fileRead", reply: 80, file: { offset: 0, size: 0, bytes: bytes("") } });
    assert.deepEqual(read(scene), { text: "", ended: false });
  });

  it("reads once more when the task ends, and only then calls the file ended", () => {
    const scene = running();
    asking(scene, stdout(10_000));
    scene.do({ type: "fileRead", reply: 80, file: { offset: 0, size: 0, bytes: bytes("") } });
    scene.exit("web.1", 0);
    assert.equal(scene.all("readFile").length, 2);
    scene.do({ type: "fileRead", reply: 80, file: { offset: 0, size: 4, bytes: bytes("last") } });
    assert.deepEqual(read(scene), { text: "last", ended: true });
  });

  it("of a task that never started there is no output: says so, and why it did not start", () => {
    const scene = Scene.registered();
    scene.accept([taskSpec("web.1")]);
    scene.written();
    const words = () => {
      asking(scene, stdout(0));
      scene.do({ type: "readingFailed", reply: 80, message: "stdout: no such file" });
      const answer = scene.answerTo(80);
      scene.take();
      return answer !== undefined && "error" in answer ? answer.error.message : "";
    };
    assert.equal(words(), "web.1 has not started yet, so there is no stdout so far");
    const fault = { reason: "image-missing", message: "no image x" } as const;
    scene.do({ type: "prepareFailed", task: "web.1", fault });
    scene.written();
    assert.equal(words(), "web.1 never started, so there is no stdout: failed (image-missing: no image x)");
  });

  it("passes on why a file cannot be read", () => {
    const scene = running();
    asking(scene, stdout(0));
    scene.do({ type: "readingFailed", reply: 80, message: "no file stdout in the sandbox" });
    const answer = scene.answerTo(80);
    assert(answer !== undefined && "error" in answer);
    assert.deepEqual(answer.error, { code: "not-found", message: "no file stdout in the sandbox" });
  });
});
