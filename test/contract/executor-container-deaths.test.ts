import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { eventually } from "#test/support/eventually.js";
import { containerHost, told, untilTold } from "./container-host.js";

describe("container executor on a Docker engine", function () {
  this.timeout(60_000);
  const { root, engine, open, order, file, inspect, leftOver, tell, launched } = containerHost();

  describe("after the agent's death", () => {
    it("what runs is found again, what ended is told with its code, once, what never was is absent", async () => {
      const first = open();
      const [runs, ends, endsLater, never] = [
        order({ argv: ["sleep", "1000"] }),
        order({ command: `${untilTold}; echo bye; exit 9` }),
        order({ command: `${untilTold}; exit 5` }),
        order({ argv: ["true"] }),
      ];
      for (const box of [runs, ends, endsLater]) await launched(first, box);
      await first.executor.close();
      await tell(ends.spec.id);
      await eventually("its end", async () => !(await inspect(ends.spec.id)).State.Running);

      const second = open();
      const found = await second.executor.recover([runs, ends, endsLater, never]);
      assert.deepEqual(Object.fromEntries(found), {
        [runs.spec.id]: "running",
        [ends.spec.id]: "ended",
        [endsLater.spec.id]: "running",
        [never.spec.id]: "absent",
      });
      assert.deepEqual(await second.exitOf(ends.spec.id), {
        task: ends.spec.id,
        exitCode: 9,
        reason: "exited",
      });
      assert.equal(file(ends.spec.id, "stdout"), "bye\n");
      assert.deepEqual(await second.executor.run(endsLater.spec.id, told, 5000), { ok: true, value: 0 });
      assert.equal((await second.exitOf(endsLater.spec.id)).exitCode, 5);
      await second.executor.kill(runs.spec.id, false);
      await second.exitOf(runs.spec.id);
      assert.equal(second.exits.length, 3);
      assert.equal(first.exits.length, 0);
    });

    it("what ends while it is found again is told", async () => {
      const first = open();
      const [other, ends] = [order({ argv: ["sleep", "1000"] }), order({ command: `${untilTold}; exit 6` })];
      for (const box of [other, ends]) await launched(first, box);
      await first.executor.close();

      // The engine has listed both, and the one that ends is not taken up yet.
      const endNow = () =>
        execFileSync(process.execPath, ["-e", endedByThen, engine().dockerHost, ends.spec.id]);
      const sandbox = (task: string) => {
        if (task === other.spec.id) endNow();
        return join(root, task);
      };
      const second = open({ sandbox });
      await second.executor.recover([other, ends]);
      assert.equal((await second.exitOf(ends.spec.id)).exitCode, 137);
      assert.equal(second.exits.length, 1);
    });

    it("one that was created but not started never runs", async () => {
      const box = order({ argv: ["sleep", "1000"] });
      const labels = { "emporion.cluster": "test", "emporion.agent": "agent-a", "emporion.owner": root };
      const Labels = { ...labels, "emporion.task": box.spec.id };
      await engine().docker.createContainer({
        name: `em-test-${box.spec.id}`,
        Image: engine().image,
        Labels,
      });
      assert.deepEqual([...(await open().executor.recover([box]))], [[box.spec.id, "absent"]]);
      assert.deepEqual(await leftOver(), []);
    });

    it("another agent's containers are not touched, though it has the same name", async () => {
      const other = open({ owner: "/elsewhere" });
      const box = order({ argv: ["sleep", "1000"] });
      const task = await launched(other, box);
      const agent = open();
      assert.deepEqual([...(await agent.executor.recover([box]))], [[task, "absent"]]);
      await agent.executor.kill(task, true);
      await agent.executor.collect(task);
      assert.equal((await inspect(task)).State.Running, true);
    });
  });

  describe("when the engine dies", () => {
    it("tasks go on; ends meanwhile, kills meanwhile and output meanwhile are not lost", async () => {
      const agent = open();
      const [ends, killed, talks] = [
        order({ command: "sleep 3; exit 4" }),
        order({ argv: ["sleep", "1000"] }),
        order({ command: "for i in 1 2 3 4 5 6; do echo $i; sleep 1; done; exit 6" }),
      ];
      for (const box of [ends, killed, talks]) await launched(agent, box);
      const pid = (await inspect(ends.spec.id)).State.Pid as number;
      await engine().kill();
      assert.match(JSON.stringify(await agent.executor.detect()), /no Docker engine answers at unix/);
      await agent.executor.kill(killed.spec.id, false);
      await eventually("its end without an engine", () => !isAlive(pid));
      assert.deepEqual(agent.exits, []);
      await engine().restart();
      assert.deepEqual(await agent.exitOf(ends.spec.id), {
        task: ends.spec.id,
        exitCode: 4,
        reason: "exited",
      });
      assert.equal((await agent.exitOf(killed.spec.id)).signal, "SIGTERM");
      assert.equal((await agent.exitOf(talks.spec.id)).exitCode, 6);
      assert.equal(file(talks.spec.id, "stdout"), "1\n2\n3\n4\n5\n6\n");
      assert.equal(agent.exits.length, 3);
    });

    it("a start in its midst either happens or leaves nothing", async () => {
      const agent = open();
      const boxes = Array.from({ length: 6 }, () => order({ argv: ["sleep", "1000"] }));
      const launching = Promise.all(boxes.map((box) => agent.executor.launch(box)));
      await eventually("the first to start", async () => (await leftOver()).length > 1);
      await engine().kill();
      await engine().restart();
      const results = await launching;
      const ran = boxes.filter((_, index) => results[index]!.ok).map(({ spec }) => `/em-test-${spec.id}`);
      for (const result of results) if (!result.ok) assert.equal(result.error.reason, "executor-unavailable");
      await eventually("no leftovers", async () => {
        const left = await leftOver();
        return left.length === ran.length && left.every((name) => ran.includes(name!));
      });
      const ended = new Set(agent.exits.map(({ task }) => `/em-test-${task}`));
      const running = (await engine().docker.listContainers()).map(({ Names }) => Names[0]!);
      assert.deepEqual(running.toSorted(), ran.filter((name) => !ended.has(name)).toSorted());
    });
  });
});

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** A program: ends the container of a task, and itself when the engine has told its death. */
const endedByThen = `
  const { request } = require("node:http");
  const [dockerHost, task] = process.argv.slice(1);
  const ask = (method, path, answered) =>
    request({ socketPath: dockerHost.replace("unix://", ""), method, path }, answered).end();
  const filters = encodeURIComponent(JSON.stringify({ container: ["em-test-" + task], event: ["die"] }));
  ask("POST", "/containers/em-test-" + task + "/kill", (answer) => answer.resume());
  ask("GET", "/events?since=0&filters=" + filters, (events) => events.once("data", () => process.exit()));
`;
