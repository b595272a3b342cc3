import assert from "node:assert/strict";
import { RemoveFrameworkReply, RescindReply, WhoIsReply } from "#protocol/agent.js";
import { KillReply, ReconcileReply } from "#protocol/launch.js";
import { SandboxReply, TasksReply } from "#protocol/sandbox.js";
import { amounts } from "#libs/core/resources.js";
import { session, taskSpec } from "./scene.js";
import { encoded, Stage, subjects } from "./stage.js";

describe("agent: over the bus", () => {
  it("registers, launches, tells what happens, and lets the framework end it", async () => {
    const stage = await new Stage().open();
    assert.equal(stage.registrations[0]?.info.host, "10.0.0.1");
    const reply = await stage.accept([taskSpec("web.1")]);
    assert.deepEqual(reply.answers, [{ task: "web.1", ok: true }]);
    await stage.until("web.1", "running");
    assert.deepEqual(stage.hostTasks.running(), ["web.1"]);
    const killed = await stage.ask(
      subjects.launch("agent-a", "apps", "kill"),
      { session, task: "web.1" },
      KillReply,
    );
    assert.deepEqual(killed, { ok: true, known: true, state: "killing" });
    const end = await stage.until("web.1", "killed");
    assert.equal(end.signal, "SIGTERM");
    await stage.world.runFor(10);
    assert.deepEqual(
      stage.events.map(({ type }) => type),
      ["started", "task-running", "task-killed"],
    );
  });

  it("finds its tasks again after kill -9, and tells the true exit of what ended meanwhile", async () => {
    const stage = await new Stage().open();
    await stage.run(taskSpec("web.1"));
    await stage.run(taskSpec("web.2", { resources: amounts({ cpus: 0.1 }) }));
    await stage.world.runFor(100);
    stage.kill9();
    stage.hostTasks.end("web.2", { exitCode: 7, reason: "exited" });
    await stage.start();
    const end = await stage.until("web.2", "failed");
    assert.equal(end.exitCode, 7);
    assert.deepEqual(stage.hostTasks.running(), ["web.1"]);
    await stage.world.runUntil("the second registration", () => stage.registrations.length === 2);
    assert.equal(stage.registrations[1]!.report.generation, 2);
  });

  it("answers its leader: rescind, and the removal of a framework", async () => {
    const stage = await new Stage().open();
    await stage.run(taskSpec("web.1"));
    const rescinded = await stage.ask(
      subjects.rescind("agent-a"),
      { epoch: 1, generation: 1, offers: [5], floor: 1 },
      RescindReply,
    );
    assert(rescinded.ok);
    assert.deepEqual(rescinded.report.settled, [1, 5]);
    const removed = await stage.ask(
      subjects.removeFramework("agent-a"),
      { epoch: 1, framework: "apps" },
      RemoveFrameworkReply,
    );
    assert.deepEqual(removed, { ok: true, tasks: 1 });
    await stage.until("web.1", "killed");
  });

  it("tells of its tasks to frameworks and to all, and of itself", async () => {
    const stage = await new Stage().open();
    await stage.run(taskSpec("web.1", { services: [{ name: "web", tags: [], meta: {} }] }));
    const reconciled = await stage.ask(
      subjects.launch("agent-a", "apps", "reconcile"),
      { session },
      ReconcileReply,
    );
    assert(reconciled.ok);
    assert.equal(reconciled.tasks[0]?.latest.state, "running");
    const told = await stage.ask(subjects.tasksQuery, {}, TasksReply);
    assert.equal(told.services[0]?.name, "web");
    const who = await stage.ask(subjects.whoIs("agent-a"), {}, WhoIsReply);
    assert.equal(who.settled, true);
  });

  it("refuses a changed offer, and a message that is none, with every fault", async () => {
    const stage = await new Stage().open();
    const offer = stage.sealed();
    const changed = { ...offer, body: offer.body.replace('"role":"web"', '"role":"all"') };
    const refused = await stage.accept([taskSpec("web.1")], changed);
    assert.equal(refused.answers[0]?.ok === false && refused.answers[0].error.code, "seal-broken");
    const bad = await stage.accept([taskSpec("web.2"), { id: "web.3", name: 7 }]);
    assert.deepEqual(
      bad.answers.map((answer) => [answer.task, answer.ok ? "ok" : answer.error.code]),
      [
        ["web.2", "invalid"],
        ["web.3", "invalid"],
      ],
    );
    assert(!bad.answers[0]!.ok && bad.answers[0]!.error.faults!.some(({ path }) => path === "/tasks/1/name"));
  });

  it("fails a task whose port somebody else has; nothing else suffers, and the port is not offered until it is free", async () => {
    const stage = await new Stage().open();
    stage.host.taken.add(31_003);
    const ports = (port: number) => amounts({ cpus: 0.1, ports: [[port, port]] });
    await stage.accept([
      taskSpec("web.1", { resources: ports(31_003) }),
      taskSpec("web.2", { resources: ports(31_004) }),
    ]);
    await stage.until("web.2", "running");
    const failed = await stage.until("web.1", "failed");
    assert.equal(failed.message, "port 31003 is in use by another program of the host");
    const registered = (count: number) =>
      stage.world.runUntil("a registration", () => stage.registrations[count - 1]?.info);
    const without = await registered(2);
    assert.deepEqual(without.totals.ports, [
      [31_000, 31_002],
      [31_004, 31_009],
    ]);
    const words = "1 port of 31000-31009 is taken by others and not offered: 31003";
    assert.deepEqual(without.warnings, [words]);
    stage.host.taken.delete(31_003);
    assert.deepEqual((await registered(3)).totals.ports, [[31_000, 31_009]]);
  });

  it("follows a file until its task has ended", async () => {
    const stage = await new Stage().open();
    await stage.run(taskSpec("web.1"));
    const text = (value: string) => new TextEncoder().encode(value);
    stage.sandboxes.write("web.1", "stdout", text("one "));
    const read = (offset: number) =>
      stage.ask(
        subjects.sandbox("agent-a", "gateway"),
        { verb: "read", task: "web.1", path: "stdout", offset, length: 100, waitMs: 2000 },
        SandboxReply,
      );
    const shown = (reply: SandboxReply) => {
      assert(reply.ok && reply.verb === "read");
      return [Buffer.from(reply.base64, "base64").toString(), reply.ended];
    };
    assert.deepEqual(shown(await read(0)), ["one ", false]);
    const waiting = read(4);
    stage.peer.clock.after(500, () => stage.sandboxes.write("web.1", "stdout", text("one two")));
    assert.deepEqual(shown(await waiting), ["two", false]);
    stage.peer.clock.after(500, () => stage.hostTasks.end("web.1", { exitCode: 0, reason: "exited" }));
    assert.deepEqual(shown(await read(7)), ["", true]);
  });

  it("publishes what happened while the server was away, in order", async () => {
    const stage = await new Stage().open();
    await stage.run(taskSpec("web.1"));
    stage.world.serverDies();
    await stage.world.runFor(1000);
    stage.hostTasks.end("web.1", { exitCode: 3, reason: "exited" });
    await stage.world.runFor(20_000);
    stage.world.serverReturns();
    assert.equal((await stage.until("web.1", "failed")).exitCode, 3);
    await stage.world.runUntil("the registration after it", () => stage.registrations.length === 2);
  });

  it("refuses to start beside another one of its id", async () => {
    const stage = await new Stage().open();
    stage.kill9();
    stage.peer.bus
      .messages(subjects.whoIs("agent-a"))
      .subscribe((message) =>
        message.respond(encoded({ agent: "agent-a", bootId: "other", startedAt: 1, settled: true })),
      );
    await stage.world.runFor(10);
    await stage.start();
    await stage.world.runUntil("the refusal", () => stage.crash !== undefined);
    assert.match(String(stage.crash), /another process \(boot other\) runs as agent agent-a/);
    assert.equal(stage.registrations.length, 1);
  });

  it("stops without ending tasks, or after ending them", async () => {
    const stage = await new Stage().open();
    await stage.run(taskSpec("web.1"));
    await stage.stop();
    assert.deepEqual(stage.hostTasks.running(), ["web.1"]);
    stage.kill9();
    await stage.start(true);
    await stage.world.runUntil("the registration", () => stage.registrations.length === 2);
    await stage.stop();
    assert.deepEqual(stage.hostTasks.running(), []);
    assert.equal(stage.crash, undefined);
  });

  it("does not start on a journal of a form that it does not know", async () => {
    const stage = new Stage();
    stage.disk.append([JSON.stringify({ type: "moved", to: "elsewhere" })]);
    await assert.rejects(stage.start(), /the journal's record 1 has a form that is not known here/);
  });
});
