import assert from "node:assert/strict";
import { Resolver } from "node:dns/promises";
import { eventually } from "#test/support/eventually.js";
import type { LocalCluster } from "./support/cluster.js";
import { sharedCluster } from "./support/suite.js";
import { boxApp, jarApp, small, webApp, type Work } from "./support/work.js";

interface ConsulEntry {
  readonly Service: {
    readonly ID: string;
    readonly Address: string;
    readonly Port: number;
    readonly Meta: Record<string, string>;
  };
}

describe("each kind of workload on a real cluster", function () {
  this.timeout(120_000);
  let cluster: LocalCluster;
  let work: Work;
  before(async () => {
    ({ cluster, work } = await sharedCluster());
  });

  const registered = async (service: string): Promise<readonly ConsulEntry[]> => {
    const response = await fetch(`${cluster.consul.url}/v1/health/service/${service}?passing=true`);
    return (await response.json()) as ConsulEntry[];
  };

  it("a process: its instances answer where Consul says, by HTTP and by DNS", async () => {
    await cluster.api.deploy(webApp("/e2e/web", 3, work));
    const entries = await eventually("three entries in Consul", async () => {
      const found = await registered("e2e-web");
      return found.length === 3 ? found : undefined;
    });
    const answers = await Promise.all(
      entries.map(async ({ Service }) => (await fetch(`http://${Service.Address}:${Service.Port}/`)).text()),
    );
    const tasks = await cluster.api.tasks("/e2e/web");
    assert.deepEqual(
      answers.map((answer) => answer.split(" ")[0] ?? "").toSorted(),
      tasks
        .filter(({ latest }) => latest.state === "running")
        .map(({ spec }) => spec.id)
        .toSorted(),
    );

    const resolver = new Resolver();
    resolver.setServers([`127.0.0.1:${cluster.consul.dnsPort}`]);
    const records = await resolver.resolveSrv("e2e-web.service.consul");
    assert.deepEqual(
      records.map(({ port }) => port).toSorted((a, b) => a - b),
      entries.map(({ Service }) => Service.Port).toSorted((a, b) => a - b),
    );
  });

  it("killing an instance brings a new one, and Consul has it within two seconds", async () => {
    const before = await registered("e2e-web");
    const [victim] = before;
    assert.ok(victim !== undefined);
    const pid = await pidListening(victim.Service.Port);
    const killedAt = performance.now();
    process.kill(pid, "SIGKILL");
    await eventually("three other entries", async () => {
      const found = await registered("e2e-web");
      return found.length === 3 && found.every(({ Service }) => Service.ID !== victim.Service.ID);
    });
    const tookMs = performance.now() - killedAt;
    assert.ok(tookMs < 2000, `took ${Math.round(tookMs)} ms`);
    await cluster.api.settled("/e2e/web");
  });

  it("deleting the app ends its tasks, and Consul has no entries of it", async () => {
    await cluster.api.remove("/e2e/web");
    assert.deepEqual(await registered("e2e-web"), []);
    const tasks = await cluster.api.tasks("/e2e/web");
    assert.ok(tasks.every(({ latest }) => ["killed", "failed", "finished"].includes(latest.state)));
  });

  it("a task that is asked to stop is in Consul no more: nobody is sent to one that goes", async () => {
    const app = await cluster.api.deploy(onlooker("/e2e/leaving", cluster.consul.url));
    const [task] = app.tasks;
    const stdout = `/cluster/tasks/${task!.id}/stdout`;
    const said = () => cluster.api.get<string>(stdout);
    await eventually(
      "it to see itself there",
      async () => (await said()) === "running: 1 in Consul\n",
      10_000,
    );
    await cluster.api.remove("/e2e/leaving");
    assert.equal(await said(), "running: 1 in Consul\nasked to stop: 0 in Consul\n");
  });

  it("a container: answers on its mapped port, and its output is its sandbox's stdout", async () => {
    const app = await cluster.api.deploy(boxApp("/e2e/box", 2, work));
    for (const task of app.tasks.filter(({ state }) => state === "TASK_RUNNING")) {
      const answer = await eventually("the container to answer", async () => {
        const response = await fetch(`http://${task.host}:${task.ports[0]}/`).catch(() => undefined);
        return response?.text();
      });
      assert.equal(answer.trim(), task.id);
      assert.equal(await cluster.api.get(`/cluster/tasks/${task.id}/stdout`), "started\n");
    }
    await cluster.api.remove("/e2e/box");
  });

  it("a JVM: runs the JAR on a JDK that the agent found", async () => {
    const app = await cluster.api.deploy(jarApp("/e2e/jar", 1, work));
    const task = app.tasks.find(({ state }) => state === "TASK_RUNNING")!;
    const answer = await eventually("the JVM to answer", async () => {
      const response = await fetch(`http://${task.host}:${task.ports[0]}/`).catch(() => undefined);
      return response?.json() as Promise<{ task: string }> | undefined;
    });
    assert.equal(answer.task, task.id);
    await cluster.api.remove("/e2e/jar");
  });

  it("a job: its result has exit code, host and times", async () => {
    const run = await cluster.api.run({ id: "e2e.hello", run: { cmd: "echo hello", ...small } } as never);
    assert.equal(run.status, "SUCCESS");
    const [attempt] = run.tasks;
    assert.equal(attempt?.exitCode, 0);
    assert.ok(attempt.host !== "" && attempt.startedAt !== undefined && run.completedAt !== null);
    assert.equal(await cluster.api.get(`/cluster/tasks/${attempt.id}/stdout`), "hello\n");
  });

  it("a job that fails is tried again, and its result says how each attempt ended", async () => {
    const retried = {
      cmd: "exit 7",
      ...small,
      restart: { policy: "ON_FAILURE" },
      retries: 2,
      backoffSeconds: 0.1,
    };
    const run = await cluster.api.run({ id: "e2e.seven", run: retried } as never);
    assert.equal(run.status, "FAILED");
    assert.deepEqual(
      run.tasks.map(({ exitCode }) => exitCode),
      [7, 7, 7],
    );
    assert.match(run.reason ?? "", /7/);
  });

  it("a program that uses more memory than it asked for is ended, and it is said why", async () => {
    const hungry = { cmd: "exec tail /dev/zero", ...small };
    const run = await cluster.api.run({ id: "e2e.hungry", run: hungry } as never);
    assert.equal(run.status, "FAILED");
    const task = await cluster.api.task(run.tasks[0]!.id);
    assert.equal(task.latest.reason, "out-of-memory");
    assert.match(task.latest.message ?? "", /32 MiB/);
  });
});

/** Says how many of it are in Consul, when it is, and once more when it is asked to stop. */
function onlooker(id: string, consul: string) {
  const program = `
    const entries = async () =>
      (await (await fetch("${consul}/v1/catalog/service/${id.slice(1).replaceAll("/", "-")}")).json()).length;
    process.once("SIGTERM", async () => {
      console.log("asked to stop: " + (await entries()) + " in Consul");
      process.exit(0);
    });
    const look = async () => {
      const count = await entries();
      if (count === 0) return setTimeout(look, 20);
      console.log("running: " + count + " in Consul");
    };
    look();
    setInterval(() => {}, 1000);
  `;
  return {
    id,
    args: [process.execPath, "--eval", program],
    instances: 1,
    cpus: 0.05,
    mem: 96,
    portDefinitions: [{ port: 0 }],
  };
}

async function pidListening(port: number): Promise<number> {
  const { readdirSync, readFileSync, readlinkSync } = await import("node:fs");
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const inodes = new Set(
    ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((file) =>
      readFileSync(file, "utf8")
        .split("\n")
        .map((line) => line.trim().split(/\s+/))
        .filter((fields) => fields[1]?.endsWith(`:${hex}`) && fields[3] === "0A")
        .map((fields) => `socket:[${fields[9]}]`),
    ),
  );
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      for (const fd of readdirSync(`/proc/${pid}/fd`))
        if (inodes.has(readlinkSync(`/proc/${pid}/fd/${fd}`))) return Number(pid);
    } catch {
      // It has ended meanwhile, or a descriptor has been closed.
    }
  }
  throw new Error(`nobody listens on port ${port}`);
}
