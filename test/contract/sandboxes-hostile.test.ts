import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chownSync,
  existsSync,
  linkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { HostSandboxes } from "#libs/adapters/sandboxes.js";
import { isRoot, SandboxDisk } from "./sandbox-disk.js";
import { error, text, value } from "./sandboxes.js";

describe("sandboxes on disk whose content is hostile", () => {
  let disk: SandboxDisk;
  let sandboxes: HostSandboxes;
  let dir: string;
  beforeEach(async () => {
    disk = new SandboxDisk();
    sandboxes = disk.open();
    value(await sandboxes.create("one", undefined));
    dir = sandboxes.directory("one");
    writeFileSync(join(disk.root, "secret"), "secret", { mode: 0o600 });
  });
  afterEach(() => disk.end());
  const refused = async (path: string) => error(await sandboxes.read("one", path, 0, 10));

  it("links are not followed, as the last part of a path or before it", async () => {
    symlinkSync(join(disk.root, "secret"), join(dir, "link"));
    symlinkSync(disk.root, join(dir, "up"));
    assert.equal(await refused("link"), "link: not a regular file");
    assert.equal(await refused("up/secret"), "up: not a directory, or a link");
    assert.match(error(await sandboxes.list("one", "up")), /not a directory, or a link/);
    const kinds = value(await sandboxes.list("one", "")).map(({ path, kind }) => [path, kind]);
    assert.deepEqual(kinds, [
      ["link", "other"],
      ["up", "other"],
    ]);
  });

  it("a sandbox that was replaced by a link is not followed either", async () => {
    rmSync(dir, { recursive: true });
    symlinkSync(disk.root, dir);
    assert.match(await refused("secret"), /not a directory, or a link/);
  });

  it("a hard link to somebody else's file is refused, one to an own file is not", async function () {
    if (!isRoot) return this.skip();
    linkSync(join(disk.root, "secret"), join(dir, "hard"));
    assert.equal(await refused("hard"), "hard: a file of another user");
    writeFileSync(join(dir, "own"), "own");
    chownSync(join(dir, "own"), 65534, 65534);
    linkSync(join(dir, "own"), join(dir, "own2"));
    assert.equal(text(value(await sandboxes.read("one", "own2", 0, 10)).bytes), "own");
  });

  it("a pipe does not hold up the reader", async () => {
    execFileSync("mkfifo", [join(dir, "pipe")]);
    assert.equal(await refused("pipe"), "pipe: not a regular file");
  });

  it("waiting for a link to grow ends at once or in time", async () => {
    symlinkSync(join(disk.root, "secret"), join(dir, "link"));
    await sandboxes.grown("one", "link", 0, 50);
    appendFileSync(join(disk.root, "secret"), "more");
    assert.equal(error(await sandboxes.read("one", "link", 0, 10)), "link: not a regular file");
  });

  it("removing does not go through links", async () => {
    symlinkSync(disk.root, join(dir, "up"));
    await sandboxes.remove("one");
    assert.ok(existsSync(join(disk.root, "secret")));
    assert.ok(!existsSync(dir));
  });

  it("belongs to the task's user, and others cannot look into it", async function () {
    if (!isRoot) return this.skip();
    const { uid, mode } = statSync(dir);
    assert.deepEqual([uid, mode & 0o777], [65534, 0o750]);
    assert.equal(statSync(dirname(dir)).mode & 0o777, 0o711);
  });

  it("a user who is not there is refused in words", async function () {
    if (!isRoot) return this.skip();
    assert.deepEqual(error(await sandboxes.create("two", "ghost")), {
      reason: "not-allowed",
      message: "there is no user ghost on this host",
    });
  });
});
