import assert from "node:assert/strict";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { amounts } from "#libs/core/resources.js";
import { eventually } from "#test/support/eventually.js";
import { hasCgroups, isRoot, limitsMemory, processHost } from "./process-host.js";

describe("process executor", function () {
  this.timeout(30_000);
  const { host, agent, ended, refused, tellsThatItIsNotEnforced, processesOf } = processHost();

  describe("what a task finds", () => {
    it("its own environment and nothing of the agent's", async () => {
      process.env["AGENT_SECRET"] = "hunter2";
      await ended("env", "env", { env: { COLOR: "red", "dotted.name-x": "yes" } });
      delete process.env["AGENT_SECRET"];
      const lines = host.file("env", "stdout")!.trim().split("\n").toSorted();
      const sandbox = host.sandboxes.directory("env");
      const names = lines.map((line) => line.split("=")[0]).filter((name) => name !== "_" && name !== "PWD");
      const expected = ["COLOR", "EMPORION_SANDBOX", "EMPORION_TASK_ID", "HOME", "MESOS_SANDBOX", "PATH"];
      assert.deepEqual(names, expected);
      assert.ok(lines.includes(`HOME=${sandbox}`));
    });

    it("the sandbox as its working directory, or what it asked for", async () => {
      await ended("here", "pwd");
      await ended("there", "pwd", {
        workload: { kind: "process", command: "pwd", workingDirectory: "/usr" },
      });
      assert.equal(host.file("here", "stdout"), `${host.sandboxes.directory("here")}\n`);
      assert.equal(host.file("there", "stdout"), "/usr\n");
    });

    it("argv as it is, without a shell", async () => {
      await ended("argv", "", {
        workload: { kind: "process", argv: ["printf", "%s|", "a b", "$HOME", ";"] },
      });
      assert.equal(host.file("argv", "stdout"), "a b|$HOME|;|");
    });

    it("outputs that it may open once more, and no input", async () => {
      const exit = await ended("out", "echo one; echo two >> /dev/stdout; echo three >> /dev/stderr; cat");
      assert.equal(exit.exitCode, 0);
      assert.equal(host.file("out", "stdout"), "one\ntwo\n");
      assert.equal(host.file("out", "stderr"), "three\n");
    });

    it("a session of its own and default signals", async () => {
      await ended("session", "cat /proc/$$/stat; grep -E 'Sig(Blk|Ign)' /proc/self/status");
      const [stat = "", blocked, ignored] = host.file("session", "stdout")!.split("\n");
      const [pid, , , , group, session] = stat.split(" ");
      assert.deepEqual([group, session], [pid, pid]);
      assert.match(`${blocked} ${ignored}`, /^SigBlk:\s+0+ SigIgn:\s+0+$/);
    });

    it("the user nobody, who can neither see nor change what is written of him", async function () {
      if (!isRoot) return this.skip();
      await ended("user", `id -u; id -G; cat ${host.workDir}/process/records.log`);
      assert.equal(host.file("user", "stdout"), "65534\n65534\n");
      assert.match(host.file("user", "stderr")!, /Permission denied/);
      assert.equal(statSync(host.sandboxes.directory("user")).uid, 65534);
    });
  });

  describe("how it ended", () => {
    it("an exit code above 128 is no signal", async () => {
      assert.deepEqual(await ended("code", "exit 143"), { task: "code", exitCode: 143, reason: "exited" });
      assert.deepEqual(await ended("code2", "exit 137"), { task: "code2", exitCode: 137, reason: "exited" });
    });

    it("a signal is told by its name, whichever it is", async () => {
      for (const signal of ["TERM", "INT", "PIPE", "SEGV", "KILL"])
        assert.deepEqual(await ended(`sig.${signal}`, `kill -${signal} $$`), {
          task: `sig.${signal}`,
          signal: `SIG${signal}`,
          reason: "exited",
        });
    });

    it("too much memory is told apart, with the limit", async () => {
      if (!limitsMemory) return tellsThatItIsNotEnforced();
      const { reason, message } = await ended("oom", "exec tail /dev/zero", {
        resources: amounts({ cpus: 0.1, mem: 16 }),
      });
      assert.equal(reason, "out-of-memory");
      assert.equal(message, "killed by the kernel: it used all of its 16 MiB of memory");
    });

    it("a limit of its own counts for memory, not what was asked for", async () => {
      if (!limitsMemory) return tellsThatItIsNotEnforced();
      const { message } = await ended("oom2", "exec tail /dev/zero", {
        resources: amounts({ mem: 4 }),
        limits: { mem: 20_000 },
      });
      assert.match(message ?? "", / 20 MiB/);
    });
  });

  describe("all of it", () => {
    const family = "setsid sleep 600 & (setsid sleep 600 &);";

    it("what the main process leaves behind ends with it", async () => {
      if (!hasCgroups) return tellsThatItIsNotEnforced();
      await ended("left", `${family} exit 0`);
      assert.deepEqual(processesOf("left"), []);
    });

    it("force reaches processes in sessions of their own", async () => {
      if (!hasCgroups) return tellsThatItIsNotEnforced();
      const [executor] = host.open();
      await executor.launch(await host.task("family", `${family} trap '' TERM; sleep 600`));
      await eventually("the family", () => processesOf("family").length >= 4);
      await executor.kill("family", true);
      await host.exitOf("family");
      assert.deepEqual(processesOf("family"), []);
    });
  });

  describe("what cannot start", () => {
    it("a program that is not there, in words", async () => {
      const order = await host.task("none", "", { workload: { kind: "process", argv: ["no-such-program"] } });
      assert.deepEqual(await refused(order), {
        reason: "command-missing",
        message:
          "no-such-program not found in PATH (/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)",
      });
    });

    it("a file that is not executable, in words", async () => {
      const order = await host.task("plain", "", { workload: { kind: "process", argv: ["./script"] } });
      const file = join(host.sandboxes.directory("plain"), "script");
      assert.deepEqual(await refused(order), {
        reason: "command-missing",
        message: `there is no file ${file}`,
      });
      writeFileSync(file, "#!/bin/sh\n", { mode: 0o644 });
      assert.deepEqual(await refused(order), {
        reason: "command-missing",
        message: `${file} is not executable`,
      });
    });

    it("what only the agent may execute", async function () {
      if (!isRoot) return this.skip();
      const order = await host.task("root-only", "", { workload: { kind: "process", argv: ["./script"] } });
      writeFileSync(join(host.sandboxes.directory("root-only"), "script"), "#!/bin/sh\n", { mode: 0o700 });
      assert.equal((await refused(order)).reason, "not-allowed");
    });

    it("a working directory that is not there, in words", async () => {
      const workload = { kind: "process", command: "true", workingDirectory: "/no/such" } as const;
      const { reason, message } = await refused(await host.task("lost", "", { workload }));
      assert.equal(reason, "launch-failed");
      assert.match(message, /^working directory \/no\/such: ENOENT/);
    });

    it("a user who is not there or not allowed, in words", async function () {
      if (!isRoot) return this.skip();
      assert.deepEqual(await refused(await host.task("u1", "true", { user: "ghost" })), {
        reason: "not-allowed",
        message: "there is no user ghost on this host",
      });
      assert.deepEqual(await refused(await host.task("u2", "true", { user: "root" })), {
        reason: "not-allowed",
        message: "the agent's configuration does not allow tasks to run as root",
      });
    });

    it("a failed launch leaves nothing", async () => {
      const order = await host.task("root-only", "", { workload: { kind: "process", argv: ["/etc"] } });
      await refused(order);
      assert.equal((await agent().recover([order])).get("root-only"), "absent");
    });
  });
});
