import assert from "node:assert/strict";
import fc from "fast-check";
import { type TSchema, Type } from "typebox";
import { AppId } from "#protocol/app.js";
import { codec } from "#protocol/codec.js";
import type { Fault } from "#protocol/errors.js";
import { AgentId } from "#protocol/ids.js";
import { JobId } from "#protocol/job.js";
import { StatusBatch } from "#protocol/status.js";
import { JdkVersion } from "#protocol/task.js";

const person = codec(
  Type.Object(
    {
      name: Type.String({ minLength: 2 }),
      age: Type.Integer({ minimum: 0 }),
      kind: Type.Enum(["a", "b"]),
      tags: Type.Optional(Type.Array(Type.String({ pattern: "^[a-z]+$" }))),
      password: Type.Optional(Type.Integer()),
      answer: Type.Optional(
        Type.Union([
          Type.Object({ ok: Type.Literal(true), value: Type.String() }),
          Type.Object({ ok: Type.Literal(false), why: Type.String() }),
        ]),
      ),
    },
    { additionalProperties: false },
  ),
);
const good = { name: "Io", age: 3, kind: "a" as const };

const faults = (value: unknown): readonly Fault[] => {
  const decoded = person.decode(new TextEncoder().encode(JSON.stringify(value)));
  assert.ok(!decoded.ok, "it was accepted");
  return decoded.error.faults;
};

describe("codec", () => {
  it("says in words what a JDK's version looks like", () => {
    assert.ok(codec(JdkVersion).check(">=17").ok);
    const checked = codec(JdkVersion).check("17.0.2");
    assert.match(checked.ok ? "" : (checked.error.faults[0]?.expected ?? ""), /such as 17, or .* >=17$/);
  });

  it("gives back what was encoded", () => {
    const decoded = person.decode(person.encode({ ...good, tags: ["x"] }));
    assert.deepEqual(decoded, { ok: true, value: { ...good, tags: ["x"] } });
  });

  it("names every fault at once, with its path, what was expected and what was found", () => {
    assert.deepEqual(
      faults({ name: "I", age: 1.5, kind: "c", tags: ["ok", "NO"], color: "red" }).toSorted(byPath),
      [
        { path: "/age", expected: "integer", found: "1.5" },
        { path: "/color", expected: "no property of this name", found: '"red"' },
        { path: "/kind", expected: 'one of "a", "b"', found: '"c"' },
        { path: "/name", expected: "at least 2 characters", found: '"I"' },
        { path: "/tags/1", expected: "text matching ^[a-z]+$", found: '"NO"' },
      ],
    );
  });

  it("says in words what an id looks like, not as an expression", () => {
    const expected = (schema: TSchema) => {
      const checked = codec(schema).check("No!");
      return checked.ok ? undefined : checked.error.faults[0]!.expected;
    };
    assert.match(expected(AppId)!, /^an id like \/shop\/web: parts of lower-case letters, digits/);
    assert.match(expected(JobId)!, /^an id like shop\.report: /);
    assert.match(expected(AgentId)!, /^a name of letters, digits, _, \. and -.* at most 64 characters$/);
  });

  it("names what is missing", () => {
    assert.deepEqual(faults({ name: "Io", kind: "a" }), [
      { path: "/age", expected: "to be given", found: "nothing" },
    ]);
  });

  it("says that something is no JSON, and shows how it begins", () => {
    const decoded = person.decode(new TextEncoder().encode("{ name: "));
    assert.ok(!decoded.ok);
    const [fault] = decoded.error.faults;
    assert.equal(fault?.path, "");
    assert.equal(fault?.expected, "JSON");
    assert.match(fault.found, /\{ name: /);
  });

  it("does not show secrets, and shortens what is long", () => {
    const [secret] = faults({ ...good, password: "hunter2" });
    assert.ok(!JSON.stringify(faults({ ...good, extra: { password: "hunter2" } })).includes("hunter2"));
    assert.equal(secret?.path, "/password");
    assert.ok(!secret.found.includes("hunter2"), `shown: ${secret.found}`);
    const [long] = faults({ ...good, kind: "x".repeat(1000) });
    assert.ok(long !== undefined && long.found.length <= 80);
  });

  it("escapes names in paths", () => {
    assert.deepEqual(
      faults({ ...good, "a/b~c": 1 }).map(({ path }) => path),
      ["/a~1b~0c"],
    );
  });

  it("never throws and never accepts by mistake, whatever comes", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => assert.ok(!person.decode(bytes).ok)),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.anything(), (value) => {
        const checked = person.check(value);
        assert.ok(checked.ok || checked.error.faults.length > 0);
      }),
    );
  });

  it("takes a batch of updates apart and together in microseconds", () => {
    const updates = Array.from({ length: 20 }, (_, number) => ({
      task: `task-${number}`,
      number: 1,
      state: "running" as const,
      at: 1,
    }));
    const batches = codec(StatusBatch);
    const batch = { agent: "a", framework: "f", generation: 1, batch: 1, updates };
    assert.deepEqual(batches.decode(batches.encode(batch)), { ok: true, value: batch });
  });
});

const byPath = (a: Fault, b: Fault): number => (a.path < b.path ? -1 : 1);
