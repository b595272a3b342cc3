import assert from "node:assert/strict";
import { codec } from "#protocol/codec.js";
import { StatusBatch } from "#protocol/status.js";
import { Subjects } from "#protocol/subjects.js";
import type { TaskSpec, TaskState } from "#protocol/task.js";
import { amounts } from "#libs/core/resources.js";
import { SimClock } from "#libs/sim/clock.js";
import { SimWorld } from "#libs/sim/world.js";
import { HostTasks } from "./agent-host.js";
import { Rules } from "./rules.js";

const batches = codec(StatusBatch);

const spec = (id: string, cpus: number, port: number): TaskSpec => ({
  id,
  name: "work",
  workload: { kind: "process", command: "work" },
  resources: amounts({ cpus, ports: [[port, port]] }),
});

/** Two hosts of two cores, a server, and nobody on them. */
function watched() {
  const world = new SimWorld({ seed: "rules" });
  const subjects = new Subjects("sim");
  const rules = new Rules(world, subjects);
  const clock = new SimClock(world.schedule, { monoAtStart: 0, wallAtStart: 0, fired: () => {} });
  const host = (id: string) => {
    const tasks = new HostTasks({ clock });
    rules.watch({ id, totals: amounts({ cpus: 2, ports: [[1, 9]] }), tasks });
    return (task: TaskSpec) => tasks.start(task, tasks.scriptOf(task));
  };
  return {
    rules,
    startsOnA: host("a"),
    startsOnB: host("b"),
    says: (number: number, state: TaskState, task = "t"): void => {
      const updates = [{ task, number, state, at: 0 }];
      const batch = { agent: "a", framework: "apps", generation: 1, batch: number, updates };
      world.server.streams.came(subjects.status("apps", "a"), batches.encode(batch));
    },
    leads: (master: string, epoch: number): void => {
      const bytes = new TextEncoder().encode(JSON.stringify({ epoch, master }));
      world.server.publish({ subject: subjects.leader, bytes });
    },
  };
}

const breaks = (rule: string, act: (cluster: ReturnType<typeof watched>) => void) =>
  it(`${rule} is seen to be broken`, () => {
    const cluster = watched();
    act(cluster);
    assert.throws(() => cluster.rules.assertKept(), new RegExp(`${rule}:`));
  });

describe("simulation: the rules", () => {
  it("are kept by a decent run", () => {
    const { rules, startsOnA, startsOnB, says, leads } = watched();
    startsOnA(spec("one", 1, 1));
    startsOnA(spec("two", 1, 2));
    startsOnB(spec("three", 2, 1));
    for (const [number, state] of [
      [1, "staging"],
      [2, "running"],
      [2, "running"],
      [1, "staging"],
      [3, "killed"],
    ] as const)
      says(number, state);
    leads("m1", 1);
    leads("m1", 1);
    leads("m2", 2);
    rules.assertKept();
    assert.equal(rules.stateOf("t"), "killed");
  });

  breaks("R1", ({ startsOnA }) => {
    startsOnA(spec("one", 1.5, 1));
    startsOnA(spec("two", 1, 2));
  });
  breaks("R1", ({ startsOnA }) => {
    startsOnA(spec("one", 1, 1));
    startsOnA(spec("two", 1, 1));
  });
  breaks("R3", ({ startsOnA, startsOnB }) => {
    startsOnA(spec("one", 1, 1));
    startsOnB(spec("one", 1, 1));
  });
  breaks("R4", ({ says }) => {
    says(1, "finished");
    says(2, "running");
  });
  breaks("R4", ({ says }) => {
    says(1, "running");
    says(1, "failed");
  });
  breaks("R6", ({ leads }) => {
    leads("m1", 3);
    leads("m2", 3);
  });
});
