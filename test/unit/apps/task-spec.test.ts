import assert from "node:assert/strict";
import { codec } from "#protocol/codec.js";
import { TaskSpec } from "#protocol/task.js";
import { amounts } from "#libs/core/resources.js";
import { taskDataOf } from "#services/apps/record.js";
import { shapeOf } from "#services/apps/shape.js";
import { serviceNames } from "#services/apps/task-services.js";
import { taskSpec } from "#services/apps/task-spec.js";
import { definition } from "./made.js";

const specs = codec(TaskSpec);
const left = amounts({
  cpus: 4,
  mem: 4096,
  ports: [
    [31000, 31001],
    [31005, 31009],
    [40080, 40080],
  ],
});

function specOf(given: object) {
  const app = {
    definition: definition(given),
    version: "2026-01-02T03:04:05.000Z",
    configVersion: "2026-01-01T00:00:00.000Z",
  };
  const spec = taskSpec(app, shapeOf(app.definition), {
    taskId: "demo_web.1-1",
    left,
    attributes: { rack: "a" },
  });
  assert.deepEqual(specs.check(spec), { ok: true, value: spec });
  return spec;
}

describe("the task of an app", () => {
  it("cmd becomes a shell's command with one port, limits and grace in thousandths and ms", () => {
    const spec = specOf({
      cmd: "serve $PORT0",
      cpus: 0.5,
      mem: 64,
      resourceLimits: { cpus: 1.5 },
      taskKillGracePeriodSeconds: 2.5,
      stopWhenCutOffSeconds: 10,
      user: "web",
    });
    assert.deepEqual(spec.workload, { kind: "process", command: "serve $PORT0" });
    assert.deepEqual(spec.resources, { scalars: { cpus: 500, mem: 64_000 }, ports: [[31000, 31000]] });
    assert.deepEqual(spec.limits, { cpus: 1500 });
    assert.equal(spec.killGraceMs, 2500);
    assert.equal(spec.stopWhenCutOffMs, 10_000);
    assert.equal(spec.user, "web");
  });

  it("args become argv", () => {
    assert.deepEqual(specOf({ args: ["/bin/serve", "-v"] }).workload, {
      kind: "process",
      argv: ["/bin/serve", "-v"],
    });
  });

  it("a container with mappings has a bridge, without them the host's network", () => {
    const docker = { image: "box" };
    const portMappings = [
      { containerPort: 80, name: "http" },
      { containerPort: 53, protocol: "udp", hostPort: 40080 },
    ];
    const volumes = [{ containerPath: "/in", hostPath: "/out" }];
    const bridged = specOf({ container: { docker, portMappings, volumes }, args: ["-x"] });
    assert.deepEqual(bridged.workload, {
      kind: "container",
      image: "box",
      forcePull: false,
      privileged: false,
      network: "bridge",
      argv: ["-x"],
      portMappings: [
        { containerPort: 80, port: 0, protocol: "tcp" },
        { containerPort: 53, port: 1, protocol: "udp" },
      ],
      volumes: [{ hostPath: "/out", containerPath: "/in", readOnly: true }],
    });
    assert.deepEqual(bridged.resources.ports, [
      [31000, 31000],
      [40080, 40080],
    ]);
    assert.equal(bridged.env?.["PORT_80"], "31000");
    assert.equal(bridged.env?.["PORT_HTTP"], "31000");
    assert.equal(bridged.env?.["PORT_53"], "40080");
    const onHost = specOf({ container: { docker } });
    assert.equal(onHost.workload.kind === "container" && onHost.workload.network, "host");
    assert.deepEqual(onHost.resources.ports, [[31000, 31000]]);
  });

  it("jvm with args becomes a JVM with arguments", () => {
    const jvm = { jar: "app.jar", options: ["-Xmx64m"], version: ">=17" };
    assert.deepEqual(specOf({ jvm, args: ["serve"] }).workload, {
      kind: "jvm",
      ...jvm,
      arguments: ["serve"],
    });
    assert.equal(shapeOf(definition({ jvm })).need.jdk, ">=17");
  });

  it("ports asked by number are taken as asked, the others are the lowest that are free", () => {
    const portDefinitions = [{ port: 0 }, { port: 31000 }, { port: 0, name: "admin" }];
    const spec = specOf({ portDefinitions, requirePorts: true });
    assert.deepEqual(spec.resources.ports, [
      [31001, 31001],
      [31000, 31000],
      [31005, 31005],
    ]);
    assert.equal(spec.env?.["PORTS"], "31001,31000,31005");
    assert.deepEqual(specOf({ portDefinitions: [] }).resources.ports, []);
  });

  it("has Marathon's variables, and the app's own win", () => {
    const { env } = specOf({
      cpus: 0.1,
      mem: 32,
      labels: { "my.team": "red" },
      env: { MARATHON_APP_VERSION: "mine", A: "1" },
    });
    assert.deepEqual(env, {
      EMPORION_APP_ID: "/demo/web",
      MESOS_TASK_ID: "demo_web.1-1",
      MARATHON_APP_ID: "/demo/web",
      MARATHON_APP_VERSION: "mine",
      MARATHON_APP_RESOURCE_CPUS: "0.1",
      MARATHON_APP_RESOURCE_MEM: "32.0",
      MARATHON_APP_RESOURCE_DISK: "0.0",
      MARATHON_APP_RESOURCE_GPUS: "0",
      MARATHON_APP_LABELS: "MY_TEAM",
      MARATHON_APP_LABEL_MY_TEAM: "red",
      PORT: "31000",
      PORTS: "31000",
      PORT_DEFAULT: "31000",
      A: "1",
    });
  });

  it("is found under the segments of its id, later ports under their names, with tags and meta", () => {
    const portDefinitions = [{ port: 0 }, { port: 0, name: "admin" }, { port: 0 }];
    const { services } = specOf({ portDefinitions, labels: { tags: "blue, public,,blue" } });
    const tags = ["blue", "public"];
    const meta = { app: "/demo/web", version: "2026-01-02T03:04:05.000Z" };
    assert.deepEqual(services, [
      { name: "demo-web", port: 0, tags, meta },
      { name: "demo-web-admin", port: 1, tags, meta: { ...meta, port: "admin" } },
    ]);
    assert.deepEqual(specOf({ portDefinitions: [], labels: { EMPORION_TAGS: "x" } }).services, [
      { name: "demo-web", tags: ["x"], meta },
    ]);
  });

  it("a name that is too long for DNS is cut, and told apart by a hash", () => {
    const nameOf = (id: string) => serviceNames(definition({ id }))[0]!.name;
    const long = `/${"a".repeat(70)}`;
    assert.equal(nameOf(long).length, 63);
    assert.notEqual(nameOf(`${long}b`), nameOf(`${long}c`));
    assert.equal(nameOf("/demo/web.two"), "demo-web-two");
  });

  it("a health check is told in ms, and kills with the failure beyond the maximum, as in Marathon", () => {
    const healthChecks = [
      {
        protocol: "HTTP",
        path: "/ok",
        intervalSeconds: 2,
        timeoutSeconds: 0.5,
        gracePeriodSeconds: 3,
        maxConsecutiveFailures: 1,
      },
    ];
    assert.deepEqual(specOf({ healthChecks }).healthCheck, {
      kind: "http",
      port: 0,
      path: "/ok",
      intervalMs: 2000,
      timeoutMs: 500,
      graceMs: 3000,
      failuresMax: 2,
    });
    const command = [{ protocol: "COMMAND", command: { value: "true" }, maxConsecutiveFailures: 0 }];
    const check = specOf({ healthChecks: command }).healthCheck;
    assert.equal(check?.command, "true");
    assert.equal(check?.failuresMax, 0);
    assert.equal(check?.port, undefined);
  });

  it("carries its app, for adoption", () => {
    const data = taskDataOf(specOf({ instances: 7 }).data);
    assert.equal(data?.app.definition.instances, 7);
    assert.equal(data?.app.configVersion, "2026-01-01T00:00:00.000Z");
    assert.deepEqual(data?.where.attributes, { rack: "a" });
    assert.equal(taskDataOf("{}"), undefined);
  });
});
