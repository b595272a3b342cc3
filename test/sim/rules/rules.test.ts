import type { Register } from "#protocol/agent.js";
import type { Random } from "#libs/ports/random.js";
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
const agentTimeoutMs = 15_000;

const spec = (id: string, cpus = 0.1, port = 1): TaskSpec => ({
  id,
  name: "work",
  workload: { kind: "process", command: "work" },
  resources: amounts({ cpus, ports: [[port, port]] }),
});

const session = { epoch: 1, counter: 1 };
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
function watched() {
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

const registration = (generation: number): Register => ({
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

type Scene = ReturnType<typeof watched>;

const breaks = (rule: string, how: string, act: (scene: Scene) => unknown) =>
  it(`${rule} is seen to be broken: ${how}`, async () => {
    const scene = watched();
    await act(scene);
    assert.throws(() => scene.rules.assertKept(), new RegExp(`were broken:\n- at [0-9.]+ ms: ${rule}:.*$`));
  });

describe("simulation: the rules", () => {
  it("are kept by a decent run", () => {
    const { rules, a, b, reports, leads, begins, accepts, books, says, answers, subjects } = watched();
    begins(1);
    accepts("one");
    accepts("two", { number: 2 });
    a.starts(spec("one", 1, 1));
    a.starts(spec("two", 1, 2));
    b.starts(spec("three", 2, 1));
    for (const [number, state] of [
      [1, "staging"],
      [2, "running"],
      [2, "running"],
      [1, "staging"],
      [3, "killed"],
    ] as const)
      reports(number, state);
    leads("m1", 1);
    leads("m1", 1);
    leads("m2", 2);
    books(1, 1);
    says(subjects.launch("a", "apps", "kill"), { session, task: "one" });
    a.tasks.signal("one", true);
    says(subjects.launch("a", "apps", "reconcile"), { session }, { reply: "_INBOX.apps-1.1.1" });
    answers("_INBOX.apps-1.1.1", { ok: true, generation: 1, tasks: [], more: false });
    accepts("three", { number: 3 });
    says(subjects.rescind("a"), { epoch: 2, generation: 1 }, { from: "m2", reply: "_INBOX.m2.1.1" });
    answers("_INBOX.m2.1.1", { ok: true, report: { agent: "a", epoch: 2 } });
    rules.assertKept();
    assert.equal(rules.stateOf("t"), "killed");
  });

  breaks("R1", "more cores than there are", ({ a }) => {
    a.starts(spec("one", 1.5, 1));
    a.starts(spec("two", 1, 2));
  });
  breaks("R1", "a port twice", ({ a }) => {
    a.starts(spec("one", 1, 1));
    a.starts(spec("two", 1, 1));
  });
  breaks("R1", "more in the leader's books than there is", ({ books }) => books(1.5, 1));

  const noChance = { fraction: () => 0 } as Random;
  it("are kept when a generation that nobody was shown goes with the power and begins again", () => {
    const { rules, a, begins } = watched();
    begins(1);
    a.disk.losePower(noChance);
    begins(1);
    rules.assertKept();
  });
  breaks("R2", "a generation that was shown goes with the power", ({ a, begins, says, subjects }) => {
    begins(1);
    says(subjects.register("a"), registration(1));
    a.disk.losePower(noChance);
    begins(1);
  });
  breaks("R2", "an offer used twice", ({ begins, accepts }) => {
    begins(1);
    accepts("one");
    accepts("two");
  });
  breaks("R2", "an offer of an earlier generation", ({ begins, accepts }) => {
    begins(2);
    accepts("one");
  });
  breaks("R2", "an offer of an earlier epoch", ({ begins, accepts }) => {
    begins(1, 2);
    accepts("one");
  });
  breaks("R2", "another session's offer", ({ begins, accepts }) => {
    begins(1);
    accepts("one", { session: { epoch: 1, counter: 2 } });
  });
  breaks("R2", "another framework's offer", ({ begins, accepts }) => {
    begins(1);
    accepts("one", {}, "jobs");
  });
  breaks("R2", "another agent's offer", ({ begins, accepts }) => {
    begins(1);
    accepts("one", { agent: "b" });
  });
  breaks("R2", "a task that nobody asked for", ({ begins, record }) => {
    begins(1);
    record({ type: "accepted", framework: "apps", role: "apps", session, at: 0, tasks: [spec("one")] });
  });
  breaks("R2", "a generation that begins twice", ({ begins }) => {
    begins(2);
    begins(2);
  });

  breaks("R2", "a session that was fenced off", ({ begins, accepts, says, answers, subjects }) => {
    begins(1);
    const reply = "_INBOX.apps-2.1.1";
    const later = { epoch: 1, counter: 2 };
    says(subjects.launch("a", "apps", "reconcile"), { session: later }, { reply, from: "apps-2" });
    answers(reply, { ok: true, generation: 1, tasks: [], more: false });
    accepts("one");
  });
  breaks("R2", "a session before one that has launched here", ({ begins, accepts }) => {
    begins(1);
    const later = { epoch: 2, counter: 1 };
    accepts("one", { session: later, number: 2 }, "apps", later);
    accepts("two");
  });

  breaks("R3", "a task starts again here", ({ a }) => {
    a.starts(spec("one", 0.1, 1));
    a.tasks.end("one", { exitCode: 0, reason: "exited" });
    a.starts(spec("one", 0.1, 1));
  });
  /** The agent answers the accept of one task, again and again. */
  const answersAgain =
    (...each: readonly { readonly ok: boolean; readonly words?: string; readonly generation?: number }[]) =>
    ({ begins, accepts, answers }: Pick<Scene, "begins" | "accepts" | "answers">) => {
      begins(1);
      const reply = accepts("one");
      for (const { ok, words = "", generation = 1 } of each) {
        const answer = ok ? { task: "one", ok } : { task: "one", ok, error: { code: "x", message: words } };
        answers(reply, { agent: "a", generation, answers: [answer] });
      }
    };
  breaks("R3", "yes, then no", answersAgain({ ok: true }, { ok: false }));
  breaks("R3", "no, then yes", answersAgain({ ok: false }, { ok: true, generation: 2 }));
  breaks("R3", "no, then in other words", answersAgain({ ok: false, words: "b" }, { ok: false, words: "c" }));
  it("R3 is kept by the same again, by other words in another generation, by a no when nothing is left", () => {
    const scene = watched();
    answersAgain({ ok: true }, { ok: true, generation: 2 })(scene);
    scene.record({ type: "collected", tasks: ["one"] });
    answersAgain({ ok: false })({ ...scene, begins: () => {}, accepts: () => "_INBOX.apps-1.1.1" });
    scene.rules.assertKept();
    const other = watched();
    answersAgain({ ok: false, words: "b" }, { ok: false, words: "c", generation: 2 })(other);
    other.rules.assertKept();
  });
  breaks("R3", "a task starts here and there", ({ a, b }) => {
    a.starts(spec("one", 1, 1));
    b.starts(spec("one", 1, 1));
  });

  breaks("R4", "a task runs after its end", ({ reports }) => {
    reports(1, "finished");
    reports(2, "running");
  });
  breaks("R4", "one number means two updates", ({ reports }) => {
    reports(1, "running");
    reports(1, "failed");
  });

  breaks("R5", "an update comes after a later one", ({ reports }) => {
    reports(4, "running");
    reports(3, "starting");
  });
  it("R5: what was recorded and not told is found at the end, but for what a disk has lost", () => {
    const { rules, record, reports, a } = watched();
    for (const [task, number] of [
      ["t", 3],
      ["u", 3],
    ] as const)
      record({ type: "updated", update: { task, number, state: "running", at: 0 } });
    reports(3, "running");
    assert.deepEqual(
      rules.untold("a").map(({ task }) => task),
      ["u"],
    );
    a.disk.losePower({ fraction: () => 0.4, token: () => "" });
    assert.deepEqual(rules.untold("a"), []);
  });

  breaks("R6", "two masters announce one epoch", ({ leads }) => {
    leads("m1", 3);
    leads("m2", 3);
  });
  breaks("R6", "two masters order in one epoch", ({ leads, says, subjects }) => {
    leads("m1", 3);
    says(subjects.frameworkEvent("apps", session), { type: "offers", epoch: 3, offers: [] }, { from: "m2" });
  });
  breaks("R6", "an agent obeys a master who was replaced, and knows of it", ({ says, subjects }) => {
    const reply = "_INBOX.m1.1.7";
    says(subjects.rescind("a"), { epoch: 3, generation: 1, offers: [], floor: 1 }, { from: "m1", reply });
    says(reply, { ok: true, report: { agent: "a", epoch: 4 } }, { from: "agent-a" });
  });

  for (const verb of ["drain", "removeFramework"] as const)
    breaks("R6", `an agent's disk knows of a later epoch: ${verb}`, ({ begins, says, answers, subjects }) => {
      begins(1, 4);
      says(subjects[verb]("a"), { epoch: 3, framework: "jobs" }, { from: "m1", reply: "_INBOX.m1.1.7" });
      answers("_INBOX.m1.1.7", { ok: true });
    });
  it("R6 is kept when the order was on its way before the agent knew of a later epoch, and when it is refused", () => {
    const { rules, begins, says, answers, subjects } = watched();
    const order = { epoch: 3, order: { number: 1, draining: true } };
    says(subjects.drain("a"), order, { from: "m1", reply: "_INBOX.m1.1.7" });
    begins(1, 4);
    answers("_INBOX.m1.1.7", { ok: true });
    says(subjects.drain("a"), order, { from: "m1", reply: "_INBOX.m1.1.8" });
    answers("_INBOX.m1.1.8", { ok: false, error: { code: "stale", message: "it is over" } });
    rules.assertKept();
  });
  breaks("R6", "a framework takes the word of an older master", ({ says, answers, subjects }) => {
    const later = { epoch: 4, counter: 1 };
    says(
      subjects.master("apps", "renew"),
      { session: later },
      { from: "apps-1", reply: "_INBOX.apps-1.1.1" },
    );
    const word = { type: "offers", epoch: 3, offers: [] };
    says(subjects.frameworkEvent("apps", session), word, { from: "m1", reply: "_INBOX.m1.1.7" });
    answers("_INBOX.m1.1.7", { ok: true }, "apps-1");
  });
  breaks("R6", "a framework goes back to the session of an older master", ({ says, subjects }) => {
    for (const epoch of [4, 3])
      says(
        subjects.master("apps", "renew"),
        { session: { epoch, counter: 1 } },
        { from: "apps-1", reply: "_INBOX.apps-1.1.1" },
      );
  });
  it("R6 is kept by a new process, and by one that had not yet heard of the later epoch", () => {
    const { rules, says, answers, subjects } = watched();
    const renews = (epoch: number, life: number) =>
      says(
        subjects.master("apps", "renew"),
        { session: { epoch, counter: 1 } },
        { from: "apps-1", reply: `_INBOX.apps-1.${life}.1` },
      );
    renews(2, 1);
    says(
      subjects.frameworkEvent("apps", session),
      { type: "offers", epoch: 2, offers: [] },
      { from: "m1", reply: "_INBOX.m1.1.7" },
    );
    renews(4, 1);
    answers("_INBOX.m1.1.7", { ok: true }, "apps-1");
    renews(3, 2);
    rules.assertKept();
  });

  breaks("R7", "an agent is given up by who was connected a moment ago", async ({ world, node, books }) => {
    await world.runFor(60_000);
    world.serverDies();
    await world.runFor(1000);
    world.serverReturns();
    await world.runFor(agentTimeoutMs - 1000);
    assert.ok(node.link.isConnected);
    books(0, 0, "a");
  });
  breaks("R7", "more agents than may go within a minute", async ({ world, books }) => {
    // A tenth of 20.
    books(0, 0);
    await world.runFor(60_000);
    books(0, 0, "a", "b", "c");
  });

  breaks("R8", "a task is ended that nobody wanted to end", ({ a }) => {
    a.starts(spec("one"));
    a.tasks.signal("one", false);
  });
  breaks("R8", "a kill was for a task of that name elsewhere", ({ a, says, subjects }) => {
    a.starts(spec("one"));
    says(subjects.launch("b", "apps", "kill"), { session, task: "one" });
    a.tasks.signal("one", false);
  });
  breaks("R8", "another framework was removed", ({ a, begins, accepts, removes }) => {
    begins(1);
    accepts("one");
    a.starts(spec("one"));
    removes("jobs");
    a.tasks.signal("one", false);
  });
  breaks("R8", "the deadline of the drain has not passed", async ({ world, a, begins, accepts, drains }) => {
    begins(1);
    accepts("one");
    a.starts(spec("one"));
    drains(5000);
    await world.runFor(4900);
    a.tasks.signal("one", false);
  });
  breaks("R8", "the drain has no deadline", ({ a, begins, accepts, drains }) => {
    begins(1);
    accepts("one");
    a.starts(spec("one"));
    drains();
    a.tasks.signal("one", false);
  });
  breaks("R8", "an agent drains itself", ({ a, begins, accepts, record }) => {
    begins(1);
    accepts("one");
    a.starts(spec("one"));
    record({ type: "drain", number: 1, draining: true, at: 0, deadlineInMs: 0 });
    a.tasks.signal("one", false);
  });
  breaks("R8", "the task came when the drain was over", ({ a, begins, accepts, drains, record }) => {
    begins(1);
    drains(0);
    record({ type: "drain", number: 2, draining: false, at: 0 });
    accepts("one");
    a.starts(spec("one"));
    a.tasks.signal("one", false);
  });
  it("R8 is kept by a drain when its deadline has passed, and by the removal of the framework", async () => {
    for (const end of ["drain", "removal"]) {
      const { rules, world, a, begins, accepts, drains, removes } = watched();
      begins(1);
      accepts("one");
      a.starts(spec("one"));
      if (end === "removal") removes("apps");
      else drains(5000);
      await world.runFor(5000);
      a.tasks.signal("one", false);
      rules.assertKept();
    }
  });
});
