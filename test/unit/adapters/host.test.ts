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

  it("finds listeners in both of the kernel's tables, and no connections", async () => {
    const head = "  sl  local_address rem_address   st tx_queue rx_queue\n";
    const row = (number: number, local: string, remote: string, state: string) =>
      `   ${number}: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000 0 0 1 1 0 100 0 0 10 0\n`;
    const any6 = "0".repeat(32);
    put(
      "proc/net/tcp",
      head +
        row(0, "0100007F:791A", "00000000:0000", "0A") + // 31002 listens
        row(1, "0100007F:7919", "0100007F:1F90", "01") + // 31001 is a connection's
        row(10, "00000000:7DC8", "00000000:0000", "0A"), // 32200 is in no range
    );
    put("proc/net/tcp6", head + row(0, `${any6}:7918`, `${any6}:0000`, "0A")); // 31000 listens
    const host = new SystemHost({ workDir: root, root });
    assert.deepEqual(
      await host.takenPorts([
        [31_000, 31_001],
        [31_002, 31_100],
      ]),
      [31_000, 31_002],
    );
  });

  it("whose kernel lists nothing names no ports", async () => {
    assert.deepEqual(await new SystemHost({ workDir: root, root }).takenPorts([[0, 65_535]]), []);
  });
});
