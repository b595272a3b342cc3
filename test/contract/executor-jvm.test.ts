import assert from "node:assert/strict";
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findJdks, type Jdk, usualRoots } from "#libs/adapters/jvm/jdks.js";
import type { JvmExecutor } from "#libs/adapters/jvm/executor.js";
import { amounts } from "#libs/core/resources.js";
import { findCgroups } from "#libs/adapters/process/cgroups.js";
import type { LaunchOrder } from "#libs/core/launch.js";
import type { JvmWorkload, TaskSpec } from "#protocol/task.js";
import { eventually } from "#test/support/eventually.js";
import { TestHost } from "#test/support/host-processes.js";
import { buildProgramJar } from "#test/support/program-jar.js";
import { executorContract } from "./executor.js";

const agentEnv = { PATH: process.env["PATH"] ?? "", JAVA_HOME: process.env["JAVA_HOME"] ?? "" };
const own = findCgroups("probe");
const limitsMemory = typeof own !== "string" && own.warnings.every((warning) => !warning.includes("memory"));

describe("jvm executor", function () {
  this.timeout(60_000);
  const host = new TestHost();
  const classes = mkdtempSync(join(tmpdir(), "emporion-classes-"));
  let jdks: Jdk[];
  let latest: Jdk;
  let present: JvmExecutor | undefined;
  const agent = () => (present ??= host.open(agentEnv)[1]);

  before(async function () {
    jdks = findJdks({ roots: usualRoots, javaHome: agentEnv.JAVA_HOME, path: agentEnv.PATH });
    const compiler = jdks.findLast(
      ({ home, release }) => release >= 17 && existsSync(join(home, "bin", "javac")),
    );
    // Without a JDK there is nothing to be tried; .ci/run takes a skipped suite for a failure.
    if (compiler === undefined) return this.skip();
    latest = jdks[0]!;
    buildProgramJar(compiler.home, classes);
    // The contract's tasks take the JAR from here, as another user.
    chmodSync(classes, 0o755);
    await host.start();
  });
  afterEach(async () => {
    present = undefined;
    await host.clean();
  });
  after(async () => {
    rmSync(classes, { recursive: true, force: true });
    await host.end();
  });

  executorContract(
    "JVMs of this host",
    async () => ({
      agent: async () => host.openUnheard(agentEnv)[1],
      // The shim sees the same when an agent's process is gone: the end of the connection.
      crash: (executor) => executor.close(),
      order(id, command, over) {
        const jar = join(classes, "program.jar");
        const workload: JvmWorkload = { kind: "jvm", jar, arguments: ["script", command] };
        const order = host.order(id, "", { resources: amounts({ cpus: 0.1, mem: 128 }), ...over, workload });
        void host.sandboxes.create(id, undefined);
        return order;
      },
      stdout: (id) => host.file(id, "stdout") ?? "",
      end: () => host.clean(),
    }),
    20_000,
  );

  async function task(
    id: string,
    workload: Partial<JvmWorkload>,
    over: Partial<TaskSpec> = {},
  ): Promise<LaunchOrder> {
    const order = await host.task(id, "", {
      resources: amounts({ cpus: 0.5, mem: 256 }),
      ...over,
      workload: { kind: "jvm", ...(workload.mainClass === undefined && { jar: "program.jar" }), ...workload },
    });
    for (const name of readdirSync(classes))
      copyFileSync(join(classes, name), join(host.sandboxes.directory(id), name));
    return order;
  }

  async function ended(id: string, workload: Partial<JvmWorkload>, over: Partial<TaskSpec> = {}) {
    assert.deepEqual(await agent().launch(await task(id, workload, over)), { ok: true, value: undefined });
    return host.exitOf(id, 30_000);
  }

  async function refused(order: LaunchOrder) {
    const launched = await agent().launch(order);
    assert.ok(!launched.ok, "it was launched");
    return launched.error;
  }

  const told = (id: string) =>
    Object.fromEntries(
      host
        .file(id, "stdout")!
        .trim()
        .split("\n")
        .map((line) => [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)]),
    );

  it("runs below a directory that its user may not enter, and the agent is warned of it", async function () {
    if (process.getuid?.() !== 0) return this.skip();
    const closed = new TestHost({ closed: true });
    const [, executor] = closed.open(agentEnv);
    const detected = await executor.detect();
    const warning = `user nobody may not enter ${closed.workDir}: his tasks reach their sandbox as working directory only`;
    // Besides what the host's control groups cannot promise.
    const warnings = detected.ok ? detected.value.warnings : [];
    assert.deepEqual(
      warnings.filter((each) => !each.startsWith("no cgroup")),
      [warning],
    );
    const order = await closed.task("below", "", {
      resources: amounts({ mem: 256 }),
      workload: { kind: "jvm", mainClass: "Program", classPath: ["program.jar"], arguments: ["exit", "7"] },
    });
    copyFileSync(join(classes, "program.jar"), join(closed.sandboxes.directory("below"), "program.jar"));
    await executor.launch(order);
    assert.equal((await closed.exitOf("below", 30_000)).exitCode, 7);
    await closed.end();
  });

  it("tells every JDK of the host, the latest first", async () => {
    const detected = await agent().detect();
    assert.ok(detected.ok);
    assert.deepEqual(detected.value.jdks, jdks);
    assert.equal(detected.value.version, latest.version);
    assert.deepEqual(
      jdks.map(({ home }) => home),
      [...new Set(jdks.map(({ home }) => home))],
    );
  });

  it("runs a JAR with a heap and processors for what the task asked for", async () => {
    await ended("jar", { arguments: ["tell", "a b", "$HOME"] });
    const { heap, ...rest } = told("jar");
    assert.deepEqual(rest, {
      release: `${latest.release}`,
      cpus: "1",
      home: latest.home,
      property: "null",
      arguments: "tell|a b|$HOME",
    });
    // 256 − max(64, 25 %) = 192; collectors keep a part of it for themselves
    assert.ok(Number(heap) > 170 && Number(heap) <= 192, heap);
  });

  it("runs a main class, with the task's own options after ours", async () => {
    const options = ["-Dcolor=red", "-Xmx40m", "-XX:ActiveProcessorCount=3"];
    await ended("main", { mainClass: "Program", classPath: ["."], options, arguments: ["tell"] });
    const { heap, property, cpus } = told("main");
    assert.deepEqual([property, cpus], ["red", "3"]);
    assert.ok(Number(heap) <= 40, heap);
  });

  it("takes the JDK that is asked for", async () => {
    // The program is compiled for 17.
    const oldest = jdks.findLast(({ release }) => release >= 17)!;
    await ended("oldest", { version: `${oldest.release}`, arguments: ["tell"] });
    assert.equal(told("oldest")["release"], `${oldest.release}`);
  });

  it("exit codes are the program's own, 1 and 3 too", async () => {
    for (const exitCode of [0, 1, 3, 42])
      assert.deepEqual(await ended(`exit.${exitCode}`, { arguments: ["exit", `${exitCode}`] }), {
        task: `exit.${exitCode}`,
        exitCode,
        reason: "exited",
      });
  });

  it("a heap that is full is told apart", async () => {
    const { exitCode, reason, message } = await ended("heap", { arguments: ["heap"] });
    assert.deepEqual([exitCode, reason], [3, "java-out-of-memory"]);
    assert.match(message ?? "", /^java\.lang\.OutOfMemoryError: Java heap space/);
  });

  it("so is a JVM that the kernel killed; where it cannot be, the agent is told so", async () => {
    if (!limitsMemory) {
      const detected = await agent().detect();
      assert.match(detected.ok ? detected.value.warnings.join() : "", /limits are not enforced/);
      return;
    }
    const options = ["-XX:MaxDirectMemorySize=2g"];
    const { reason, signal } = await ended("native", { options, arguments: ["native"] });
    assert.deepEqual([reason, signal], ["out-of-memory", "SIGKILL"]);
  });

  it("and one that crashed, with what it wrote of it", async () => {
    const { reason, message } = await ended("crash", {
      options: ["-XX:-CreateCoredumpOnCrash"],
      arguments: ["crash"],
    });
    assert.equal(reason, "java-crash");
    assert.match(message ?? "", /^the JVM crashed, see hs_err_[0-9]+\.log: SIGSEGV/);
    assert.ok(readdirSync(host.sandboxes.directory("crash")).some((name) => name.startsWith("hs_err_")));
  });

  it("ends when it is asked to, with its hooks", async () => {
    await agent().launch(await task("wait", { arguments: ["wait"] }));
    await eventually("the program", () => host.file("wait", "stdout")?.includes("waiting"), 20_000);
    await agent().kill("wait", false);
    assert.deepEqual(await host.exitOf("wait", 20_000), { task: "wait", exitCode: 143, reason: "exited" });
  });

  it("a JAR or a class that is not there is told before anything starts", async () => {
    assert.deepEqual(await refused(await task("none", { jar: "none.jar" })), {
      reason: "artifact-missing",
      message: "there is no JAR none.jar in the sandbox",
    });
    assert.deepEqual(await refused(await task("none2", { jar: "/no/such.jar" })), {
      reason: "artifact-missing",
      message: "there is no JAR /no/such.jar",
    });
    assert.deepEqual(await refused(await task("none3", { mainClass: "a.None", classPath: ["."] })), {
      reason: "artifact-missing",
      message: "there is no class a.None in the class path .",
    });
  });

  it("a JDK that is not there is told with those that are", async () => {
    const { reason, message } = await refused(await task("future", { version: ">=99" }));
    assert.equal(reason, "executor-unavailable");
    assert.ok(message.startsWith("no JDK >=99 on this host; it has "));
    assert.ok(message.includes(latest.version));
  });

  it("a heap that does not fit into the memory is refused in numbers", async () => {
    const { reason, message } = await refused(await task("large", { options: ["-Xmx1g"] }));
    assert.equal(reason, "launch-failed");
    assert.match(message, /^the heap of 1024 MiB \(-Xmx\) does not fit into mem 256 MiB/);
  });
});
