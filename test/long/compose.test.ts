import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { readTools, ROOT } from "#setup/tools.mjs";
import { eventually } from "#test/support/eventually.js";
import type { Task } from "#test/e2e/support/api.js";
import { compose, type Composed } from "#test/e2e/support/composed.js";

const tools = readTools();
const file = parse(readFileSync(join(ROOT, "docker-compose.yml"), "utf8"), { merge: true }) as {
  readonly services: Readonly<Record<string, { readonly restart?: string; readonly healthcheck?: object }>>;
};
const services = Object.keys(file.services).filter((name) => name !== "keys");

/** Why it cannot be done here; undefined where it can. */
function hindrance(): string | undefined {
  const { docker, compose: composing } = tools;
  if (docker.kind === "running")
    return `this machine's own Docker engine ${docker.version} serves: it would need its registry, and is not ours to fill with images`;
  if (docker.kind === "missing") return `there is no Docker engine: ${docker.reason}`;
  if (composing?.command === undefined)
    return `there is no Docker Compose: ${composing?.reason ?? "nobody has looked for it"}`;
  return undefined;
}

const why = hindrance();
const title = "docker-compose.yml, brought up as it is in a network without anything else";

describe(why === undefined ? title : `${title} (not here: ${why})`, function () {
  this.timeout(300_000);
  let cluster: Composed;

  before(async function () {
    if (why !== undefined) this.skip();
    const took: string[] = [];
    cluster = await compose((line) => took.push(line)).finally(() => console.log(`      ${took.join(", ")}`));
  });
  after(async () => cluster?.remove());

  const running = async (name: string): Promise<readonly Task[]> => {
    const { tasks } = await cluster.ask<{ tasks: Task[] }>("tasks", "--name", name, "--state", "running");
    return tasks.toSorted((a, b) => a.spec.id.localeCompare(b.spec.id));
  };
  const ids = (tasks: readonly Task[]): string[] => tasks.map(({ spec }) => spec.id);
  const box = (instances: number) => ({
    id: "/web",
    cmd: 'mkdir -p /tmp/www && echo "$EMPORION_TASK_ID" > /tmp/www/index.html && exec httpd -f -p 8000 -h /tmp/www',
    container: { docker: { image: cluster.image }, portMappings: [{ containerPort: 8000 }] },
    networks: [{ mode: "container/bridge" }],
    instances,
    cpus: 0.05,
    mem: 32,
  });
  const deploy = (instances: number) =>
    cluster.cli(["app", "deploy", "--timeout", "60", "-"], box(instances));
  /** Of the first server that answers; only the leader tells about the others. */
  const figures = async (): Promise<JetStreamFigures> => {
    const url = "http://127.0.0.1:8222/jsz?streams=true&config=true";
    for (const server of ["nats-1", "nats-2", "nats-3"]) {
      const text = await cluster.inside(server, "wget", "-q", "-O", "-", url).catch(() => undefined);
      const found = text === undefined ? undefined : (JSON.parse(text) as JetStreamFigures);
      if (found?.meta_cluster.replicas !== undefined) return found;
    }
    throw new Error("no NATS server leads");
  };
  const isHealthy = async (service: string) => (await cluster.state(service)).health === "healthy";

  it("every service becomes healthy, one master leads, both agents and both frameworks are there", async () => {
    assert.equal(services.length, 15);
    for (const service of services)
      await eventually(`${service} to be healthy`, () => isHealthy(service), 120_000);
    assert.equal((await cluster.state("keys")).exitCode, 0);
    const status = await eventually("agents and frameworks", async () => {
      const found = await cluster.ask<Status>("status");
      return found.registered === 2 && found.frameworks === 2 ? found : undefined;
    });
    assert.match(status.leader.master, /^master-[123]$/);
  });

  it("every stream and bucket stands on all three NATS servers", async () => {
    const { account_details: accounts } = await figures();
    const streams = accounts.flatMap(({ stream_detail }) => stream_detail);
    assert.ok(streams.length >= 6, JSON.stringify(streams));
    assert.deepEqual(
      streams.filter(({ config }) => config.num_replicas !== 3),
      [],
    );
  });

  it("asks for the token, also at the second gateway", async () => {
    const without = { EMPORION_URL: "http://127.0.0.1:8081", PATH: process.env["PATH"] };
    const args = [join(ROOT, ".build/services/cli/main.js"), "status"];
    await assert.rejects(
      cluster.engine.run(process.execPath, args, { env: without }),
      /a token is asked for/,
    );
    assert.match(await cluster.inside("gateway-2", "emporion", "status"), /agents +2 registered/);
  });

  it("NATS takes nobody without credentials, and nobody but masters has the cluster's key", async () => {
    const connects = `import("nats").then(({ connect }) => connect({ servers: "127.0.0.1:4223" }))`;
    await assert.rejects(
      cluster.engine.run(process.execPath, ["-e", connects]),
      /Authorization Violation|AUTHORIZATION_VIOLATION/i,
    );
    for (const service of ["apps-1", "gateway-1", "agent-a"])
      assert.doesNotMatch(await cluster.inside(service, "ls", "/run/emporion"), /cluster/);
  });

  it("runs containers of the host's engine, which answer at the host's address, and a job", async () => {
    await deploy(2);
    const tasks = await running("/web");
    assert.equal(tasks.length, 2);
    for (const { host, spec } of tasks) {
      const url = `http://${host}:${spec.resources.ports[0]![0]}/`;
      const page = () =>
        cluster.engine.run(tools.busybox.path!, ["wget", "-q", "-O", "-", url]).catch(() => undefined);
      assert.equal(await eventually(`${url} to answer`, page), `${spec.id}\n`);
    }
    const words = await cluster.cli(["job", "run", "-"], {
      id: "report",
      run: { cmd: "echo done", docker: { image: cluster.image }, cpus: 0.05, mem: 32 },
    });
    assert.match(words, /SUCCESS/);
    assert.match(await cluster.cli(["logs", "report"]), /^done$/m);
  });

  /** What ran before runs on, what is asked for comes, and the service is there again. */
  const survives = async (service: string, instances: number): Promise<void> => {
    const before = ids(await running("/web"));
    await cluster.crash(service);
    await deploy(instances);
    // An agent that is just changing its NATS server does not answer.
    const all = async () => {
      const tasks = await running("/web");
      return tasks.length === instances && tasks;
    };
    const now = ids(await eventually("all agents to tell of them", all, 30_000));
    assert.deepEqual(
      before.filter((id) => !now.includes(id)),
      [],
    );
    await eventually(`${service} to be healthy again`, () => isHealthy(service), 60_000);
    assert.equal((await cluster.state(service)).restarts, 1);
  };

  it("the leading master dies: a new term begins, deploys go on, and Docker starts it again", async () => {
    const { leader } = await cluster.ask<Status>("status");
    await survives(leader.master, 3);
    assert.ok((await cluster.ask<Status>("status")).leader.epoch > leader.epoch);
  });

  it("a NATS server dies, the one that leads the streams: the other two go on", async () => {
    const { meta_cluster: meta } = await figures();
    await survives(meta.leader, 4);
    const allCurrent = async () => (await figures()).meta_cluster.replicas?.every(({ current }) => current);
    await eventually("three servers", allCurrent, 60_000);
  });

  it("an agent dies: its containers go on, and are its tasks when it comes back", async () => {
    const [task] = await running("/web");
    await survives(task!.agent, 5);
  });

  it("another agent comes with the file that README has for it, and nobody else is started again", async () => {
    const pids = () => Promise.all(services.map(async (service) => (await cluster.state(service)).pid));
    const before = await pids();
    const dir = mkdtempSync(join(tmpdir(), "emporion-more-"));
    try {
      const file = join(dir, "docker-compose.override.yml");
      writeFileSync(file, anotherAgent());
      const more = { files: [file], env: { EMPORION_MORE_AGENTS: "agent-c" } };
      await cluster.compose(["up", "-d", "agent-c"], more);
    } finally {
      rmSync(dir, { recursive: true });
    }
    const isThere = async () => (await cluster.ask<Status>("status")).registered === 3;
    await eventually("three agents", isThere, 60_000);
    assert.deepEqual(await pids(), before);
  });
});

/** As it stands in README, for any directory. */
function anotherAgent(): string {
  const readme = readFileSync(join(ROOT, "README.md"), "utf8");
  const [, text] = /```yaml\n(services:\n {2}agent-c:\n[\s\S]*?)```/.exec(readme) ?? [];
  assert.ok(text !== undefined, "README shows no agent-c");
  return text.replace("docker-compose.yml", join(ROOT, "docker-compose.yml"));
}

interface Status {
  readonly leader: { readonly master: string; readonly epoch: number };
  readonly registered: number;
  readonly frameworks: number;
}

interface JetStreamFigures {
  readonly meta_cluster: {
    readonly leader: string;
    readonly replicas?: readonly { readonly current: boolean }[];
  };
  readonly account_details: readonly {
    readonly stream_detail: readonly {
      readonly name: string;
      readonly config: { readonly num_replicas: number };
    }[];
  }[];
}
