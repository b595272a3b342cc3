import assert from "node:assert/strict";
import type { FrameworkEffect } from "#libs/framework/effects.js";
import type { FrameworkTask } from "#libs/framework/scheduler.js";
import type { TaskState } from "#protocol/task.js";
import { FrameworksRule } from "./frameworks.js";

const acknowledge: readonly FrameworkEffect[] = [{ type: "acknowledge", deliveries: [7] }];

/** A framework with one task on agent `a`: what comes, what it believes after that, and what it does. */
function watched() {
  const breaches: string[] = [];
  const rule = new FrameworksRule((what) => void breaches.push(what));
  const tasks = new Map<string, FrameworkTask>();
  const told = rule.watch("apps-1")({ tasks });
  return {
    breaches,
    believes: (number: number, state: TaskState = "running") => {
      const latest = { task: "t", number, state, at: 0 };
      tasks.set("t", { agent: "a", phase: state, latest } as FrameworkTask);
    },
    forgets: () => tasks.clear(),
    comes: (number: number, effects: readonly FrameworkEffect[] = [], agent = "a") =>
      told(
        { type: "updated", delivery: 7, agent, updates: [{ task: "t", number, state: "running", at: 0 }] },
        effects,
      ),
  };
}

describe("simulation: R5 at the framework", () => {
  it("is kept by who believes what comes, acknowledges it, and does not go back for what comes late", () => {
    const { breaches, believes, comes } = watched();
    believes(2);
    comes(2, acknowledge);
    comes(1, acknowledge);
    believes(3);
    comes(3);
    assert.deepEqual(breaches, []);
  });

  it("is seen to be broken: it goes back to an earlier update", () => {
    const { breaches, believes, comes } = watched();
    believes(3);
    comes(3);
    believes(2);
    comes(2);
    assert.deepEqual(breaches, ["R5: apps-1 takes update 2 of task t after 3"]);
  });

  it("is seen to be broken: it acknowledges what it does not believe", () => {
    const { breaches, believes, comes } = watched();
    believes(2);
    comes(3, acknowledge);
    assert.deepEqual(breaches, ["R5: apps-1 acknowledges update 3 of task t, and knows of 2 only"]);
  });

  it("is kept by who acknowledges what is not its own, or over for it", () => {
    const { breaches, believes, comes, forgets } = watched();
    believes(2);
    comes(3, acknowledge, "b");
    believes(2, "killed");
    comes(3, acknowledge);
    forgets();
    comes(4, acknowledge);
    assert.deepEqual(breaches, []);
  });
});
