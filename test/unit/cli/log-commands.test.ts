import assert from "node:assert/strict";
import type { TaskStatus } from "#protocol/task.js";
import { exitCodes, Failure } from "#services/cli/failure.js";
import { chosenOf } from "#services/cli/log-commands.js";

const task = (id: string, more: Partial<TaskStatus> = {}): TaskStatus =>
  ({
    spec: { id, name: "/shop/web" },
    framework: "apps",
    agent: "agent-a",
    ...more,
  }) as unknown as TaskStatus;

describe("whose log is shown", () => {
  it("of an app's tasks the one that runs; the last one when none does; several are to be named", () => {
    const ended = task("a", { startedAt: 1, endedAt: 2 });
    const last = task("b", { startedAt: 2, endedAt: 3 });
    assert.equal(chosenOf("/shop/web", { tasks: [ended, last], silent: [] }), "b");
    assert.equal(chosenOf("/shop/web", { tasks: [last, task("c", { startedAt: 0 })], silent: [] }), "c");
    assert.throws(() => chosenOf("/shop/web", { tasks: [task("c"), task("d")], silent: [] }), /name one/);
  });

  it("of what no agent has: that there is none, but not while one of them does not answer", () => {
    const failing = (silent: readonly string[]) => {
      try {
        return chosenOf("demo.pi", { tasks: [task("a")], silent });
      } catch (cause) {
        return cause as Failure;
      }
    };
    const none = failing([]) as Failure;
    assert.equal(none.exitCode, exitCodes.refused);
    assert.match(none.message, /^there is no task, app or job demo\.pi/);
    const unknown = failing(["agent-b"]) as Failure;
    assert.equal(unknown.exitCode, exitCodes.unreachable);
    assert.equal(
      unknown.message,
      "no agent that answers has a task of demo.pi, but agent-b does not answer: it may be there",
    );
  });
});
