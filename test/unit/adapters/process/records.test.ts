import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Records, type TaskRecord } from "#libs/adapters/process/records.js";

describe("the shim's records", () => {
  let dir: string;
  let file: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "emporion-records-"));
    file = join(dir, "records.log");
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  const record = (task: string): TaskRecord => ({ task, pid: 7, startTime: "99", bootId: "boot" });
  const ended = (task: string): TaskRecord => ({ ...record(task), end: { exitCode: 3, oomKills: 0 } });

  it("the last word about a task holds, also for the next shim", () => {
    const records = new Records(file);
    records.put(record("one"));
    records.put(record("two"));
    records.put(ended("one"));
    for (const read of [records, new Records(file)]) {
      assert.deepEqual(read.all(), [ended("one"), record("two")]);
      assert.deepEqual(read.get("one"), ended("one"));
    }
  });

  it("what is collected is gone, and collecting is safe to repeat", () => {
    const records = new Records(file);
    records.put(ended("one"));
    records.remove("one");
    records.remove("one");
    assert.deepEqual(records.all(), []);
    assert.deepEqual(new Records(file).all(), []);
  });

  it("a last line that was cut off was not said", () => {
    new Records(file).put(record("one"));
    appendFileSync(file, '{"task":"two","pi');
    const records = new Records(file);
    assert.deepEqual(records.all(), [record("one")]);
    records.put(record("three"));
    assert.deepEqual(new Records(file).all(), [record("one"), record("three")]);
  });

  it("a line after one that was cut off stands on its own", () => {
    writeFileSync(file, `{"task":"torn"\n${JSON.stringify(record("one"))}\n`);
    assert.deepEqual(new Records(file).all(), [record("one")]);
  });

  it("the log does not grow with what is past", () => {
    const records = new Records(file);
    records.put(record("stays"));
    for (let round = 0; round < 6000; round++) {
      records.put(record("comes"));
      records.remove("comes");
    }
    // 12,001 lines were written; above 10,000 it is written anew
    assert.ok(readFileSync(file, "utf8").split("\n").length < 2100);
    assert.deepEqual(new Records(file).all(), [record("stays")]);
  });
});
