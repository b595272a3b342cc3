import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { callDocker } from "#setup/docker-api.mjs";
import { type Engine, startDockerEngine, stopDockerEngine } from "#setup/engine.mjs";
import { BUSYBOX_IMAGE, buildBusyboxImage } from "#setup/image.mjs";
import { readTools } from "#setup/tools.mjs";
import { eventually } from "#test/support/eventually.js";

const tools = readTools();
const { docker, busybox } = tools;

/** Why there is none of ours to test; undefined where there is. */
function hindrance(): string | undefined {
  if (docker.kind === "running") return `this machine's own Docker engine ${docker.version} serves`;
  if (docker.kind === "missing") return `there is no Docker engine: ${docker.reason}`;
  return busybox.path === undefined ? `there is no busybox: ${busybox.reason}` : undefined;
}

const why = hindrance();
const title = "a Docker engine of our own";

describe(why === undefined ? title : `${title} (not here: ${why})`, function () {
  this.timeout(90_000);
  let dir: string;
  let engine: Engine;
  let container: string;
  let port: string;

  before(async function () {
    if (why !== undefined) this.skip();
    dir = await mkdtemp(join(tmpdir(), "em-engine-"));
    engine = await startDockerEngine({ tools, dir });
    await buildBusyboxImage({ socket: engine.socket, busybox: busybox.path! });
  });

  after(async () => {
    if (dir === undefined) return;
    await stopDockerEngine({ tools, dir });
    await rm(dir, { recursive: true, force: true });
  });

  it("runs a container of the image built here, and publishes its port", async () => {
    const made = await call("POST", "/containers/create", {
      Image: BUSYBOX_IMAGE,
      Cmd: [
        "sh",
        "-c",
        "mkdir /tmp/www && echo hello > /tmp/www/index.html && exec httpd -f -p 80 -h /tmp/www",
      ],
      ExposedPorts: { "80/tcp": {} },
      HostConfig: { PortBindings: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "0" }] } },
    });
    container = made["Id"];
    await call("POST", `/containers/${container}/start`);
    port = (await call("GET", `/containers/${container}/json`))["NetworkSettings"]["Ports"]["80/tcp"][0][
      "HostPort"
    ];
    assert.equal(await answerOn(port), "hello\n");
  });

  it("called again, finds the engine that runs", async () => {
    const again = await startDockerEngine({ tools, dir });
    assert.equal(again.pid, engine.pid);
  });

  it("killed and started again, serves the container that went on meanwhile", async () => {
    const { Pid: before } = (await call("GET", `/containers/${container}/json`))["State"];
    process.kill(engine.pid ?? Number.NaN, "SIGKILL");
    engine = await startDockerEngine({ tools, dir });
    const state = (await call("GET", `/containers/${container}/json`))["State"];
    assert.equal(state["Running"], true);
    assert.equal(state["Pid"], before);
    assert.equal(await answerOn(port), "hello\n");
  });

  it("leaves no process, mount, bridge or control group behind", async () => {
    const { bridge, cgroup } = JSON.parse(await readFile(join(dir, "engine.json"), "utf8"));
    assert.ok(existsSync(`/sys/class/net/${bridge}`));
    await engine.stop();
    assert.equal(existsSync(engine.socket), false);
    assert.deepEqual(await commandLinesWith(dir), []);
    assert.equal((await readFile("/proc/self/mountinfo", "utf8")).includes(dir), false);
    assert.equal(existsSync(`/sys/class/net/${bridge}`), false);
    const hierarchies = (await readdir("/sys/fs/cgroup")).map((name) => join("/sys/fs/cgroup", name, cgroup));
    assert.deepEqual(
      [...hierarchies, join("/sys/fs/cgroup", cgroup)].filter((path) => existsSync(path)),
      [],
    );
  });

  async function call(method: string, path: string, body?: object): Promise<Record<string, any>> {
    const answer = await callDocker({
      socket: engine.socket,
      method,
      path,
      ...(body === undefined ? {} : { body }),
    });
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.body}`);
    return answer.body === "" ? {} : JSON.parse(answer.body);
  }
});

/** The container's server needs a moment: asks until it answers. */
const answerOn = (port: string): Promise<string> =>
  eventually(
    `an answer on port ${port}`,
    async () => {
      const asking = fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(2000) });
      return asking.then((answer) => answer.text()).catch(() => undefined);
    },
    10_000,
  );

async function commandLinesWith(text: string): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")),
  );
  return lines.filter((line) => line.includes(text));
}
