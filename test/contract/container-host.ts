import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ContainerExecutor, type ContainerExecutorOptions } from "#libs/adapters/docker/executor.js";
import { silentLog } from "#libs/adapters/log.js";
import type { LaunchOrder, TaskExit } from "#libs/core/launch.js";
import { amounts } from "#libs/core/resources.js";
import type { ContainerWorkload, TaskSpec } from "#protocol/task.js";
import { startDocker, type TestEngine } from "#test/support/docker.js";
import { eventually } from "#test/support/eventually.js";

/** A Docker engine for the suite that asks, and agents on it; after each test it has no containers. */
export function containerHost() {
  let engine: TestEngine;
  const root = mkdtempSync(join(tmpdir(), "emporion-boxes-"));
  const opened: ContainerExecutor[] = [];
  let tasks = 0;

  before(async () => (engine = await startDocker()));
  afterEach(async () => {
    for (const executor of opened.splice(0)) await executor.close();
    await removeAll();
  });
  after(async () => {
    await engine?.stop();
    rmSync(root, { recursive: true, force: true });
  });

  const removeAll = async (): Promise<void> => {
    const all = await engine.docker.listContainers({ all: true });
    await Promise.all(all.map(({ Id }) => engine.docker.getContainer(Id).remove({ force: true, v: true })));
  };

  function openUnheard(over: Partial<ContainerExecutorOptions>): ContainerExecutor {
    return new ContainerExecutor({
      cluster: "test",
      agent: "agent-a",
      owner: root,
      sandbox: (task) => join(root, task),
      policy: { privileged: false, hostMounts: [] },
      log: silentLog,
      dockerHost: engine.dockerHost,
      ...over,
    });
  }

  /** An agent's executor with what it has told; a second one is the agent after its own death. */
  function open(over: Partial<ContainerExecutorOptions> = {}) {
    const executor = openUnheard(over);
    opened.push(executor);
    const exits: TaskExit[] = [];
    executor.exits.subscribe((exit) => exits.push(exit));
    const exitOf = (task: string) =>
      eventually(`the exit of ${task}`, () => exits.find((exit) => exit.task === task), 20_000);
    return { executor, exits, exitOf };
  }

  function order(workload: Partial<ContainerWorkload>, over: Partial<TaskSpec> = {}): LaunchOrder {
    const id = `box.${++tasks}`;
    mkdirSync(join(root, id), { recursive: true });
    return {
      spec: {
        id,
        name: "box",
        workload: { kind: "container", image: engine.image, network: "host", ...workload },
        resources: amounts({ cpus: 0.1, mem: 32 }),
        ...over,
      },
      framework: "tests",
      host: "127.0.0.1",
      env: { EMPORION_TASK_ID: id },
    };
  }

  const file = (task: string, name: "stdout" | "stderr") => readFileSync(join(root, task, name), "utf8");
  const inspect = (task: string) => engine.docker.getContainer(`em-test-${task}`).inspect() as Promise<any>;
  const leftOver = async () =>
    (await engine.docker.listContainers({ all: true })).map(({ Names }) => Names[0]);

  async function tell(task: string): Promise<void> {
    const exec = await engine.docker.getContainer(`em-test-${task}`).exec({ Cmd: ["sh", "-c", told] });
    await exec.start({ Detach: true });
  }

  async function launched({ executor }: { executor: ContainerExecutor }, task: LaunchOrder): Promise<string> {
    assert.deepEqual(await executor.launch(task), { ok: true, value: undefined });
    return task.spec.id;
  }

  async function refused({ executor }: { executor: ContainerExecutor }, task: LaunchOrder) {
    const result = await executor.launch(task);
    assert.ok(!result.ok, "it was launched");
    return result.error;
  }

  return {
    root,
    /** There from the first test on. */
    engine: () => engine,
    removeAll,
    openUnheard,
    open,
    order,
    file,
    inspect,
    leftOver,
    tell,
    launched,
    refused,
  };
}

/** A container that waits for a word, so that no test depends on who is faster. */
export const told = "touch /tmp/go";
export const untilTold = "until [ -e /tmp/go ]; do sleep 0.05; done";
