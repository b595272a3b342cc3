import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exitCodes, Failure } from "#services/cli/failure.js";
import { definitionsOf, expectDistinct, expectKind, readDefinitions } from "#services/cli/files.js";

describe("the definitions of a file", () => {
  const directory = mkdtempSync(join(tmpdir(), "emporion-files-"));
  after(() => rmSync(directory, { recursive: true }));

  it("that is none of text are refused in a few short lines that no terminal minds", async () => {
    const file = join(directory, "program");
    const garbage = `a: [\u001b[31m\u0000${"x\u0085é".repeat(20_000)}\n`;
    for (const text of [garbage, `${garbage.replaceAll("[", "")}b`, "%\u0000: }\n---\n".repeat(50)]) {
      writeFileSync(file, text);
      const failure = await readDefinitions(file).then(
        () => assert.fail("it was taken"),
        (cause: unknown) => cause as Failure,
      );
      const lines = [failure.message, ...failure.details];
      assert.ok(lines.length <= 7, `${lines.length} lines`);
      for (const line of lines) {
        assert.ok(line.length < 300, `${line.length} characters`);
        assert.doesNotMatch(line, /[\p{Cc}]/u);
      }
    }
  });

  it("have their ids and where they stand; of apps the slash is added, and two are one with or without it", async () => {
    const file = join(directory, "shop.yaml");
    writeFileSync(file, "id: web\n---\nid: /shop/db\n");
    assert.deepEqual(await definitionsOf(file, "app"), [
      { id: "/web", definition: { id: "web" }, place: `${file}: app 1 of 2 (/web)` },
      { id: "/shop/db", definition: { id: "/shop/db" }, place: `${file}: app 2 of 2 (/shop/db)` },
    ]);
    writeFileSync(file, "id: web");
    assert.deepEqual(await definitionsOf(file, "job"), [
      { id: "web", definition: { id: "web" }, place: `${file} (web)` },
    ]);
    writeFileSync(file, "id: web\n---\nid: /web\n");
    await assert.rejects(definitionsOf(file, "app"), /definitions 1 and 2 have the same id, \/web/);
    writeFileSync(file, "id: web\n---\ncmd: x\n");
    await assert.rejects(definitionsOf(file, "app"), /app 2 of 2: expected an `id`, found none/);
  });

  it("that are of the other kind are refused with the command that takes them", () => {
    const job = { id: "pi", run: { cmd: "date" } };
    const app = { id: "/web", cmd: "sleep 1" };
    expectKind("a.yaml", [app, { id: "/x" }], "app");
    expectKind("a.yaml", [job, { id: "x" }], "job");
    assert.throws(() => expectKind("a.yaml", [app, job], "app"), {
      message: "a.yaml: definition 2 of 2: this looks like a job: `emporion job run a.yaml` takes it",
    });
    assert.throws(() => expectKind("a.yaml", [app], "job"), {
      message: "a.yaml: this looks like an app: `emporion app deploy a.yaml` takes it",
    });
  });

  it("of one id twice are refused as a whole, with their places", () => {
    expectDistinct("shop.yaml", ["/a", "/b"]);
    assert.throws(
      () => expectDistinct("shop.yaml", ["/a", "/b", "/a"]),
      (cause: Failure) =>
        cause.exitCode === exitCodes.usage &&
        cause.message === "shop.yaml: definitions 1 and 3 have the same id, /a; nothing of the file is taken",
    );
  });
});
