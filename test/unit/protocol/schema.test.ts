import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { Compile } from "typebox/compile";
import { protocolSchema } from "#protocol/schema.js";

type Definitions = Record<string, Record<string, unknown>>;
const definitions = protocolSchema()["$defs"] as Definitions;

describe("schema.json", () => {
  it("is what the messages are now (npm run schema writes it)", () => {
    assert.ok(
      isDeepStrictEqual(JSON.parse(readFileSync("protocol/schema.json", "utf8")), protocolSchema()),
      "protocol/schema.json is out of date: npm run schema",
    );
  });

  it("has every message and every call", () => {
    for (const name of [
      "Offer",
      "Register",
      "Accept",
      "StatusBatch",
      "Subscribe",
      "TaskSpec",
      "ClusterEvent",
    ])
      assert.ok(name in definitions, name);
    for (const name of ["apps.put.request", "jobs.start.answer", "master.explain.request"])
      assert.ok(name in definitions, name);
  });

  it("refers only to what it defines, and holds no second identity", () => {
    const visit = (value: unknown): void => {
      if (typeof value !== "object" || value === null) return;
      const { $ref, $id } = value as { readonly $ref?: string; readonly $id?: string };
      assert.equal($id, undefined);
      if ($ref !== undefined) assert.ok($ref.slice("#/$defs/".length) in definitions, $ref);
      for (const each of Object.values(value)) visit(each);
    };
    visit(definitions);
  });

  it("is understood by a validator that knows nothing of the sources", () => {
    const kill = Compile({ ...protocolSchema(), $ref: "#/$defs/Kill" });
    assert.ok(kill.Check({ session: { epoch: 1, counter: 1 }, task: "t" }));
    assert.ok(!kill.Check({ session: { epoch: -1, counter: 1 }, task: "t" }));
    assert.ok(!kill.Check({ session: { epoch: 1, counter: 1 }, task: "/" }));
  });
});
