import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { SystemClock } from "#libs/adapters/clock.js";
import { SystemRandom } from "#libs/adapters/random.js";
import { SimSandboxes } from "#libs/sim/sandboxes.js";
import { SandboxDisk } from "./sandbox-disk.js";
import { sandboxesContract } from "./sandboxes.js";

describe("sandboxes in memory", () => {
  sandboxesContract(() => {
    const artifacts = new Map<string, Uint8Array>();
    const sandboxes = new SimSandboxes({ clock: new SystemClock(), random: new SystemRandom(), artifacts });
    return {
      sandboxes,
      write: (task, path, content) => sandboxes.write(task, path, Buffer.from(content)),
      offer(name, content) {
        artifacts.set(`file:///offered/${name}`, Buffer.from(content));
        return `file:///offered/${name}`;
      },
      end: () => {},
    };
  });
});

describe("sandboxes on disk", () => {
  sandboxesContract(() => {
    const disk = new SandboxDisk();
    const sandboxes = disk.open();
    return {
      sandboxes,
      write(task, path, content) {
        const file = join(sandboxes.directory(task), path);
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, content);
      },
      offer: (name, content) => disk.offer(name, content),
      end: () => disk.end(),
    };
  });
});
