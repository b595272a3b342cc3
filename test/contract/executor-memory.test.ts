import assert from "node:assert/strict";
import { SystemClock } from "#libs/adapters/clock.js";
import { SystemRandom } from "#libs/adapters/random.js";
import { amounts } from "#libs/core/resources.js";
import type { Cancel } from "#libs/ports/clock.js";
import type { LaunchOrder } from "#libs/core/launch.js";
import { SimExecutor, SimHostTasks, type Scripts } from "#libs/sim/executor.js";
import type { TaskSpec } from "#protocol/task.js";
import { executorContract } from "./executor.js";

const order = (id: string, command: string, over: Partial<TaskSpec> = {}): LaunchOrder => ({
  spec: {
    id,
    name: id,
    workload: { kind: "process", command },
    resources: amounts({ cpus: 0.1, mem: 32 }),
    ...over,
  },
  framework: "tests",
  host: "127.0.0.1",
  env: {},
});

/** The system's clock, whose timers end with the test. */
class TestClock extends SystemClock {
  readonly cancels: Cancel[] = [];

  override after(ms: number, call: () => void): Cancel {
    const cancel = super.after(ms, call);
    this.cancels.push(cancel);
    return cancel;
  }
}

const clocks: TestClock[] = [];

function host(scripts?: Scripts) {
  const random = new SystemRandom();
  const clock = new TestClock();
  clocks.push(clock);
  const tasks = new SimHostTasks({ clock, ...(scripts && { scripts }) });
  return { tasks, agent: () => new SimExecutor({ kind: "process", tasks, random }) };
}

afterEach(() => {
  for (const { cancels } of clocks.splice(0)) for (const cancel of cancels) cancel();
});

executorContract("in memory", async () => {
  const { agent } = host();
  return {
    agent: async () => agent(),
    crash: async (executor) => (executor as SimExecutor).crash(),
    order,
    stdout: () => undefined,
    end: async () => {},
  };
});

describe("executor in memory", () => {
  it("follows its script", async () => {
    const { agent, tasks } = host(({ id }) =>
      id === "broken" ? { fails: { reason: "image-missing", message: "none" } } : { stopMs: Infinity },
    );
    const executor = agent();
    assert.deepEqual(await executor.launch(order("broken", "exit 0")), {
      ok: false,
      error: { reason: "image-missing", message: "none" },
    });
    await executor.launch(order("deaf", "sleep 600"));
    await executor.kill("deaf", false);
    assert.deepEqual(tasks.running(), ["deaf"]);
  });

  it("a host that restarts ends all, and tells so", async () => {
    const { agent, tasks } = host();
    const first = agent();
    await first.launch(order("one", "sleep 600"));
    first.crash();
    tasks.restart();
    const second = agent();
    const told = new Promise<unknown>((done) => void second.exits.subscribe(done));
    assert.equal((await second.recover([order("one", "")])).get("one"), "ended");
    assert.deepEqual(await told, {
      task: "one",
      reason: "host-restarted",
      message: "the host was restarted while it ran",
    });
  });
});
