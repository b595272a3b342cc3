import assert from "node:assert/strict";
import { type EngineInfo, executorInfo } from "#libs/adapters/docker/engine.js";

const good: EngineInfo = {
  ServerVersion: "20.10.24",
  OSType: "linux",
  SystemTime: "2026-01-01T00:00:00Z",
  LiveRestoreEnabled: true,
  MemoryLimit: true,
  SwapLimit: true,
  CPUShares: true,
  CpuCfsQuota: true,
  PidsLimit: true,
  InitCommit: { ID: "de40ad0" },
};

describe("what a Docker engine cannot promise", () => {
  it("nothing is said of one that can do all; nor of what an older one does not tell", () => {
    assert.deepEqual(executorInfo(good), { kind: "container", version: "20.10.24", warnings: [] });
    const { CPUShares: _, PidsLimit: __, ...older } = good;
    assert.deepEqual(executorInfo(older).warnings, []);
  });

  const cases: readonly (readonly [string, Partial<EngineInfo>, RegExp])[] = [
    ["live-restore", { LiveRestoreEnabled: false }, /^live-restore is off: tasks end when the engine is/],
    ["an init binary", { InitCommit: { ID: "N/A" } }, /^no init binary/],
    [
      "memory limits, so none of swap either",
      { MemoryLimit: false, SwapLimit: false },
      /^the kernel has no memory/,
    ],
    ["a limit of swap", { SwapLimit: false }, /^the kernel does not limit swap/],
    ["CPU shares", { CPUShares: false }, /^the kernel has no CPU shares/],
    ["a CPU quota", { CpuCfsQuota: false }, /^the kernel has no CPU quota: limits\.cpus/],
    ["a limit of processes", { PidsLimit: false }, /^the kernel does not limit the number of processes/],
  ];
  for (const [lack, info, warning] of cases)
    it(`without ${lack}: one warning, of that`, () => {
      const { warnings } = executorInfo({ ...good, ...info });
      assert.equal(warnings.length, 1, warnings.join("\n"));
      assert.match(warnings[0]!, warning);
    });

  it("all that it lacks is told", () => {
    const { InitCommit: _, ...none } = good;
    assert.equal(executorInfo({ ...none, LiveRestoreEnabled: false, CpuCfsQuota: false }).warnings.length, 3);
  });
});
