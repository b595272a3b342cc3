import assert from "node:assert/strict";
import { put, remove, scale } from "#services/apps/changes.js";
import { Versions } from "#services/apps/versions.js";
import { definition } from "./made.js";

const version = () => "v2";
const present = { definition: definition({ instances: 2 }), version: "v1", configVersion: "v0" };

describe("changes of an app", () => {
  it("a new one has one version for all", () => {
    assert.deepEqual(put(undefined, { definition: present.definition, mode: "create", version }), {
      ok: true,
      value: {
        app: { definition: present.definition, version: "v2", configVersion: "v2" },
        kind: "create",
      },
    });
  });

  it("modes: create only what is not there, update only what is", () => {
    const codeOf = (result: ReturnType<typeof put>) => (result.ok ? "ok" : result.error.code);
    const request = { definition: definition({ cmd: "other" }), version };
    assert.equal(codeOf(put(present, { ...request, mode: "create" })), "conflict");
    assert.equal(codeOf(put(undefined, { ...request, mode: "update" })), "not-found");
    assert.equal(codeOf(put(undefined, { ...request, mode: "put" })), "ok");
    assert.equal(codeOf(put(present, { ...request, mode: "put" })), "ok");
    assert.equal(codeOf(put({ ...present, deletedAt: 1 }, { ...request, mode: "put" })), "conflict");
  });

  it("a change of instances alone keeps the configuration's version", () => {
    const changed = put(present, { definition: definition({ instances: 5 }), mode: "put", version });
    assert.ok(changed.ok);
    assert.equal(changed.value.kind, "scale");
    assert.equal(changed.value.app.configVersion, "v0");
    assert.equal(changed.value.app.version, "v2");
  });

  it("any other change replaces the tasks", () => {
    for (const given of [{ cmd: "other" }, { env: { A: "1" } }, { labels: { a: "b" } }, { cpus: 2 }]) {
      const changed = put(present, {
        definition: definition({ instances: 5, ...given }),
        mode: "put",
        version,
      });
      assert.ok(changed.ok);
      assert.equal(changed.value.kind, "update");
      assert.equal(changed.value.app.configVersion, "v2");
    }
  });

  it("the same again changes nothing, whatever the order of its properties", () => {
    const reversed = Object.fromEntries(Object.entries(present.definition).toReversed()) as never;
    assert.deepEqual(put(present, { definition: reversed, mode: "put", version }), {
      ok: true,
      value: { app: present, kind: undefined },
    });
    const same = scale(present, { id: "/demo/web", instances: 2, version });
    assert.ok(same.ok && same.value.kind === undefined);
  });

  it("deleting marks it, once", () => {
    const removed = remove(present, { id: "/demo/web", wall: 7, version });
    assert.ok(removed.ok);
    assert.equal(removed.value.app.deletedAt, 7);
    const again = remove(removed.value.app, { id: "/demo/web", wall: 9, version });
    assert.ok(again.ok && again.value.kind === undefined);
    assert.equal(remove(undefined, { id: "/x", wall: 9, version }).ok, false);
  });
});

describe("versions", () => {
  it("are ISO times that always grow, whatever the clock does", () => {
    const versions = new Versions();
    versions.heard("2026-01-01T00:00:00.005Z");
    const at = Date.UTC(2026, 0, 1);
    assert.equal(versions.next(at), "2026-01-01T00:00:00.006Z");
    assert.equal(versions.next(at), "2026-01-01T00:00:00.007Z");
    assert.equal(versions.next(at + 1000.7), "2026-01-01T00:00:01.000Z");
  });
});
