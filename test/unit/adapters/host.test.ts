import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { SystemHost } from "#libs/adapters/host.js";
import { scalar } from "#libs/core/resources.js";

describe("the host", () => {
  const MiB = 1024 * 1024;
  let root: string;
  beforeEach(() => (root = mkdtempSync(join(tmpdir(), "emporion-root-"))));
  afterEach(() => rmSync(root, { recursive: true, force: true }));
  const put = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  const detected = async () => {
    const resources = await new SystemHost({ workDir: root, root }).detect();
    return [scalar(resources, "cpus") / 1000, scalar(resources, "mem") / 1000];
  };

  it("has what the system says, where nothing limits it", async () => {
    assert.deepEqual(await detected(), [availableParallelism(), Math.floor(totalmem() / MiB)]);
    const host = new SystemHost({ workDir: root });
    assert.ok(scalar(await host.detect(), "disk") > 0);
    const free = await host.diskFree();
    assert.ok(free >= 0 && free <= 1);
    assert.match(host.bootId, /^[0-9a-f-]{36}$/);
  });

  it("has the less that its container has: v2", async () => {
    put("proc/self/cgroup", "0::/box/inner\n");
    put("sys/fs/cgroup/box/memory.max", `${100 * MiB}\n`);
    put("sys/fs/cgroup/box/inner/memory.max", "max\n");
    put("sys/fs/cgroup/box/inner/cpu.max", "50000 100000\n");
    put("sys/fs/cgroup/box/cpu.max", "max 100000\n");
    assert.deepEqual(await detected(), [0.5, 100]);
  });

  it("has the less that its container has: v1", async () => {
    put("proc/self/cgroup", "9:cpu,cpuacct:/box\n4:memory:/box\n0::/\n");
    put("sys/fs/cgroup/memory/box/memory.limit_in_bytes", `${200 * MiB}\n`);
    put("sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "25000\n");
    put("sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "100000\n");
    put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
    put("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    assert.deepEqual(await detected(), [0.25, 200]);
  });
});
