import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { findCgroups } from "#libs/adapters/process/cgroups.js";
import type { ProcessExecutor } from "#libs/adapters/process/executor.js";
import { startTime } from "#libs/adapters/process/proc.js";
import type { TaskRecord } from "#libs/adapters/process/records.js";
import type { LaunchOrder } from "#libs/core/launch.js";
import type { Executor } from "#libs/ports/executor.js";
import type { ExecutorInfo } from "#protocol/offer.js";
import type { TaskSpec } from "#protocol/task.js";
import { TestHost } from "#test/support/host-processes.js";

export const isRoot = process.getuid?.() === 0;
const own = findCgroups("probe");
export const hasCgroups = typeof own !== "string";
export const limitsMemory =
  typeof own !== "string" && own.warnings.every((warning) => !warning.includes("memory"));

/** A host for the suite that asks, with an agent that runs processes on it; after each test nothing runs. */
export function processHost() {
  const host = new TestHost();
  before(() => host.start());
  after(() => host.end());
  afterEach(async () => {
    present = undefined;
    await host.clean();
  });
  /** One at a time may use the work directory. */
  let present: ProcessExecutor | undefined;
  const agent = () => (present ??= host.open()[0]);

  async function ended(id: string, command: string, over: Partial<TaskSpec> = {}) {
    const executor = agent();
    const launched = await executor.launch(await host.task(id, command, over));
    assert.deepEqual(launched, { ok: true, value: undefined });
    return host.exitOf(id);
  }

  async function refused(order: LaunchOrder) {
    const launched = await agent().launch(order);
    assert.ok(!launched.ok, "it was launched");
    return launched.error;
  }

  const recordOf = (task: string) => recordIn(host, task);
  /** Where something of it cannot be enforced, whoever asks is told so. */
  const tellsThatItIsNotEnforced = async (): Promise<void> => {
    const { warnings } = await detected(agent());
    assert.match(warnings.join(), /limits are not enforced/);
  };

  /** Of the task and of all that it started. */
  const processesOf = (task: string): number[] =>
    readdirSync("/proc").flatMap((pid) => {
      if (!/^\d+$/.test(pid)) return [];
      try {
        const isOurs = readFileSync(`/proc/${pid}/environ`, "utf8").includes(`EMPORION_TASK_ID=${task}\0`);
        return isOurs && startTime(Number(pid)) !== undefined ? [Number(pid)] : [];
      } catch {
        return [];
      }
    });

  return { host, agent, ended, refused, recordOf, tellsThatItIsNotEnforced, processesOf };
}

export async function detected(executor: Executor): Promise<ExecutorInfo> {
  const found = await executor.detect();
  assert.ok(found.ok, found.ok ? "" : found.error);
  return found.value;
}

export const recordIn = (host: TestHost, task: string): TaskRecord | undefined =>
  readFileSync(join(host.workDir, "process", "records.log"), "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as TaskRecord)
    .findLast((record) => record.task === task);
