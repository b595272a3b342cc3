import type { Random } from "#libs/ports/random.js";
import assert from "node:assert/strict";
import { agentTimeoutMs, breaks, registration, session, spec, watched } from "./scene.js";

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
});
