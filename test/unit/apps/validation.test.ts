import assert from "node:assert/strict";
import { definitionFaults } from "#services/apps/validation.js";
import { definition } from "./made.js";

const pathsOf = (given: object) =>
  definitionFaults(definition(given))
    .map(({ path }) => path)
    .toSorted();
const docker = { docker: { image: "box" } };

describe("what a schema cannot say of an app", () => {
  it("a sound definition has no faults", () => {
    assert.deepEqual(pathsOf({}), []);
    assert.deepEqual(pathsOf({ container: docker }), []);
    assert.deepEqual(pathsOf({ container: docker, cmd: "x" }), []);
    assert.deepEqual(pathsOf({ jvm: { mainClass: "A", classPath: ["a.jar"] }, args: ["x"] }), []);
    const bridge = [{ mode: "container/bridge" }];
    assert.deepEqual(pathsOf({ container: { ...docker, portMappings: [{}] }, networks: bridge }), []);
  });

  it("exactly one program", () => {
    assert.deepEqual(definitionFaults({ ...definition(), cmd: undefined } as never)[0]?.path, "");
    assert.deepEqual(pathsOf({ cmd: "x", args: ["y"] }), ["/args"]);
    assert.deepEqual(pathsOf({ jvm: { jar: "a" }, container: docker }), ["/container"]);
    assert.deepEqual(pathsOf({ jvm: { jar: "a" }, cmd: "x" }), ["/cmd"]);
    assert.deepEqual(pathsOf({ jvm: {} }), ["/jvm"]);
    assert.deepEqual(pathsOf({ jvm: { jar: "a", mainClass: "A" } }), ["/jvm", "/jvm/classPath"]);
  });

  it("what must never run twice has ended before it is replaced", () => {
    assert.deepEqual(pathsOf({ stopWhenCutOffSeconds: 20, replaceAfterSeconds: 30 }), []);
    assert.deepEqual(pathsOf({ stopWhenCutOffSeconds: 30, replaceAfterSeconds: 30 }), [
      "/stopWhenCutOffSeconds",
    ]);
    assert.deepEqual(pathsOf({ stopWhenCutOffSeconds: 20, container: docker }), ["/stopWhenCutOffSeconds"]);
  });

  it("networks and ports agree", () => {
    const bridge = { networks: [{ mode: "container/bridge" }] };
    assert.deepEqual(pathsOf(bridge), ["/networks/0/mode"]);
    assert.deepEqual(pathsOf({ ...bridge, jvm: { jar: "a" } }), ["/networks/0/mode"]);
    const mapped = { ...docker, portMappings: [{ containerPort: 80 }] };
    assert.deepEqual(pathsOf({ container: mapped, networks: [{ mode: "host" }] }), [
      "/container/portMappings",
    ]);
    assert.deepEqual(pathsOf({ container: mapped, portDefinitions: [{ port: 0 }], requirePorts: true }), [
      "/portDefinitions",
      "/requirePorts",
    ]);
  });

  it("ports have names and numbers of their own", () => {
    const portDefinitions = [
      { port: 80, name: "a" },
      { port: 80, name: "a" },
      { port: 0, name: "B" },
    ];
    assert.deepEqual(pathsOf({ portDefinitions, requirePorts: true }), [
      "/portDefinitions/1/name",
      "/portDefinitions/1/port",
      "/portDefinitions/2/name",
    ]);
    assert.deepEqual(pathsOf({ portDefinitions: portDefinitions.slice(0, 1) }), []);
  });

  it("a health check names a port that is there, and what its protocol needs", () => {
    assert.deepEqual(pathsOf({ healthChecks: [{ protocol: "HTTP", portIndex: 1 }] }), [
      "/healthChecks/0/portIndex",
    ]);
    assert.deepEqual(pathsOf({ healthChecks: [{ protocol: "TCP" }], portDefinitions: [] }), [
      "/healthChecks/0/portIndex",
    ]);
    assert.deepEqual(pathsOf({ healthChecks: [{ protocol: "COMMAND" }] }), ["/healthChecks/0/command"]);
    assert.deepEqual(pathsOf({ healthChecks: [{ protocol: "TCP", path: "/x", command: { value: "y" } }] }), [
      "/healthChecks/0/command",
      "/healthChecks/0/path",
    ]);
  });

  it("all faults come at once, each with what was expected and found", () => {
    const faults = definitionFaults(
      definition({
        cmd: "x",
        args: ["y"],
        constraints: [["rack", "LIKE", "("]],
        env: { "A B": "1" },
        resourceLimits: { cpus: 0.5, mem: 64 },
      }),
    );
    assert.deepEqual(faults.map(({ path }) => path).toSorted(), [
      "/args",
      "/constraints/0/2",
      "/env/A B",
      "/resourceLimits/cpus",
      "/resourceLimits/mem",
    ]);
    for (const { expected, found } of faults) assert.ok(expected !== "" && found !== "");
  });

  it("nor one of which no task can be made", () => {
    const [fault] = definitionFaults(definition({ args: Array.from({ length: 1025 }, () => "x") }));
    assert.equal(fault?.path, "");
    assert.match(fault?.expected ?? "", /workload/);
  });

  it("a definition that tasks could not carry is refused", () => {
    assert.deepEqual(pathsOf({ env: { A: "x".repeat(33_000) } }), [""]);
  });
});
