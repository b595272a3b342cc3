import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DataDirectory } from "#services/local/data-directory.js";
import { StartFailure } from "#services/local/start-failure.js";

describe("data directory", () => {
  const directory = mkdtempSync(join(tmpdir(), "emporion-data-"));
  after(() => rmSync(directory, { recursive: true }));

  it("is made with all above it", async () => {
    const data = await DataDirectory.take(join(directory, "a", "b"));
    assert.ok(existsSync(join(directory, "a", "b", "keys")));
    await data.release();
  });

  it("is refused in words where it cannot be made", async () => {
    writeFileSync(join(directory, "file"), "");
    const refusal = (path: string) => (cause: unknown) =>
      cause instanceof StartFailure &&
      cause.message.startsWith(`the data directory ${path} cannot be used: `);
    for (const path of ["/proc/nowhere", join(directory, "file")])
      await assert.rejects(DataDirectory.take(path), refusal(path));
  });
});
