import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeDirectory } from "#libs/adapters/make-directory.js";

describe("a directory that is made", () => {
  const directory = mkdtempSync(join(tmpdir(), "emporion-made-"));
  after(() => rmSync(directory, { recursive: true }));

  it("comes with all above it, each with the mode that is asked for; what is there stays", () => {
    const path = join(directory, "a", "b");
    makeDirectory(path, 0o700);
    makeDirectory(path);
    assert.equal(statSync(path).mode & 0o777, 0o700);
    assert.equal(statSync(join(directory, "a")).mode & 0o777, 0o700);
  });

  it("that a file is in the place of, or above, is refused by the file's name", () => {
    const file = join(directory, "README.md");
    writeFileSync(file, "");
    for (const path of [file, join(file, "a", "b")])
      assert.throws(() => makeDirectory(path), { message: `${file} is a file, not a directory` });
  });

  it("where none can be made, is refused at once", () => {
    assert.throws(() => makeDirectory("/proc/nope/a"), /ENOENT|EACCES/);
  });
});
