import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Cgroups, cgroupsV2, findCgroups, type Limits } from "#libs/adapters/process/cgroups.js";
import { oomKills, removeGroup } from "#libs/adapters/process/group.js";

describe("control groups", () => {
  let root: string;
  beforeEach(() => (root = mkdtempSync(join(tmpdir(), "emporion-cgroups-"))));
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  /** The settings of a task, by the end of their path. */
  const settings = (cgroups: Cgroups, asked: Limits) => {
    const { settings: before, limits } = cgroups.prepare("one", asked);
    return Object.fromEntries(
      [...before, ...limits].map(([file, value]) => [file.slice(root.length + 1), value]),
    );
  };

  const mounts = (...lines: string[]) =>
    lines
      .map((line, index) => `${index} 1 0:${index} / ${root}/${line.replace(" ", " rw,nosuid - ")}`)
      .join("\n");

  describe("v1", () => {
    const mountinfo = () =>
      mounts(
        "memory cgroup cgroup rw,memory",
        "cpu,cpuacct cgroup cgroup rw,cpu,cpuacct",
        "pids cgroup cgroup rw,pids",
      );
    const found = (info = mountinfo()): Cgroups => {
      const cgroups = findCgroups("agent-a", info);
      if (typeof cgroups === "string") throw new Error(cgroups);
      return cgroups;
    };

    it("are found where they are mounted, with a home for the shim in each", () => {
      const { version, warnings, home } = found();
      assert.deepEqual([version, warnings], ["cgroup-v1", []]);
      const expected = ["memory", "cpu,cpuacct", "pids"].map((name) =>
        join(root, name, "emporion/agent-a/shim"),
      );
      assert.deepEqual(home.dirs.toSorted(), expected.toSorted());
      for (const dir of home.dirs) assert.ok(existsSync(dir));
      // A single thread can be moved without waiting for all forks of the host.
      assert.equal(home.entry, "tasks");
    });

    it("weigh cores and limit memory", () => {
      assert.deepEqual(settings(found(), { cpus: 0.5, memMax: 67_108_864 }), {
        "memory/emporion/agent-a/task-one/memory.limit_in_bytes": "67108864",
        "cpu,cpuacct/emporion/agent-a/task-one/cpu.shares": "512",
        "pids/emporion/agent-a/task-one/pids.max": "8192",
      });
    });

    it("limit swap too where it is counted, and cores where it is asked", () => {
      mkdirSync(join(root, "memory/emporion/agent-a"), { recursive: true });
      writeFileSync(join(root, "memory/emporion/agent-a/memory.memsw.limit_in_bytes"), "");
      const values = settings(found(), { cpus: 0.001, cpusMax: 1.5, memMax: 1000 });
      assert.equal(values["memory/emporion/agent-a/task-one/memory.memsw.limit_in_bytes"], "1000");
      assert.equal(values["cpu,cpuacct/emporion/agent-a/task-one/cpu.cfs_quota_us"], "150000");
      // 1024 × 0.001 is below the least that Linux takes
      assert.equal(values["cpu,cpuacct/emporion/agent-a/task-one/cpu.shares"], "2");
    });

    it("what is not mounted is warned of, and not promised", () => {
      const cgroups = found(mounts("cpu cgroup cgroup rw,cpu"));
      assert.deepEqual(cgroups.warnings, [
        "no cgroup controller memory: memory limits are not enforced",
        "no cgroup controller pids: the number of processes is not limited",
      ]);
      const { group, settings: set, limits } = cgroups.prepare("one", { cpus: 1, memMax: 5 });
      assert.deepEqual(limits, []);
      assert.deepEqual(set, [[join(root, "cpu/emporion/agent-a/task-one/cpu.shares"), "1024"]]);
      assert.deepEqual([group.dirs.length, group.oomCounts, group.pidsMax], [1, undefined, undefined]);
    });

    it("tell how often the kernel killed for memory", () => {
      const { group } = found().prepare("one", { cpus: 1 });
      assert.equal(oomKills(group), 0);
      writeFileSync(group.oomCounts!, "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
      assert.equal(oomKills(group), 3);
      rmSync(group.oomCounts!);
      assert.ok(removeGroup(group));
      assert.ok(removeGroup(group), "is safe to repeat");
    });
  });

  describe("v2", () => {
    /** A directory that looks like a cgroup2 mount: the kernel's files where a group is made. */
    const mount = (available: string) => {
      const dir = join(root, "unified");
      for (const each of [dir, join(dir, "emporion"), join(dir, "emporion/agent-a")]) {
        mkdirSync(each);
        writeFileSync(join(each, "cgroup.controllers"), available);
        writeFileSync(join(each, "cgroup.subtree_control"), "");
        writeFileSync(join(each, "cgroup.kill"), "");
        writeFileSync(join(each, "memory.swap.max"), "max");
      }
      mkdirSync(join(dir, "emporion/agent-a/shim"));
      writeFileSync(join(dir, "emporion/agent-a/shim/cgroup.procs"), "");
      return dir;
    };
    const enabledIn = (dir: string) => readFileSync(join(dir, "cgroup.subtree_control"), "utf8");

    it("are found where nothing of v1 is mounted", () => {
      mount("");
      const cgroups = findCgroups("agent-a", mounts("unified cgroup2 cgroup2 rw"));
      assert.equal(typeof cgroups === "string" ? cgroups : cgroups.version, "cgroup-v2");
    });

    it("have their controllers enabled from the root down, one at a time", () => {
      const dir = mount("cpuset cpu io memory");
      cgroupsV2(dir, "agent-a");
      // The real file adds what is written to it; this one keeps the last.
      for (const each of [dir, join(dir, "emporion"), join(dir, "emporion/agent-a")])
        assert.equal(enabledIn(each), "+cpu");
    });

    it("weigh cores as container runtimes do, and limit memory without swap", () => {
      const dir = mount("cpu memory pids");
      writeFileSync(join(dir, "emporion/agent-a/cgroup.subtree_control"), "cpu memory pids\n");
      const cgroups = cgroupsV2(dir, "agent-a");
      assert.deepEqual(cgroups.warnings, []);
      assert.deepEqual(settings(cgroups, { cpus: 1, cpusMax: 2, memMax: 1048576 }), {
        "unified/emporion/agent-a/task-one/memory.max": "1048576",
        "unified/emporion/agent-a/task-one/memory.swap.max": "0",
        // 1 + (1024 − 2) × 9999 / 262142 = 39.98
        "unified/emporion/agent-a/task-one/cpu.weight": "39",
        "unified/emporion/agent-a/task-one/cpu.max": "200000 100000",
        "unified/emporion/agent-a/task-one/pids.max": "8192",
      });
      const { group } = cgroups.prepare("one", { cpus: 1 });
      assert.deepEqual(
        [group.kill, group.oomCounts].map((file) => file?.slice(dir.length)),
        ["/emporion/agent-a/task-one/cgroup.kill", "/emporion/agent-a/task-one/memory.events"],
      );
    });

    it("what could not be enabled is warned of, and not set", () => {
      const dir = mount("cpu");
      writeFileSync(join(dir, "emporion/agent-a/cgroup.subtree_control"), "cpu");
      const cgroups = cgroupsV2(dir, "agent-a");
      assert.equal(cgroups.warnings.length, 2);
      const names = Object.keys(settings(cgroups, { cpus: 1, memMax: 5 }));
      assert.deepEqual(names, ["unified/emporion/agent-a/task-one/cpu.weight"]);
    });
  });

  it("none: the reason is told in words", () => {
    assert.equal(findCgroups("agent-a", ""), "no cgroup file system is mounted");
    writeFileSync(join(root, "file"), "");
    const found = findCgroups("agent-a", mounts("file cgroup cgroup rw,memory"));
    assert.match(typeof found === "string" ? found : "", /ENOTDIR/);
  });
});
