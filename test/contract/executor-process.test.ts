import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { findCgroups } from "#libs/adapters/process/cgroups.js";
import { amounts } from "#libs/core/resources.js";
import { TestHost } from "#test/support/host-processes.js";
import { executorContract } from "./executor.js";
import { detected, recordIn } from "./process-host.js";

const mounts = readFileSync("/proc/self/mountinfo", "utf8");
/** Also where the controllers are v1's: its groups, without limits, are the same. */
const v2Mounts = mounts
  .split("\n")
  .filter((line) => line.includes(" - cgroup2 "))
  .join("\n");

/** The control groups that an agent may have to do with: those of its host, v2's alone, none. Every host has something to say to each. */
const kinds = [
  ["processes of this host", (id: string) => findCgroups(id)],
  ["processes of this host in control groups v2, if it has them", (id: string) => findCgroups(id, v2Mounts)],
  ["processes of this host without control groups", () => "switched off"],
] as const;

for (const [name, cgroups] of kinds) {
  const host = new TestHost({ cgroups });
  describe(name, function () {
    this.timeout(30_000);
    before(() => host.start());
    afterEach(() => host.clean());
    after(() => host.end());

    executorContract(name, async () => ({
      agent: async () => host.openUnheard()[0],
      // The shim sees the same when an agent's process is gone: the end of the connection.
      crash: (executor) => executor.close(),
      order(id, command, over) {
        const order = host.order(id, command, over);
        void host.sandboxes.create(id, undefined);
        return order;
      },
      stdout: (id) => host.file(id, "stdout") ?? "",
      end: () => host.clean(),
    }));

    it("its groups have its limits, and go with it; what is not enforced is told before", async () => {
      const [executor] = host.open();
      const { version, warnings } = await detected(executor);
      const order = await host.task("limited", "sleep 600", {
        resources: amounts({ cpus: 0.5, mem: 64 }),
        limits: { cpus: 1500 },
      });
      await executor.launch(order);
      const dirs = recordIn(host, "limited")!.group?.dirs ?? [];
      const limits = limitsOf[version] ?? {};
      const enforced = Object.entries(limits).filter(([controller]) =>
        warnings.every((warning) => !warning.startsWith(`no cgroup controller ${controller}:`)),
      );
      for (const [file, value] of enforced.flatMap(([, values]) => values)) {
        const found = dirs.map((dir) => join(dir, file)).filter((path) => existsSync(path));
        assert.deepEqual(
          found.map((path) => readFileSync(path, "utf8").trim()),
          [value],
          file,
        );
      }
      assert.ok(dirs.every((dir) => existsSync(dir)));
      await executor.kill("limited", true);
      await host.exitOf("limited");
      assert.deepEqual(
        dirs.filter((dir) => existsSync(dir)),
        [],
      );
      const agents = cgroups("test");
      if (typeof agents === "string") {
        assert.deepEqual(
          [version, warnings],
          ["no-cgroup", [`no cgroup: limits are not enforced (${agents})`]],
        );
        assert.deepEqual(dirs, []);
      } else {
        assert.deepEqual([version, warnings], [agents.version, agents.warnings]);
        assert.notDeepEqual(dirs, []);
      }
    });
  });
}

/** For half a core, one and a half at most, and 64 MiB: control files by controller. cpu.weight: 1 + ⌊(512 − 2) × 9999 ÷ 262142⌋ = 20. */
const limitsOf: Record<string, Record<string, readonly (readonly [file: string, value: string])[]>> = {
  "cgroup-v1": {
    memory: [["memory.limit_in_bytes", "67108864"]],
    cpu: [
      ["cpu.shares", "512"],
      ["cpu.cfs_quota_us", "150000"],
    ],
    pids: [["pids.max", "8192"]],
  },
  "cgroup-v2": {
    memory: [["memory.max", "67108864"]],
    cpu: [
      ["cpu.weight", "20"],
      ["cpu.max", "150000 100000"],
    ],
    pids: [["pids.max", "8192"]],
  },
  "no-cgroup": {},
};
