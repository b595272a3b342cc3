import assert from "node:assert/strict";
import type { LaunchOrder, TaskExit } from "#libs/core/launch.js";
import type { Executor } from "#libs/ports/executor.js";
import type { TaskSpec } from "#protocol/task.js";
import { eventually } from "#test/support/eventually.js";

/** A host on which an executor's tasks run. It outlives the agents that a test starts on it. */
export interface ExecutorHost {
  /** The executor of a new agent process. */
  agent(): Promise<Executor>;
  /** The agent process dies without notice (kill -9). */
  crash(executor: Executor): Promise<void>;
  /** A task that runs this with a POSIX shell; its sandbox is there. The commands used are sleep, exit and trap. */
  order(id: string, command: string, over?: Partial<TaskSpec>): LaunchOrder;
  /** What the task has written to stdout by now; undefined on a host where nothing is ever written. */
  stdout(id: string): string | undefined;
  /** Ends what still runs, and removes everything. */
  end(): Promise<void>;
}

/** What holds for every executor. Each test is an agent, or two in a row, on a host of its own. */
export function executorContract(name: string, open: () => Promise<ExecutorHost>, limitMs = 5000): void {
  describe(`executor contract: ${name}`, () => {
    let host: ExecutorHost;
    const agents: Executor[] = [];
    const exits: TaskExit[] = [];

    const agent = async (): Promise<Executor> => {
      const executor = await host.agent();
      agents.push(executor);
      executor.exits.subscribe((exit) => exits.push(exit));
      return executor;
    };
    const launch = async (executor: Executor, order: LaunchOrder) =>
      assert.deepEqual(await executor.launch(order), { ok: true, value: undefined });
    const exitOf = (task: string) =>
      eventually(`the end of ${task}`, () => exits.find((exit) => exit.task === task), limitMs);
    /** All that was told of the task until another, that was started and ended since, is told of. */
    const allExitsOf = async (executor: Executor, task: string) => {
      await launch(executor, host.order("marker", "exit 0"));
      await exitOf("marker");
      return exits.filter((exit) => exit.task === task);
    };

    beforeEach(async () => {
      host = await open();
      exits.length = 0;
    });
    afterEach(async () => {
      for (const executor of agents.splice(0)) await executor.close();
      await host.end();
    });

    it("says what it can run", async () => {
      const executor = await agent();
      const detected = await executor.detect();
      assert.ok(detected.ok);
      assert.equal(detected.value.kind, executor.kind);
      assert.notEqual(detected.value.version, "");
    });

    it("a task that ends by itself is told with its exit code, once", async () => {
      const executor = await agent();
      await launch(executor, host.order("one", "sleep 0.05; exit 3"));
      assert.deepEqual(await exitOf("one"), { task: "one", exitCode: 3, reason: "exited" });
      assert.equal((await allExitsOf(executor, "one")).length, 1);
    });

    it("exit code 0 is told like any other", async () => {
      const executor = await agent();
      await launch(executor, host.order("one", "exit 0"));
      assert.deepEqual(await exitOf("one"), { task: "one", exitCode: 0, reason: "exited" });
    });

    it("a task that is asked to end ends", async () => {
      const executor = await agent();
      await launch(executor, host.order("one", "sleep 600"));
      await executor.kill("one", false);
      const { exitCode, signal } = await exitOf("one");
      assert.ok(signal === "SIGTERM" || exitCode === 143, `${signal} ${exitCode}`);
    });

    it("a task that takes no notice of SIGTERM is ended by force", async () => {
      const executor = await agent();
      await launch(executor, host.order("one", "trap '' TERM; echo deaf; sleep 600"));
      await eventually("the trap", () => (host.stdout("one") ?? "deaf").includes("deaf"), limitMs);
      await executor.kill("one", false);
      await executor.kill("one", true);
      const { exitCode, signal } = await exitOf("one");
      assert.ok(signal === "SIGKILL" || exitCode === 137, `${signal} ${exitCode}`);
    });

    it("killing is safe to repeat, and for a task that has ended or never was", async () => {
      const executor = await agent();
      await launch(executor, host.order("one", "sleep 600"));
      await Promise.all([
        executor.kill("one", false),
        executor.kill("one", false),
        executor.kill("one", true),
      ]);
      await exitOf("one");
      await executor.kill("one", true);
      await executor.kill("nobody", true);
      assert.equal((await allExitsOf(executor, "one")).length, 1);
    });

    it("a kill that follows a launch at once is not lost", async () => {
      const executor = await agent();
      const launching = executor.launch(host.order("one", "sleep 600"));
      await executor.kill("one", false);
      const launched = await launching;
      // It ends, or never began.
      if (launched.ok) await exitOf("one");
      else assert.equal(launched.error.reason, "kill-requested");
    });

    it("many tasks at a time end each with its own code", async () => {
      const executor = await agent();
      const ids = [1, 2, 3, 4, 5, 6, 7, 8];
      await Promise.all(ids.map((id) => launch(executor, host.order(`t.${id}`, `exit ${id}`))));
      for (const id of ids) assert.equal((await exitOf(`t.${id}`)).exitCode, id);
    });

    it("after the agent's death a task runs on, is found again, and its end is told with the true exit code", async () => {
      const first = await agent();
      await launch(first, host.order("one", "sleep 600"));
      await launch(first, host.order("two", "sleep 0.5; exit 7"));
      await host.crash(first);
      const second = await agent();
      const orders = ["one", "two"].map((id) => host.order(id, "sleep 600"));
      const found = await second.recover(orders);
      assert.equal(found.get("one"), "running");
      assert.equal((await exitOf("two")).exitCode, 7);
      assert.deepEqual(
        exits.filter(({ task }) => task === "one"),
        [],
      );
      await second.kill("one", true);
      await exitOf("one");
    });

    it("a task that ended while no agent was there is told with its true exit code", async () => {
      const first = await agent();
      await launch(first, host.order("one", "sleep 0.1; exit 5"));
      await host.crash(first);
      // Another agent's task that takes longer: when it has ended, the first has too.
      await eventually(
        "the task to end",
        async () => {
          const looking = await host.agent();
          const found = await looking.recover([host.order("one", "")]);
          await host.crash(looking);
          return found.get("one") === "ended";
        },
        limitMs,
      );
      const second = await agent();
      const found = await second.recover([host.order("one", "")]);
      assert.equal(found.get("one"), "ended");
      assert.deepEqual(await exitOf("one"), { task: "one", exitCode: 5, reason: "exited" });
      assert.equal((await allExitsOf(second, "one")).length, 1);
    });

    it("what was never started is absent", async () => {
      const executor = await agent();
      const found = await executor.recover([host.order("one", "exit 0")]);
      assert.deepEqual([...found], [["one", "absent"]]);
    });

    it("what has ended is told to every later agent until it is collected, and then absent", async () => {
      const first = await agent();
      await launch(first, host.order("one", "exit 4"));
      await exitOf("one");
      await host.crash(first);
      exits.length = 0;
      const second = await agent();
      await second.recover([host.order("one", "")]);
      assert.equal((await exitOf("one")).exitCode, 4);
      await second.collect("one");
      await second.collect("one");
      await host.crash(second);
      const third = await agent();
      assert.equal((await third.recover([host.order("one", "")])).get("one"), "absent");
    });

    it("ends that happen before anybody listens wait for the first who does", async () => {
      const executor = await host.agent();
      agents.push(executor);
      await launch(executor, host.order("one", "exit 6"));
      await launch(executor, host.order("two", "sleep 0.1; exit 0"));
      const found: TaskExit[] = [];
      executor.exits.subscribe((exit) => found.push(exit));
      await eventually("both ends", () => found.length === 2, limitMs);
      assert.equal(found.find(({ task }) => task === "one")?.exitCode, 6);
    });

    it("a command beside a task has its exit code", async () => {
      const executor = await agent();
      await launch(executor, host.order("one", "sleep 600"));
      assert.deepEqual(await executor.run("one", "exit 0", limitMs), { ok: true, value: 0 });
      assert.deepEqual(await executor.run("one", "exit 9", limitMs), { ok: true, value: 9 });
    });

    it("a command that takes too long fails in words, and the task runs on", async () => {
      const executor = await agent();
      await launch(executor, host.order("one", "sleep 600"));
      const ran = await executor.run("one", "sleep 30", 100);
      assert.ok(!ran.ok);
      assert.match(ran.error, /100 ms/);
      assert.deepEqual(await executor.run("one", "exit 0", limitMs), { ok: true, value: 0 });
    });

    it("a command beside a task that has ended fails in words", async () => {
      const executor = await agent();
      await launch(executor, host.order("one", "exit 0"));
      await exitOf("one");
      const ran = await executor.run("one", "exit 0", limitMs);
      assert.equal(ran.ok, false);
    });

    it("closing ends no task", async () => {
      const first = await agent();
      await launch(first, host.order("one", "sleep 600"));
      await first.close();
      const second = await agent();
      assert.equal((await second.recover([host.order("one", "")])).get("one"), "running");
      assert.deepEqual(exits, []);
    });
  });
}
