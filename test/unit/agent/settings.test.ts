import assert from "node:assert/strict";
import { readConfig } from "#libs/adapters/config.js";
import { amounts } from "#libs/core/resources.js";
import {
  AgentSettings,
  allowanceOf,
  attributesOf,
  settingsFaults,
  totalsOf,
} from "#services/agent/settings.js";

const key = "0123456789abcdef0123456789abcdef";

function read(env: Record<string, string>): AgentSettings {
  const found = readConfig(AgentSettings, { EMPORION_AGENT_KEY: key, ...env });
  assert(found.ok, JSON.stringify(found));
  return found.value;
}

const faultsOf = (env: Record<string, string>) => settingsFaults(read(env)).map(({ path }) => path);

describe("agent: settings", () => {
  const detected = amounts({ cpus: 8, mem: 16_000, disk: 100_000 });

  it("takes what the host has where nobody says otherwise", () => {
    const settings = read({});
    assert.deepEqual(settingsFaults(settings), []);
    assert.deepEqual(
      totalsOf(settings, detected),
      amounts({ cpus: 8, mem: 16_000, disk: 100_000, ports: [[31_000, 32_000]] }),
    );
  });

  it("takes what it is told, in cores, MiB, ranges and names of the operator's own", () => {
    const settings = read({
      EMPORION_AGENT_CPUS: "1.5",
      EMPORION_AGENT_MEM: "512",
      EMPORION_AGENT_GPUS: "2",
      EMPORION_AGENT_PORTS: "31500-31999,33000",
      EMPORION_AGENT_RESOURCES: "licences:4; bandwidth:0.5",
      EMPORION_AGENT_ATTRIBUTES: "rack:a;zone:x,os:Debian 12",
    });
    assert.deepEqual(totalsOf(settings, detected), {
      scalars: { cpus: 1500, mem: 512_000, disk: 100_000_000, gpus: 2000, licences: 4000, bandwidth: 500 },
      ports: [
        [31_500, 31_999],
        [33_000, 33_000],
      ],
    });
    assert.deepEqual(attributesOf(settings), { rack: "a", zone: "x", os: "Debian 12" });
  });

  it("takes tasks of all kinds, or of those it is told", () => {
    assert.deepEqual(read({}).executors, ["container", "process", "jvm"]);
    assert.deepEqual(read({ EMPORION_AGENT_EXECUTORS: "container" }).executors, ["container"]);
    const wrong = readConfig(AgentSettings, {
      EMPORION_AGENT_KEY: key,
      EMPORION_AGENT_EXECUTORS: "container,lambda",
    });
    assert.deepEqual(wrong.ok ? [] : wrong.error.map(({ path }) => path), ["EMPORION_AGENT_EXECUTORS/1"]);
  });

  it("names every fault of what has a form of its own", () => {
    assert.deepEqual(
      faultsOf({
        EMPORION_AGENT_PORTS: "32000-31000",
        EMPORION_AGENT_ATTRIBUTES: "rack",
        EMPORION_AGENT_RESOURCES: "Licences:many",
        EMPORION_AGENT_DEFAULT_USER: "root",
      }),
      [
        "EMPORION_AGENT_DEFAULT_USER",
        "EMPORION_AGENT_PORTS",
        "EMPORION_AGENT_ATTRIBUTES",
        "EMPORION_AGENT_RESOURCES",
      ],
    );
    assert.deepEqual(faultsOf({ EMPORION_AGENT_PORTS: "70000" }), ["EMPORION_AGENT_PORTS"]);
  });

  it("asks for a key, of the agent or of the cluster", () => {
    assert.deepEqual(faultsOf({ EMPORION_AGENT_KEY: "" }), ["EMPORION_AGENT_KEY"]);
    assert.deepEqual(faultsOf({ EMPORION_AGENT_KEY: "", EMPORION_CLUSTER_KEY: key }), []);
  });

  it("runs tasks as nobody where the agent is root, and allows nothing unless told", () => {
    assert.deepEqual(allowanceOf(read({}), true), {
      root: false,
      privileged: false,
      hostMounts: [],
      defaultUser: "nobody",
    });
    assert.equal(allowanceOf(read({}), false).defaultUser, undefined);
    const more = read({
      EMPORION_AGENT_ALLOW_ROOT: "true",
      EMPORION_AGENT_HOST_MOUNTS: "/srv,/data",
      EMPORION_AGENT_DEFAULT_USER: "daemon",
    });
    assert.deepEqual(allowanceOf(more, true), {
      root: true,
      privileged: false,
      hostMounts: ["/srv", "/data"],
      defaultUser: "daemon",
    });
  });
});
