import type { Register } from "#protocol/agent.js";
import assert from "node:assert/strict";
import { codec } from "#protocol/codec.js";
import type { Offer } from "#protocol/offer.js";
import { StatusBatch } from "#protocol/status.js";
import { Subjects } from "#protocol/subjects.js";
import type { TaskSpec, TaskState } from "#protocol/task.js";
import { amounts } from "#libs/core/resources.js";
import { SimClock } from "#libs/sim/clock.js";
import { SimDisk } from "#libs/sim/journal.js";
import { SimWorld } from "#libs/sim/world.js";
import type { JournalRecord } from "#services/agent/records.js";
import type { MasterMachine } from "#services/master/machine.js";
import { HostTasks } from "../agent-host.js";
import { Rules } from "./rules.js";

const batches = codec(StatusBatch);
export const agentTimeoutMs = 15_000;

export const spec = (id: string, cpus = 0.1, port = 1): TaskSpec => ({
  id,
  name: "work",
  workload: { kind: "process", command: "work" },
  resources: amounts({ cpus, ports: [[port, port]] }),
});

export const session = { epoch: 1, counter: 1 };
const offered: Offer = {
  agent: "a",
  generation: 1,
  epoch: 1,
  number: 1,
  floor: 1,
  replaces: [],
  framework: "apps",
  session,
  role: "apps",
  resources: amounts({ cpus: 2 }),
  host: "host-a",
  attributes: {},
  executors: [],
};

/** Two hosts of two cores, a server, a master that leads, and nobody else. */
export function watched() {
  const world = new SimWorld({ seed: "rules" });
  const subjects = new Subjects("sim");
  const rules = new Rules({ world, subjects, agents: 20 });
  const clock = new SimClock(world.schedule, { monoAtStart: 0, wallAtStart: 0, fired: () => {} });
  const host = (id: string) => {
    const tasks = new HostTasks({ clock });
    const disk = new SimDisk();
    rules.watch({ id, totals: amounts({ cpus: 2, ports: [[1, 9]] }), tasks, disk });
    return { tasks, disk, starts: (task: TaskSpec) => tasks.start(task, tasks.scriptOf(task)) };
  };
  const [a, b] = [host("a"), host("b")];
  const node = world.node("m1");
  const watch = rules.watchMaster(node);
  const says = (subject: string, message: object, more: { reply?: string; from?: string } = {}) =>
    world.server.publish({ subject, bytes: new TextEncoder().encode(JSON.stringify(message)), ...more });
  const record = (entry: JournalRecord) => a.disk.append([JSON.stringify(entry)]);
  return {
    world,
    rules,
    node,
    a,
    b,
    says,
    record,
    subjects,
    /** What was asked with a reply of this name is answered. */
    answers: (reply: string, message: object, from = "agent-a") => says(reply, message, { from }),
    begins: (generation: number, epoch = 1) => record({ type: "cut", generation, epoch, hostBoot: "x" }),
    /** Asked by `apps-1`, by a process of its own in each epoch, and granted. Gives where the answer goes. */
    accepts: (task: string, offer: Partial<Offer> = {}, by = "apps", asker = session): string => {
      const body = JSON.stringify({ ...offered, ...offer });
      const tasks = [spec(task)];
      const accept = { session: asker, offer: { body, seal: "5".repeat(64) }, tasks, filterMs: 0 };
      const reply = `_INBOX.apps-1.${asker.epoch}.1`;
      says(subjects.launch("a", by, "accept"), accept, { from: "apps-1", reply });
      record({ type: "accepted", framework: by, role: by, session: asker, at: 0, tasks });
      return reply;
    },
    /** An operator wants it, and the agent knows. */
    drains: (deadlineMs?: number) => {
      says(subjects.api("master", "drainAgent"), { agent: "a", deadlineMs });
      const at = world.wallAtStart + world.schedule.now;
      const deadline = deadlineMs === undefined ? {} : { deadlineInMs: deadlineMs };
      record({ type: "drain", number: 1, draining: true, at, ...deadline });
    },
    removes: (framework: string) =>
      says(subjects.removeFramework("a"), { epoch: 1, framework }, { from: "m1" }),
    reports: (number: number, state: TaskState, task = "t"): void => {
      const updates = [{ task, number, state, at: 0 }];
      const batch = { agent: "a", framework: "apps", generation: 1, batch: number, updates };
      world.server.streams.came(subjects.status("apps", "a"), batches.encode(batch));
    },
    leads: (master: string, epoch: number): void =>
      says(subjects.leader, { epoch, master }, { from: master }),
    /** The leader's machine holds this of its agents, and gives these up. */
    books: (used: number, given: number, ...lost: string[]) => {
      const machine = {
        agents: [
          {
            id: "a",
            info: { totals: amounts({ cpus: 2 }) },
            used: amounts({ cpus: used }),
            offered: amounts({ cpus: given }),
          },
        ],
        handle: () => lost.map((about) => ({ type: "publishEvent", event: { type: "unreachable", about } })),
        nextDeadline: () => 0,
      } as unknown as MasterMachine;
      watch(machine).handle({ mono: 0, wall: 0 }, { type: "tick" });
    },
  };
}

export const registration = (generation: number): Register => ({
  info: {
    id: "a",
    host: "host-a",
    version: "1",
    totals: amounts({ cpus: 2 }),
    attributes: {},
    executors: [],
    warnings: [],
  },
  bootId: "boot",
  report: { agent: "a", generation, sequence: 1, epoch: 1, use: [], settled: [], refused: [] },
});

export type Scene = ReturnType<typeof watched>;

/** A test that breaks a rule on purpose, and sees it caught. */
export const breaks = (rule: string, how: string, act: (scene: Scene) => unknown) =>
  it(`${rule} is seen to be broken: ${how}`, async () => {
    const scene = watched();
    await act(scene);
    assert.throws(() => scene.rules.assertKept(), new RegExp(`were broken:\n- at [0-9.]+ ms: ${rule}:.*$`));
  });
