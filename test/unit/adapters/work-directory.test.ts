import assert from "node:assert/strict";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WorkDirectory } from "#libs/adapters/work-directory.js";

describe("an agent's work directory", () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "emporion-work-"));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it("makes an id once and keeps it", () => {
    const path = join(root, "a", "b");
    const made = new WorkDirectory(path, undefined);
    assert.match(made.agent, /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/);
    assert.equal(new WorkDirectory(path, undefined).agent, made.agent);
    assert.equal(new WorkDirectory(path, made.agent).agent, made.agent);
  });

  it("is one agent's: another id is refused, with both named", () => {
    const path = join(root, "work");
    assert.equal(new WorkDirectory(path, "agent-a").agent, "agent-a");
    assert.throws(() => new WorkDirectory(path, "agent-b"), /is agent agent-a's: configure that id/);
  });

  it("is one process's at a time, by whatever path it is reached", async () => {
    const path = join(root, "work");
    const first = new WorkDirectory(path, "agent-a");
    symlinkSync(path, join(root, "link"));
    const second = new WorkDirectory(join(root, "link"), "agent-a");
    const other = new WorkDirectory(join(root, "other"), "agent-a");
    await first.lock();
    await assert.rejects(second.lock(), /another process works in .*work: stop it/);
    await other.lock();
    other.release();
    first.release();
    await second.lock();
    second.release();
  });
});
