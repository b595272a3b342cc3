import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
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

  it("leaves nothing behind when the start is refused after all, and what was there before stays", async () => {
    const path = join(directory, "refused");
    await (await DataDirectory.take(path)).undo();
    assert.ok(!existsSync(path));
    await (await DataDirectory.take(path)).release();
    await (await DataDirectory.take(path)).undo();
    assert.ok(existsSync(join(path, "keys")));
  });

  it("is one cluster's, however that was started; what merely has the number of one that died holds nobody up", async () => {
    const path = join(directory, "held");
    await (await DataDirectory.take(path)).release();
    for (const [mark, isHeld] of [
      ["services/local/main.js", true],
      ["services/local/setup/start.mjs", true],
      ["something/else.js", false],
    ] as const) {
      const holder = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)", mark]);
      await once(holder, "spawn");
      try {
        writeFileSync(join(path, "run", "local.pid"), String(holder.pid));
        const taken = await DataDirectory.take(path).then(
          (data) => data.release().then(() => true),
          (cause: unknown) => {
            assert.match(String(cause), /is in use by another cluster/);
            return false;
          },
        );
        assert.equal(taken, !isHeld, mark);
      } finally {
        holder.kill();
        await once(holder, "exit");
      }
    }
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
