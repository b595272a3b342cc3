import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Type } from "typebox";
import { clusterKeySetting, CommonSettings, faultText, readConfig } from "#libs/adapters/config.js";

const Settings = Type.Object({
  name: Type.String({ env: "T_NAME", default: "none" }),
  count: Type.Integer({ env: "T_COUNT", default: 3, minimum: 1 }),
  share: Type.Number({ env: "T_SHARE", default: 0.5 }),
  enabled: Type.Boolean({ env: "T_ENABLED", default: true }),
  hosts: Type.Array(Type.String(), { env: "T_HOSTS", default: [] }),
  ports: Type.Array(Type.Integer(), { env: "T_PORTS", default: [] }),
  attributes: Type.Record(Type.String(), Type.String(), { env: "T_ATTRIBUTES", default: {} }),
  kind: Type.Enum(["x", "y"], { env: "T_KIND", default: "x" }),
  optional: Type.Optional(Type.String({ env: "T_OPTIONAL" })),
});

const read = (env: Record<string, string>) => {
  const config = readConfig(Settings, env);
  assert.ok(config.ok, JSON.stringify(config));
  return config.value;
};

describe("settings", () => {
  it("have their defaults, also where a variable is empty", () => {
    assert.deepEqual(read({ T_NAME: "", T_COUNT: "" }), {
      name: "none",
      count: 3,
      share: 0.5,
      enabled: true,
      hosts: [],
      ports: [],
      attributes: {},
      kind: "x",
    });
  });

  it("become what their schema asks for", () => {
    const config = read({
      T_NAME: "12",
      T_COUNT: "12",
      T_SHARE: "-0.25",
      T_ENABLED: "off",
      T_HOSTS: "a, b,,c ",
      T_PORTS: "80,443",
      T_ATTRIBUTES: "rack:a,zone=eu:1",
      T_KIND: "y",
      T_OPTIONAL: "there",
    });
    assert.deepEqual(config, {
      name: "12",
      count: 12,
      share: -0.25,
      enabled: false,
      hosts: ["a", "b", "c"],
      ports: [80, 443],
      attributes: { rack: "a", zone: "eu:1" },
      kind: "y",
      optional: "there",
    });
  });

  it("of a boolean are words for yes and no", () => {
    for (const word of ["true", "on", "yes", "1", "ON"])
      assert.equal(read({ T_ENABLED: word }).enabled, true);
    for (const word of ["false", "off", "no", "0", "Off"])
      assert.equal(read({ T_ENABLED: word }).enabled, false);
  });

  it("show all their faults at once, by the names of the variables", () => {
    const config = readConfig(Settings, {
      T_COUNT: "many",
      T_SHARE: "1e3",
      T_ENABLED: "maybe",
      T_PORTS: "80,http",
      T_ATTRIBUTES: "rack",
      T_KIND: "z",
    });
    assert.ok(!config.ok);
    assert.deepEqual(config.error.map(faultText).toSorted(), [
      'T_ATTRIBUTES: expected object, found "rack"',
      'T_COUNT: expected integer, found "many"',
      'T_ENABLED: expected boolean, found "maybe"',
      'T_KIND: expected one of "x", "y", found "z"',
      'T_PORTS/1: expected integer, found "http"',
      'T_SHARE: expected number, found "1e3"',
    ]);
  });

  it("that every service has are all optional", () => {
    const config = readConfig(CommonSettings, {});
    assert.ok(config.ok);
    assert.deepEqual(config.value, {
      cluster: "local",
      natsUrl: "nats://127.0.0.1:4222",
      replicas: 1,
      logLevel: "info",
      leaseMs: 5000,
    });
  });

  describe("that are secret", () => {
    const Secret = Type.Object({ clusterKey: clusterKeySetting });
    const directory = mkdtempSync(join(tmpdir(), "emporion-config-"));
    const file = join(directory, "key");
    before(() => writeFileSync(file, "0123456789abcdef0123\n"));
    after(() => rmSync(directory, { recursive: true }));

    const faults = (env: Record<string, string>): string[] => {
      const config = readConfig(Secret, env);
      assert.ok(!config.ok);
      return config.error.map(faultText);
    };

    it("come from the variable or from a file", () => {
      const value = { clusterKey: "0123456789abcdef0123" };
      assert.deepEqual(readConfig(Secret, { EMPORION_CLUSTER_KEY: value.clusterKey }), { ok: true, value });
      assert.deepEqual(readConfig(Secret, { EMPORION_CLUSTER_KEY_FILE: file }), { ok: true, value });
    });

    it("must be given, once, in a file that is there", () => {
      assert.deepEqual(faults({}), [
        "EMPORION_CLUSTER_KEY or EMPORION_CLUSTER_KEY_FILE: expected to be given, found nothing",
      ]);
      const both = { EMPORION_CLUSTER_KEY: "0123456789abcdef0123", EMPORION_CLUSTER_KEY_FILE: file };
      assert.match(faults(both).join("\n"), /expected either .* found both/);
      const missing = faults({ EMPORION_CLUSTER_KEY_FILE: join(directory, "none") });
      assert.equal(missing.length, 1);
      assert.match(missing[0]!, /^EMPORION_CLUSTER_KEY_FILE: expected a file that can be read, found ENOENT/);
    });

    it("are never shown", () => {
      const [fault] = faults({ EMPORION_CLUSTER_KEY: "hunter2" });
      assert.ok(fault !== undefined && !fault.includes("hunter2"), fault);
    });
  });
});
