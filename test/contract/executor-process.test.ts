import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findCgroups } from "#libs/adapters/process/cgroups.js";
import { startTime } from "#libs/adapters/process/proc.js";
import type { ProcessExecutor } from "#libs/adapters/process/executor.js";
import type { TaskRecord } from "#libs/adapters/process/records.js";
import { amounts } from "#libs/core/resources.js";
import type { LaunchOrder } from "#libs/core/launch.js";
import type { Executor } from "#libs/ports/executor.js";
import type { ExecutorInfo } from "#protocol/offer.js";
import type { TaskSpec } from "#protocol/task.js";
import { eventually } from "#test/support/eventually.js";
import { TestHost } from "#test/support/host-processes.js";
import { executorContract } from "./executor.js";

const isRoot = process.getuid?.() === 0;
const own = findCgroups("probe");
const hasCgroups = typeof own !== "string";
const limitsMemory = hasCgroups && own.warnings.every((warning) => !warning.includes("memory"));

const mounts = readFileSync("/proc/self/mountinfo", "utf8");
/** Also where the controllers are v1's: its groups, without limits, are the same. */
const v2Mounts = mounts
  .split("\n")
  .filter((line) => line.includes(" - cgroup2 "))
  .join("\n");

/** The control groups that an agent may have to do with: those of its host, v2's alone, none. Every host has something to say to each. */
const kinds = [
  ["processes of this host", (id: string) => findCgroups(id)],
  ["processes of this host in control groups v2, if it has them", (id: string) => findCgroups(id, v2Mounts)],
  ["processes of this host without control groups", () => "switched off"],
] as const;

for (const [name, cgroups] of kinds) {
  const host = new TestHost({ cgroups });
  describe(name, function () {
    this.timeout(30_000);
    before(() => host.start());
    afterEach(() => host.clean());
    after(() => host.end());

    executorContract(name, async () => ({
      agent: async () => host.openUnheard()[0],
      // The shim sees the same when an agent's process is gone: the end of the connection.
      crash: (executor) => executor.close(),
      order(id, command, over) {
        const order = host.order(id, command, over);
        void host.sandboxes.create(id, undefined);
        return order;
      },
      stdout: (id) => host.file(id, "stdout") ?? "",
      end: () => host.clean(),
    }));

    it("its groups have its limits, and go with it; what is not enforced is told before", async () => {
      const [executor] = host.open();
      const { version, warnings } = await detected(executor);
      const order = await host.task("limited", "sleep 600", {
        resources: amounts({ cpus: 0.5, mem: 64 }),
        limits: { cpus: 1500 },
      });
      await executor.launch(order);
      const dirs = recordIn(host, "limited")!.group?.dirs ?? [];
      const limits = limitsOf[version] ?? {};
      const enforced = Object.entries(limits).filter(([controller]) =>
        warnings.every((warning) => !warning.startsWith(`no cgroup controller ${controller}:`)),
      );
      for (const [file, value] of enforced.flatMap(([, values]) => values)) {
        const found = dirs.map((dir) => join(dir, file)).filter((path) => existsSync(path));
        assert.deepEqual(
          found.map((path) => readFileSync(path, "utf8").trim()),
          [value],
          file,
        );
      }
      assert.ok(dirs.every((dir) => existsSync(dir)));
      await executor.kill("limited", true);
      await host.exitOf("limited");
      assert.deepEqual(
        dirs.filter((dir) => existsSync(dir)),
        [],
      );
      const agents = cgroups("test");
      if (typeof agents === "string") {
        assert.deepEqual(
          [version, warnings],
          ["no-cgroup", [`no cgroup: limits are not enforced (${agents})`]],
        );
        assert.deepEqual(dirs, []);
      } else {
        assert.deepEqual([version, warnings], [agents.version, agents.warnings]);
        assert.notDeepEqual(dirs, []);
      }
    });
  });
}

/** For half a core, one and a half at most, and 64 MiB: control files by controller. cpu.weight: 1 + ⌊(512 − 2) × 9999 ÷ 262142⌋ = 20. */
const limitsOf: Record<string, Record<string, readonly (readonly [file: string, value: string])[]>> = {
  "cgroup-v1": {
    memory: [["memory.limit_in_bytes", "67108864"]],
    cpu: [
      ["cpu.shares", "512"],
      ["cpu.cfs_quota_us", "150000"],
    ],
    pids: [["pids.max", "8192"]],
  },
  "cgroup-v2": {
    memory: [["memory.max", "67108864"]],
    cpu: [
      ["cpu.weight", "20"],
      ["cpu.max", "150000 100000"],
    ],
    pids: [["pids.max", "8192"]],
  },
  "no-cgroup": {},
};

async function detected(executor: Executor): Promise<ExecutorInfo> {
  const found = await executor.detect();
  assert.ok(found.ok, found.ok ? "" : found.error);
  return found.value;
}

const recordIn = (host: TestHost, task: string): TaskRecord | undefined =>
  readFileSync(join(host.workDir, "process", "records.log"), "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as TaskRecord)
    .findLast((record) => record.task === task);

describe("process executor", function () {
  this.timeout(30_000);
  const host = new TestHost();
  before(() => host.start());
  after(() => host.end());
  afterEach(async () => {
    present = undefined;
    await host.clean();
  });
  /** One at a time may use the work directory. */
  let present: ProcessExecutor | undefined;
  const agent = () => (present ??= host.open()[0]);

  async function ended(id: string, command: string, over: Partial<TaskSpec> = {}) {
    const executor = agent();
    const launched = await executor.launch(await host.task(id, command, over));
    assert.deepEqual(launched, { ok: true, value: undefined });
    return host.exitOf(id);
  }

  async function refused(order: LaunchOrder) {
    const launched = await agent().launch(order);
    assert.ok(!launched.ok, "it was launched");
    return launched.error;
  }

  const recordOf = (task: string) => recordIn(host, task);
  /** Where something of it cannot be enforced, whoever asks is told so. */
  const tellsThatItIsNotEnforced = async (): Promise<void> => {
    const { warnings } = await detected(agent());
    assert.match(warnings.join(), /limits are not enforced/);
  };

  /** Of the task and of all that it started. */
  const processesOf = (task: string): number[] =>
    readdirSync("/proc").flatMap((pid) => {
      if (!/^\d+$/.test(pid)) return [];
      try {
        const isOurs = readFileSync(`/proc/${pid}/environ`, "utf8").includes(`EMPORION_TASK_ID=${task}\0`);
        return isOurs && startTime(Number(pid)) !== undefined ? [Number(pid)] : [];
      } catch {
        return [];
      }
    });

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

  describe("deaths", () => {
    it("kill -9 of the agent's process: its task goes on, and its exit code is known", async () => {
      await host.sandboxes.create("survivor", undefined);
      const program = fileURLToPath(new URL("../support/crashing-agent.ts", import.meta.url));
      const agent = spawn(
        process.execPath,
        ["--import", "tsx", "--conditions=source", program, host.workDir, "survivor", "sleep 1; exit 9"],
        { stdio: ["ignore", "pipe", "inherit"] },
      );
      await new Promise((said) => agent.stdout.once("data", said));
      agent.kill("SIGKILL");
      const found = await host.open()[0].recover([host.order("survivor", "")]);
      assert.equal(found.get("survivor"), "running");
      assert.deepEqual(await host.exitOf("survivor"), { task: "survivor", exitCode: 9, reason: "exited" });
    });

    it("kill -9 of the shim: the task goes on under another, can be killed, and its end is unknown", async () => {
      const [executor] = host.open();
      await executor.launch(await host.task("orphan", "sleep 600"));
      await executor.launch(await host.task("orphan2", "sleep 600"));
      process.kill(
        Number(readFileSync(`/proc/${recordOf("orphan")!.pid}/stat`, "utf8").split(" ")[3]),
        "SIGKILL",
      );
      let tries = 0;
      const launchAnother = async () => (await executor.launch(await host.task(`t.${++tries}`, "exit 0"))).ok;
      await eventually("another shim", launchAnother);
      await host.exitOf(`t.${tries}`);
      assert.notDeepEqual(processesOf("orphan"), []);
      await executor.kill("orphan", false);
      const { reason, message } = await host.exitOf("orphan");
      assert.deepEqual(
        [reason, message],
        ["exit-unknown", "it ended while nobody could see its exit code: its shim was gone"],
      );
      assert.notDeepEqual(processesOf("orphan2"), []);
    });

    it("a host that was restarted: nothing runs, and whoever has the pid now is left alone", async () => {
      const bystander = spawn("sleep", ["600"], { stdio: "ignore" });
      const record = {
        task: "old",
        pid: bystander.pid!,
        startTime: startTime(bystander.pid!),
        bootId: "before",
      };
      const again = new TestHost();
      const [executor] = again.open();
      writeFileSync(join(again.workDir, "process", "records.log"), `${JSON.stringify(record)}\n`);
      const found = await executor.recover([again.order("old", "")]);
      assert.equal(found.get("old"), "ended");
      assert.equal((await again.exitOf("old")).reason, "host-restarted");
      await again.end();
      assert.equal(bystander.exitCode, null);
      bystander.kill("SIGKILL");
    });

    it("a second agent on one work directory is told so", async () => {
      await host.open()[0].detect();
      const [second] = host.open({}, 300);
      assert.deepEqual(await second.detect(), {
        ok: false,
        error: "the shim does not answer: another agent uses this work directory",
      });
    });

    it("the last shim leaves nothing behind", async function () {
      const other = new TestHost();
      await other.start();
      await other.end();
      assert.equal(existsSync(other.workDir), false);
      if (!hasCgroups || !isRoot) return;
      const left = execFileSync("find", [
        "/sys/fs/cgroup",
        "-path",
        "*emporion/test-*",
        "-name",
        "task-*",
        "-mmin",
        "-1",
      ]);
      assert.deepEqual(
        left
          .toString()
          .split("\n")
          .filter((line) => line !== "" && !line.endsWith("task-keeper")),
        [],
      );
    });
  });

  describe("a task that must not outlive its agent's contact", () => {
    it("is ended in time when the agent is gone", async () => {
      const [first] = host.open();
      await first.launch(
        await host.task("cut", "trap '' TERM; while :; do sleep 0.1; done", { stopWhenCutOffMs: 1000 }),
      );
      const begun = performance.now();
      await first.close();
      await eventually("its end", () => recordOf("cut")?.end);
      assert.ok(performance.now() - begun < 1900, "it took too long");
      const [second] = host.open();
      await second.recover([host.order("cut", "", { stopWhenCutOffMs: 1000 })]);
      assert.deepEqual(await host.exitOf("cut"), {
        task: "cut",
        signal: "SIGKILL",
        reason: "cut-off",
        message: "ended because its agent could not reach the cluster for 1000 ms",
      });
    });

    it("goes on as long as the agent reaches the cluster", async () => {
      const [executor] = host.open();
      await executor.launch(await host.task("kept", "sleep 2; exit 2", { stopWhenCutOffMs: 1000 }));
      const contact = setInterval(() => executor.reached(), 100);
      const { exitCode } = await host.exitOf("kept").finally(() => clearInterval(contact));
      assert.equal(exitCode, 2);
    });
  });
});
