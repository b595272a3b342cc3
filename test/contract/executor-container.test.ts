import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { amounts } from "#libs/core/resources.js";
import { eventually } from "#test/support/eventually.js";
import { containerHost } from "./container-host.js";
import { executorContract } from "./executor.js";

describe("container executor on a Docker engine", function () {
  this.timeout(60_000);
  const { root, engine, removeAll, openUnheard, open, order, file, leftOver, launched, refused } =
    containerHost();

  executorContract(
    "containers of a Docker engine",
    async () => {
      const host = mkdtempSync(join(root, "host-"));
      const over = { owner: host, sandbox: (task: string) => join(host, task) };
      return {
        agent: async () => openUnheard(over),
        // The engine sees the same when an agent's process is gone: the end of its connections.
        crash: (executor) => executor.close(),
        order: (id, command, spec) => {
          mkdirSync(join(host, id), { recursive: true });
          const { spec: base, ...rest } = order({ command }, spec);
          return { ...rest, spec: { ...base, id } };
        },
        stdout: (id) => readFileSync(join(host, id, "stdout"), "utf8"),
        end: removeAll,
      };
    },
    20_000,
  );

  describe("what it is", () => {
    it("tells the engine's version, and warns of nothing when the engine keeps tasks alive", async () => {
      const detected = await open().executor.detect();
      assert.ok(detected.ok, detected.ok ? "" : detected.error);
      assert.equal(detected.value.kind, "container");
      assert.match(detected.value.version, /^\d+\.\d+/);
      assert.deepEqual(detected.value.warnings, []);
    });

    it("says in words that no engine answers, and that one is at last", async () => {
      const { executor } = open({ dockerHost: "unix:///nonexistent/docker.sock" });
      const detected = await executor.detect();
      const words =
        "no Docker engine answers at unix:///nonexistent/docker.sock: connect ENOENT /nonexistent/docker.sock";
      assert.deepEqual(detected, { ok: false, error: words });
      assert.deepEqual(await refused({ executor }, order({ argv: ["true"] })), {
        reason: "executor-unavailable",
        message: words,
      });
      await assert.rejects(executor.recover([]), { message: words });
    });
  });

  describe("a task's way", () => {
    it("runs, writes, ends by itself: its code comes when all of its output is there", async () => {
      const agent = open();
      const task = await launched(agent, order({ command: "echo out; echo err >&2; exit 7" }));
      assert.deepEqual(await agent.exitOf(task), { task, exitCode: 7, reason: "exited" });
      assert.deepEqual([file(task, "stdout"), file(task, "stderr")], ["out\n", "err\n"]);
    });

    it("finds its environment, in which its own words win", async () => {
      const agent = open();
      const task = order({ command: 'echo "$EMPORION_TASK_ID $WHO"' }, { env: { WHO: "me" } });
      await launched(agent, { ...task, env: { ...task.env, WHO: "nobody" } });
      await agent.exitOf(task.spec.id);
      assert.equal(file(task.spec.id, "stdout"), `${task.spec.id} me\n`);
    });

    it("ends when it is asked to, though its program does not care for signals", async () => {
      const agent = open();
      const task = await launched(agent, order({ argv: ["sleep", "1000"] }));
      await agent.executor.kill(task, false);
      await agent.executor.kill(task, false);
      assert.deepEqual(await agent.exitOf(task), { task, signal: "SIGTERM", reason: "exited" });
      await agent.executor.kill(task, true);
    });

    it("is ended by force when it will not", async () => {
      const agent = open();
      const stubborn = order({ command: "trap '' TERM; echo ready; while true; do sleep 1; done" });
      const task = await launched(agent, stubborn);
      await eventually("the trap", () => file(task, "stdout") === "ready\n");
      await agent.executor.kill(task, false);
      await agent.executor.kill(task, true);
      assert.deepEqual(await agent.exitOf(task), { task, signal: "SIGKILL", reason: "exited" });
    });

    it("is told apart when it wants more memory than it has", async () => {
      const agent = open();
      const greedy = order(
        { command: "x=a; while true; do x=$x$x; done" },
        { resources: amounts({ mem: 16 }) },
      );
      const task = await launched(agent, greedy);
      assert.deepEqual(await agent.exitOf(task), {
        task,
        signal: "SIGKILL",
        reason: "out-of-memory",
        message: "killed by the kernel: it used all of its 16 MiB of memory",
      });
    });

    it("leaves its container until it is collected", async () => {
      const agent = open();
      const task = await launched(agent, order({ argv: ["true"] }));
      await agent.exitOf(task);
      assert.deepEqual(await leftOver(), [`/em-test-${task}`]);
      await agent.executor.collect(task);
      await agent.executor.collect(task);
      assert.deepEqual(await leftOver(), []);
    });

    it("an order to end that comes before the start is kept", async () => {
      const agent = open();
      const task = order({ argv: ["sleep", "1000"] });
      const launching = agent.executor.launch(task);
      await agent.executor.kill(task.spec.id, false);
      const result = await launching;
      assert.ok(!result.ok);
      assert.equal(result.error.reason, "kill-requested");
      assert.deepEqual(await leftOver(), []);
    });
  });

  describe("output", () => {
    const flood = "i=0; while [ $i -lt 3000 ]; do echo line $i of the output; echo $i >&2; i=$((i+1)); done";
    const expected = Array.from({ length: 3000 }, (_, index) => `line ${index} of the output\n`).join("");

    it("is whole, also of thousands of lines", async () => {
      const agent = open();
      const task = await launched(agent, order({ command: flood }));
      await agent.exitOf(task);
      assert.equal(file(task, "stdout"), expected);
      assert.equal(file(task, "stderr").split("\n").length, 3001);
    });

    it("has each byte once, though the agent died and came back in the middle", async () => {
      const first = open();
      const box = order({ command: `${flood}; printf unfin; sleep 1; echo ished; sleep 1000` });
      const task = await launched(first, box);
      await eventually("some output", () => file(task, "stdout").length > 1000);
      await first.executor.close();
      const second = open();
      await second.executor.recover([box]);
      await eventually("all output", () => file(task, "stdout").endsWith("unfinished\n"), 20_000);
      assert.equal(file(task, "stdout"), `${expected}unfinished\n`);
    });

    it("goes nowhere else by way of a link in the sandbox", async () => {
      const box = order({ command: "echo harm" });
      const target = join(root, "target");
      writeFileSync(target, "");
      symlinkSync(target, join(root, box.spec.id, "stdout"));
      const { reason, message } = await refused(open(), box);
      assert.equal(reason, "launch-failed");
      assert.match(message, /cannot be written to the sandbox: ELOOP/);
      assert.equal(readFileSync(target, "utf8"), "");
    });
  });

  describe("commands in a running container", () => {
    it("give their exit code", async () => {
      const agent = open();
      const task = await launched(agent, order({ argv: ["sleep", "1000"] }));
      assert.deepEqual(await agent.executor.run(task, "exit 0", 5000), { ok: true, value: 0 });
      assert.deepEqual(await agent.executor.run(task, "exit 3", 5000), { ok: true, value: 3 });
    });

    it("are ended when they take too long", async () => {
      const agent = open();
      const task = await launched(agent, order({ argv: ["sleep", "1000"] }));
      const late = await agent.executor.run(task, "sleep 500", 500);
      assert.deepEqual(late, { ok: false, error: "the command did not end within 500 ms" });
      await eventually("it to be gone", async () => {
        const { Processes } = await engine().docker.getContainer(`em-test-${task}`).top();
        return !Processes.some((fields: string[]) => fields.join(" ").includes("sleep 500"));
      });
    });

    it("fail in words where nothing runs", async () => {
      const result = await open().executor.run("nobody", "true", 1000);
      assert.deepEqual(result, { ok: false, error: "task nobody does not run here" });
    });
  });

  it("twenty at once run and end, each told once", async () => {
    const agent = open();
    const boxes = Array.from({ length: 20 }, (_, index) =>
      order({ command: `echo ${index}; sleep 1; exit ${index}` }),
    );
    await Promise.all(boxes.map((box) => launched(agent, box)));
    await eventually("all ends", () => agent.exits.length === 20, 30_000);
    for (const [index, { spec }] of boxes.entries()) {
      assert.equal(agent.exits.find(({ task }) => task === spec.id)?.exitCode, index);
      assert.equal(file(spec.id, "stdout"), `${index}\n`);
    }
    await Promise.all(boxes.map(({ spec }) => agent.executor.collect(spec.id)));
    assert.deepEqual(await leftOver(), []);
  });
});
