import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ContainerExecutor, type ContainerExecutorOptions } from "#libs/adapters/docker/executor.js";
import { silentLog } from "#libs/adapters/log.js";
import { amounts } from "#libs/core/resources.js";
import type { LaunchOrder, TaskExit } from "#libs/core/launch.js";
import type { ContainerWorkload, TaskSpec } from "#protocol/task.js";
import { startDocker, type TestEngine } from "#test/support/docker.js";
import { eventually } from "#test/support/eventually.js";
import { fakeRegistry } from "#test/support/registry.js";
import { freePorts } from "#test/support/tools.js";
import { executorContract } from "./executor.js";

describe("container executor on a Docker engine", function () {
  this.timeout(60_000);
  let engine: TestEngine;
  const root = mkdtempSync(join(tmpdir(), "emporion-boxes-"));
  const opened: ContainerExecutor[] = [];
  let tasks = 0;

  before(async () => (engine = await startDocker()));
  afterEach(async () => {
    for (const executor of opened.splice(0)) await executor.close();
    await removeAll();
  });
  after(async () => {
    await engine?.stop();
    rmSync(root, { recursive: true, force: true });
  });

  const removeAll = async (): Promise<void> => {
    const all = await engine.docker.listContainers({ all: true });
    await Promise.all(all.map(({ Id }) => engine.docker.getContainer(Id).remove({ force: true, v: true })));
  };

  function openUnheard(over: Partial<ContainerExecutorOptions>): ContainerExecutor {
    return new ContainerExecutor({
      cluster: "test",
      agent: "agent-a",
      owner: root,
      sandbox: (task) => join(root, task),
      policy: { privileged: false, hostMounts: [] },
      log: silentLog,
      dockerHost: engine.dockerHost,
      ...over,
    });
  }

  /** An agent's executor with what it has told; a second one is the agent after its own death. */
  function open(over: Partial<ContainerExecutorOptions> = {}) {
    const executor = openUnheard(over);
    opened.push(executor);
    const exits: TaskExit[] = [];
    executor.exits.subscribe((exit) => exits.push(exit));
    const exitOf = (task: string) =>
      eventually(`the exit of ${task}`, () => exits.find((exit) => exit.task === task), 20_000);
    return { executor, exits, exitOf };
  }

  function order(workload: Partial<ContainerWorkload>, over: Partial<TaskSpec> = {}): LaunchOrder {
    const id = `box.${++tasks}`;
    mkdirSync(join(root, id), { recursive: true });
    return {
      spec: {
        id,
        name: "box",
        workload: { kind: "container", image: engine.image, network: "host", ...workload },
        resources: amounts({ cpus: 0.1, mem: 32 }),
        ...over,
      },
      framework: "tests",
      host: "127.0.0.1",
      env: { EMPORION_TASK_ID: id },
    };
  }

  const file = (task: string, name: "stdout" | "stderr") => readFileSync(join(root, task, name), "utf8");
  const inspect = (task: string) => engine.docker.getContainer(`em-test-${task}`).inspect() as Promise<any>;
  const leftOver = async () =>
    (await engine.docker.listContainers({ all: true })).map(({ Names }) => Names[0]);

  async function tell(task: string): Promise<void> {
    const exec = await engine.docker.getContainer(`em-test-${task}`).exec({ Cmd: ["sh", "-c", told] });
    await exec.start({ Detach: true });
  }

  async function launched({ executor }: { executor: ContainerExecutor }, task: LaunchOrder): Promise<string> {
    assert.deepEqual(await executor.launch(task), { ok: true, value: undefined });
    return task.spec.id;
  }

  async function refused({ executor }: { executor: ContainerExecutor }, task: LaunchOrder) {
    const result = await executor.launch(task);
    assert.ok(!result.ok, "it was launched");
    return result.error;
  }

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

  describe("what a container gets", () => {
    it("limits, labels and few capabilities", async () => {
      const agent = open();
      const resources = amounts({ cpus: 0.5, mem: 64 });
      const spec = {
        resources,
        limits: { cpus: 1500 },
        labels: { colour: "red", "emporion.task": "forged" },
      };
      const task = await launched(agent, order({ argv: ["sleep", "1000"] }, spec));
      const { HostConfig, Config, Name } = await inspect(task);
      assert.equal(Name, `/em-test-${task}`);
      assert.deepEqual(
        [HostConfig.Memory, HostConfig.MemorySwap, HostConfig.CpuShares, HostConfig.NanoCpus],
        [64 * 1024 * 1024, 64 * 1024 * 1024, 512, 1_500_000_000],
      );
      assert.deepEqual(HostConfig.CapDrop, ["ALL"]);
      assert.ok(!HostConfig.CapAdd.some((name: string) => /NET_RAW|MKNOD|SYS_/.test(name)));
      assert.deepEqual(HostConfig.SecurityOpt, ["no-new-privileges"]);
      assert.deepEqual([HostConfig.AutoRemove, HostConfig.RestartPolicy.Name], [false, "no"]);
      assert.ok(HostConfig.PidsLimit > 0);
      assert.deepEqual(Config.Labels, {
        ...Config.Labels,
        colour: "red",
        "emporion.cluster": "test",
        "emporion.agent": "agent-a",
        "emporion.task": task,
        "emporion.framework": "tests",
      });
    });

    it("its ports on the agent's address only", async () => {
      const agent = open();
      const [port] = await freePorts(1);
      const portMappings = [{ containerPort: 80, port: 0, protocol: "tcp" as const }];
      const serve = { command: "echo hello > /tmp/index.html; httpd -f -p 80 -h /tmp", portMappings };
      const task = order(
        { network: "bridge", ...serve },
        { resources: amounts({ mem: 32, ports: [[port!, port!]] }) },
      );
      await launched(agent, task);
      const text = await eventually("an answer", () =>
        fetch(`http://127.0.0.1:${port}/index.html`).then(
          (answer) => answer.text(),
          () => undefined,
        ),
      );
      assert.equal(text, "hello\n");
      const { NetworkSettings } = await inspect(task.spec.id);
      assert.deepEqual(NetworkSettings.Ports, {
        "80/tcp": [{ HostIp: "127.0.0.1", HostPort: String(port) }],
      });
    });

    it("the host's network when it asks for it", async () => {
      const agent = open();
      const [port] = await freePorts(1);
      const task = order({
        network: "host",
        command: `echo hi > /tmp/index.html; httpd -f -p 127.0.0.1:${port} -h /tmp`,
      });
      await launched(agent, task);
      await eventually("an answer", () =>
        fetch(`http://127.0.0.1:${port}/`).then(
          ({ ok }) => ok,
          () => false,
        ),
      );
    });

    it("its artifacts, to read only", async () => {
      const agent = open();
      const task = order(
        { command: 'cat "$EMPORION_SANDBOX/input.txt"; touch "$EMPORION_SANDBOX/x" || echo refused' },
        { artifacts: [{ uri: "file:///input.txt" }] },
      );
      writeFileSync(join(root, task.spec.id, "input.txt"), "given\n");
      await launched(agent, task);
      await agent.exitOf(task.spec.id);
      assert.equal(file(task.spec.id, "stdout"), "given\nrefused\n");
    });

    it("the directories of the host that the agent allows, and no others by way of a link", async () => {
      const shared = mkdtempSync(join(tmpdir(), "emporion-shared-"));
      writeFileSync(join(shared, "file"), "shared\n");
      symlinkSync("/etc", join(shared, "elsewhere"));
      const agent = open({ policy: { privileged: false, hostMounts: [shared] } });
      const mount = (hostPath: string) =>
        order({ command: "cat /in/file", volumes: [{ hostPath, containerPath: "/in", readOnly: true }] });

      const task = await launched(agent, mount(shared));
      await agent.exitOf(task);
      assert.equal(file(task, "stdout"), "shared\n");

      for (const path of ["/etc", `${shared}/../..`, join(shared, "elsewhere"), `${shared}x`]) {
        const { reason, message } = await refused(agent, mount(path));
        assert.equal(reason, "not-allowed", path);
        assert.match(message, /allowed: \/.*emporion-shared-/);
      }
      assert.match(
        (await refused(agent, mount(join(shared, "nothing")))).message,
        /nothing.*cannot be read: ENOENT/,
      );
      rmSync(shared, { recursive: true });
    });
  });

  describe("what cannot start says why and leaves nothing behind", () => {
    afterEach(async () => assert.deepEqual(await leftOver(), []));

    it("a missing image", async () => {
      const [port] = await freePorts(1);
      const image = `127.0.0.1:${port}/nothing:1`;
      const { reason, message } = await refused(open(), order({ image }));
      assert.equal(reason, "image-missing");
      assert.match(
        message,
        /^image 127\.0\.0\.1:\d+\/nothing:1 is not here and cannot be pulled: .*connection refused/,
      );
    });

    it("an image id that the engine does not have", async () => {
      const { reason, message } = await refused(open(), order({ image: `sha256:${"0".repeat(64)}` }));
      assert.deepEqual(
        [reason, message.endsWith("an image named by its id is in no registry")],
        ["image-missing", true],
      );
    });

    it("a privileged container, where the agent does not allow it", async () => {
      const message = "the agent's configuration allows no privileged containers";
      assert.deepEqual(await refused(open(), order({ privileged: true })), {
        reason: "not-allowed",
        message,
      });
    });

    it("one that must end when its agent is cut off: nobody could keep that", async () => {
      const { reason, message } = await refused(open(), order({}, { stopWhenCutOffMs: 10_000 }));
      assert.equal(reason, "not-allowed");
      assert.match(message, /stopWhenCutOffMs cannot be kept for a container/);
    });

    it("a port that somebody else has", async () => {
      const [server, port] = await listening();
      const portMappings = [{ containerPort: 80, port: 0, protocol: "tcp" as const }];
      const resources = amounts({ mem: 32, ports: [[port, port]] });
      const { reason, message } = await refused(
        open(),
        order({ network: "bridge", portMappings }, { resources }),
      );
      assert.equal(reason, "port-in-use");
      assert.match(message, new RegExp(`127\\.0\\.0\\.1:${port} is in use`));
      server.close();
    });

    it("a mapping of a port that the task does not have", async () => {
      const portMappings = [{ containerPort: 80, port: 2, protocol: "tcp" as const }];
      const { message } = await refused(open(), order({ network: "bridge", portMappings }));
      assert.equal(message, "a port mapping asks for PORT2, but the task has 0 ports");
    });

    it("a user that the image does not have", async () => {
      const { reason, message } = await refused(open(), order({ argv: ["true"] }, { user: "nosuchuser" }));
      assert.equal(reason, "launch-failed");
      assert.match(message, /unable to find user nosuchuser/);
    });
  });

  it("a command that the image does not have ends it at once, with that reason", async () => {
    const agent = open();
    const task = await launched(agent, order({ argv: ["nosuchcommand", "x"] }));
    assert.deepEqual(await agent.exitOf(task), {
      task,
      exitCode: 127,
      reason: "command-missing",
      message: `the command nosuchcommand cannot be run in image ${engine.image}: No such file or directory`,
    });
  });

  describe("images from a registry", () => {
    it("are pulled when they are not there, once for all who wait", async () => {
      const registry = await fakeRegistry();
      const agent = open();
      const image = `${registry.host}/box:1`;
      const boxes = Array.from({ length: 4 }, () => order({ image, argv: ["/hello"] }));
      const results = await Promise.all(boxes.map((box) => agent.executor.launch(box)));
      // The image is there, but holds no program.
      for (const result of results) if (!result.ok) assert.equal(result.error.reason, "command-missing");
      assert.equal(registry.manifestsServed(), 1);
      await agent.executor.launch(order({ image, argv: ["/hello"] }));
      assert.equal(registry.manifestsServed(), 1, "it is there now");
      const asked = registry.questions();
      await agent.executor.launch(order({ image, argv: ["/hello"], forcePull: true }));
      assert.ok(registry.questions() > asked, "asked for anew");
      await registry.close();
    });

    it("want the login of the agent's configuration, which no error shows", async () => {
      const registry = await fakeRegistry({ username: "puller", password: "s3cret-word" });
      const image = `${registry.host}/box:2`;
      const without = await refused(open(), order({ image }));
      assert.equal(without.reason, "image-missing");
      assert.match(without.message, /no basic auth credentials|unauthorized/);
      const login = (password: string) => {
        const loginsFile = join(root, "config.json");
        const auth = Buffer.from(`puller:${password}`).toString("base64");
        writeFileSync(loginsFile, JSON.stringify({ auths: { [registry.host]: { auth } } }));
        return { loginsFile };
      };
      const wrong = await refused(open(login("wrong-word")), order({ image }));
      assert.doesNotMatch(wrong.message, /wrong-word|s3cret/);
      const right = await open(login("s3cret-word")).executor.launch(order({ image, argv: ["/hello"] }));
      if (!right.ok) assert.equal(right.error.reason, "command-missing");
      await registry.close();
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
        const { Processes } = await engine.docker.getContainer(`em-test-${task}`).top();
        return !Processes.some((fields: string[]) => fields.join(" ").includes("sleep 500"));
      });
    });

    it("fail in words where nothing runs", async () => {
      const result = await open().executor.run("nobody", "true", 1000);
      assert.deepEqual(result, { ok: false, error: "task nobody does not run here" });
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

  describe("after the agent's death", () => {
    it("what runs is found again, what ended is told with its code, once, what never was is absent", async () => {
      const first = open();
      const [runs, ends, endsLater, never] = [
        order({ argv: ["sleep", "1000"] }),
        order({ command: `${untilTold}; echo bye; exit 9` }),
        order({ command: `${untilTold}; exit 5` }),
        order({ argv: ["true"] }),
      ];
      for (const box of [runs, ends, endsLater]) await launched(first, box);
      await first.executor.close();
      await tell(ends.spec.id);
      await eventually("its end", async () => !(await inspect(ends.spec.id)).State.Running);

      const second = open();
      const found = await second.executor.recover([runs, ends, endsLater, never]);
      assert.deepEqual(Object.fromEntries(found), {
        [runs.spec.id]: "running",
        [ends.spec.id]: "ended",
        [endsLater.spec.id]: "running",
        [never.spec.id]: "absent",
      });
      assert.deepEqual(await second.exitOf(ends.spec.id), {
        task: ends.spec.id,
        exitCode: 9,
        reason: "exited",
      });
      assert.equal(file(ends.spec.id, "stdout"), "bye\n");
      assert.deepEqual(await second.executor.run(endsLater.spec.id, told, 5000), { ok: true, value: 0 });
      assert.equal((await second.exitOf(endsLater.spec.id)).exitCode, 5);
      await second.executor.kill(runs.spec.id, false);
      await second.exitOf(runs.spec.id);
      assert.equal(second.exits.length, 3);
      assert.equal(first.exits.length, 0);
    });

    it("one that was created but not started never runs", async () => {
      const box = order({ argv: ["sleep", "1000"] });
      const labels = { "emporion.cluster": "test", "emporion.agent": "agent-a", "emporion.owner": root };
      const Labels = { ...labels, "emporion.task": box.spec.id };
      await engine.docker.createContainer({ name: `em-test-${box.spec.id}`, Image: engine.image, Labels });
      assert.deepEqual([...(await open().executor.recover([box]))], [[box.spec.id, "absent"]]);
      assert.deepEqual(await leftOver(), []);
    });

    it("another agent's containers are not touched, though it has the same name", async () => {
      const other = open({ owner: "/elsewhere" });
      const box = order({ argv: ["sleep", "1000"] });
      const task = await launched(other, box);
      const agent = open();
      assert.deepEqual([...(await agent.executor.recover([box]))], [[task, "absent"]]);
      await agent.executor.kill(task, true);
      await agent.executor.collect(task);
      assert.equal((await inspect(task)).State.Running, true);
    });
  });

  describe("when the engine dies", () => {
    it("tasks go on; ends meanwhile, kills meanwhile and output meanwhile are not lost", async () => {
      const agent = open();
      const [ends, killed, talks] = [
        order({ command: "sleep 3; exit 4" }),
        order({ argv: ["sleep", "1000"] }),
        order({ command: "for i in 1 2 3 4 5 6; do echo $i; sleep 1; done; exit 6" }),
      ];
      for (const box of [ends, killed, talks]) await launched(agent, box);
      const pid = (await inspect(ends.spec.id)).State.Pid as number;
      await engine.kill();
      assert.match(JSON.stringify(await agent.executor.detect()), /no Docker engine answers at unix/);
      await agent.executor.kill(killed.spec.id, false);
      await eventually("its end without an engine", () => !isAlive(pid));
      assert.deepEqual(agent.exits, []);
      await engine.restart();
      assert.deepEqual(await agent.exitOf(ends.spec.id), {
        task: ends.spec.id,
        exitCode: 4,
        reason: "exited",
      });
      assert.equal((await agent.exitOf(killed.spec.id)).signal, "SIGTERM");
      assert.equal((await agent.exitOf(talks.spec.id)).exitCode, 6);
      assert.equal(file(talks.spec.id, "stdout"), "1\n2\n3\n4\n5\n6\n");
      assert.equal(agent.exits.length, 3);
    });

    it("a start in its midst either happens or leaves nothing", async () => {
      const agent = open();
      const boxes = Array.from({ length: 6 }, () => order({ argv: ["sleep", "1000"] }));
      const launching = Promise.all(boxes.map((box) => agent.executor.launch(box)));
      await eventually("the first to start", async () => (await leftOver()).length > 1);
      await engine.kill();
      await engine.restart();
      const results = await launching;
      const ran = boxes.filter((_, index) => results[index]!.ok).map(({ spec }) => `/em-test-${spec.id}`);
      for (const result of results) if (!result.ok) assert.equal(result.error.reason, "executor-unavailable");
      await eventually("no leftovers", async () => {
        const left = await leftOver();
        return left.length === ran.length && left.every((name) => ran.includes(name!));
      });
      const ended = new Set(agent.exits.map(({ task }) => `/em-test-${task}`));
      const running = (await engine.docker.listContainers()).map(({ Names }) => Names[0]!);
      assert.deepEqual(running.toSorted(), ran.filter((name) => !ended.has(name)).toSorted());
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

/** A container that waits for a word, so that no test depends on who is faster. */
const told = "touch /tmp/go";
const untilTold = "until [ -e /tmp/go ]; do sleep 0.05; done";

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

const listening = (): Promise<[Server, number]> =>
  new Promise((ready) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => ready([server, (server.address() as { port: number }).port]));
  });
