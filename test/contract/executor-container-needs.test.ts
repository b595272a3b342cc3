import assert from "node:assert/strict";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { amounts } from "#libs/core/resources.js";
import { eventually } from "#test/support/eventually.js";
import { fakeRegistry } from "#test/support/registry.js";
import { freePorts } from "#test/support/tools.js";
import { containerHost } from "./container-host.js";

describe("container executor on a Docker engine", function () {
  this.timeout(60_000);
  const { root, engine, open, order, file, inspect, leftOver, launched, refused } = containerHost();

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
      message: `the command nosuchcommand cannot be run in image ${engine().image}: No such file or directory`,
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
});

const listening = (): Promise<[Server, number]> =>
  new Promise((ready) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => ready([server, (server.address() as { port: number }).port]));
  });
