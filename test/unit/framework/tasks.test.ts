import assert from "node:assert/strict";
import { all, kinds, need, offer, only, Play, registered, status, update } from "./play.js";

describe("framework: updates", () => {
  it("only a higher number and a step forward count (R4)", () => {
    const play = new Play();
    play.open();
    const task = play.running();
    const apply = (number: number, state: Parameters<typeof update>[2]) => {
      play.on({ type: "updated", delivery: 10 + number, agent: "a", updates: [update(task, number, state)] });
      return play.told.news();
    };
    assert.deepEqual(apply(1, "killing"), []);
    assert.deepEqual(apply(2, "starting"), []);
    assert.deepEqual(apply(3, "running"), [`${task} running`]);
    assert.deepEqual(apply(5, "finished"), [`${task} finished`]);
    assert.deepEqual(apply(6, "failed"), []);
  });

  it("the agent must be the one of the task", () => {
    const play = new Play();
    play.open();
    const task = play.running();
    const effects = play.on({
      type: "updated",
      delivery: 2,
      agent: "b",
      updates: [update(task, 9, "failed")],
    });
    assert.deepEqual(play.told.news(), []);
    assert.deepEqual(only("acknowledge", effects).deliveries, [2]);
  });

  it("are acknowledged when all that the service holds of them is stored (F4), also when they come again meanwhile", () => {
    const play = new Play();
    play.open();
    const task = play.running();
    play.told.holds = true;
    const batch = {
      type: "updated",
      delivery: 5,
      agent: "a",
      updates: [update(task, 2, "killing"), update(task, 3, "killed")],
    } as const;
    assert.deepEqual(kinds(play.on(batch)), []);
    const [first, last] = play.told.changes.map(({ change }) => change);
    assert.deepEqual(kinds(play.on(batch)), []);
    assert.deepEqual(kinds(play.on({ type: "released", tasks: [{ task, change: first! }] })), []);
    assert.equal(play.machine.tasks.get(task)?.phase, "killed");
    const effects = play.on({ type: "released", tasks: [{ task, change: last! }] });
    assert.deepEqual(kinds(effects), ["removeLaunch", "acknowledge"]);
    assert.deepEqual(kinds(play.on(batch)), ["acknowledge"]);
  });

  it("of a stream that was made anew are asked for; its numbers do not release those of the former", () => {
    const play = new Play();
    play.open();
    const task = play.running();
    play.on({ type: "streamSeen", madeAt: 1 });
    play.told.holds = true;
    play.on({ type: "updated", delivery: 2, agent: "a", updates: [update(task, 2, "running")] });
    const held = play.told.changes.at(-1)!.change;
    assert.equal(only("reconcile", play.on({ type: "streamSeen", madeAt: 2 })).agent, "a");
    play.on({ type: "updated", delivery: 2, agent: "a", updates: [update(task, 3, "running")] });
    assert.deepEqual(kinds(play.on({ type: "released", tasks: [{ task, change: held }] })), []);
    const effects = play.on({ type: "released", tasks: [{ task, change: held + 1 }] });
    assert.deepEqual(only("acknowledge", effects).deliveries, [2]);
  });

  it("remember when the task first ran", () => {
    const play = new Play();
    play.open();
    const task = play.running();
    play.on({ type: "updated", delivery: 2, agent: "a", updates: [update(task, 2, "running")] });
    assert.equal(play.machine.tasks.get(task)!.startedAt, 1001);
  });
});

describe("framework: kills", () => {
  it("are repeated until the task has ended, with pauses", () => {
    const play = new Play();
    play.open();
    const task = play.running();
    play.told.killing = [{ task, graceMs: 1000 }];
    const { message } = only("kill", play.on({ type: "woken" }));
    assert.deepEqual(message, { session: { epoch: 7, counter: 1 }, task, graceMs: 1000 });
    assert.deepEqual(all("kill", play.on({ type: "woken" })), []);
    const { session } = message;
    play.on({ type: "killAnswered", task, session, answer: { ok: false, error: "unknown" } });
    only("kill", play.pass(500));
    play.on({ type: "killAnswered", task, session, answer: { ok: true, value: { ok: true, known: true } } });
    // The grace of 1 s, then 5 s for the end to be known.
    assert.deepEqual(all("kill", play.pass(5999)), []);
    only("kill", play.pass(1));
    play.on({ type: "updated", delivery: 2, agent: "a", updates: [update(task, 2, "killed")] });
    play.told.killing = [];
    assert.deepEqual(all("kill", play.pass(100_000)), []);
  });

  it("pass on a shorter grace", () => {
    const play = new Play();
    play.open();
    const task = play.running();
    play.told.killing = [{ task }];
    const { session } = only("kill", play.on({ type: "woken" })).message;
    play.on({ type: "killAnswered", task, session, answer: { ok: true, value: { ok: true, known: true } } });
    play.told.killing = [{ task, graceMs: 0 }];
    assert.equal(only("kill", play.on({ type: "woken" })).message.graceMs, 0);
  });

  it("of a task that its agent does not know end it: lost when it was there, killed when it was being launched", () => {
    const unknown = { ok: true, value: { ok: true, known: false } } as const;
    const there = new Play();
    there.open();
    const task = there.running();
    there.told.killing = [{ task }];
    const { session } = only("kill", there.on({ type: "woken" })).message;
    there.on({ type: "killAnswered", task, session, answer: unknown });
    assert.deepEqual(there.told.news(), [`${task} lost`]);

    const coming = new Play();
    coming.open();
    const { task: young } = coming.launched();
    coming.told.news();
    coming.told.killing = [{ task: young }];
    coming.on({ type: "woken" });
    coming.on({ type: "killAnswered", task: young, session, answer: unknown });
    assert.deepEqual(coming.told.news(), [`${young} killed`]);
  });

  it("of a task that was not sent yet send nothing, and give its offer back", () => {
    const play = new Play();
    play.open();
    const { launch } = play.storing();
    play.told.news();
    play.told.killing = [{ task: "t.3-1" }];
    const effects = play.on({ type: "woken" });
    assert.deepEqual(kinds(effects), ["removeLaunch", "decline"]);
    assert.deepEqual(play.told.news(), ["t.3-1 killed"]);
    assert.deepEqual(kinds(play.on({ type: "launchStored", launch })), []);
  });

  it("wait for an unreachable agent, and go out when it is back", () => {
    const play = new Play();
    play.open();
    const task = play.running();
    play.said({ type: "agent-changed", agent: { agent: "a", state: "unreachable" } });
    assert.equal(play.told.changes[0]!.unreachableSince, play.mono);
    play.told.killing = [{ task }];
    assert.deepEqual(all("kill", [...play.on({ type: "woken" }), ...play.pass(20_000)]), []);
    play.told.news();
    const effects = play.said({ type: "agent-changed", agent: { agent: "a", state: "registered" } });
    only("kill", effects);
    only("reconcile", effects);
    assert.equal(play.told.changes[0]!.unreachableSince, undefined);
  });
});

describe("framework: what agents say that they run", () => {
  const found = (statuses: Parameters<Play["reconciled"]>[1], play = new Play()) => {
    play.open([registered("a")]);
    play.told.news();
    return { play, effects: play.reconciled("a", statuses) };
  };

  it("an unknown task of our bucket is left alone, and said", () => {
    const { play, effects } = found([status("t.2-9", "running")]);
    assert.deepEqual(kinds(effects), []);
    assert.match(only("say", effects).message, /not in the store/);
    assert.deepEqual(play.told.news(), []);
  });

  it("a task of another bucket is adopted and stored: ours was lost", () => {
    const { play, effects } = found([
      status("t.2-8", "running", { bucket: "lost", data: "web" }),
      status("t.2-9", "failed", { bucket: "lost" }),
    ]);
    const { record } = only("storeLaunch", effects);
    assert.deepEqual(
      record.tasks.map(({ id, data }) => [id, data]),
      [["t.2-8", "web"]],
    );
    assert.deepEqual(play.told.news(), ["t.2-8 launching", "t.2-8 running"]);
    play.told.killing = [{ task: "t.2-8" }];
    only("kill", play.on({ type: "woken" }));
  });

  it("a task id of a later term means that all data were lost: stand again above it", () => {
    assert.equal(only("resign", found([status("t.9-1", "running", { bucket: "lost" })]).effects).epoch, 9);
    assert.equal(only("resign", found([status("t.3-1", "running", { bucket: "lost" })]).effects).epoch, 4);
  });

  it("a task that was lost with a gone agent is killed when it turns up, until its agent has it no more (F5)", () => {
    const play = new Play();
    play.open();
    const task = play.running();
    const gone = play.said({ type: "agent-changed", agent: { agent: "a", state: "gone" } });
    assert.deepEqual(play.told.news(), [`${task} lost`]);
    const { launch, record } = only("storeLaunch", gone);
    assert.deepEqual(record.deleted, [task]);

    const next = new Play({ epoch: 4, loaded: new Map([[launch, record]]) });
    assert.equal(only("reconcile", next.open()).agent, "a");
    assert.deepEqual(next.told.news(), []);
    const effects = next.reconciled("a", [status(task, "running")]);
    assert.equal(only("kill", effects).message.task, task);
    const { round } = only("reconcile", next.on({ type: "reconnected" }));
    const over = next.reconciled("a", [status(task, "killed", {}, 2)], round);
    assert.equal(only("removeLaunch", over).launch, launch);
  });

  it("an agent that was gone and comes back is asked at once, and what was given up there is killed", () => {
    const play = new Play();
    play.open();
    const task = play.running();
    play.said({ type: "agent-changed", agent: { agent: "a", state: "gone" } });
    const back = play.said({ type: "agent-changed", agent: { agent: "a", state: "registered" } });
    const { round } = only("reconcile", back);
    const effects = play.reconciled("a", [status(task, "running")], round);
    assert.equal(only("kill", effects).message.task, task);
  });

  it("everybody with tasks is asked every five minutes, and nobody without", () => {
    const play = new Play();
    play.open();
    const task = play.running();
    const { round } = only("reconcile", play.pass(360_000));
    play.reconciled("a", [status(task, "finished", {}, 2)], round);
    assert.deepEqual(play.told.news(), [`${task} finished`]);
    assert.deepEqual(all("reconcile", play.pass(720_000)), []);
  });

  it("a launch that is under way while its agent is asked is not lost", () => {
    const play = new Play();
    play.open();
    play.running();
    play.told.needed = [need];
    const { launch } = only("storeLaunch", play.offered(offer("a", 2)));
    play.on({ type: "launchStored", launch });
    play.told.news();
    const { round } = only("reconcile", play.on({ type: "reconnected" }));
    play.reconciled("a", [status("t.3-1", "running")], round);
    assert.deepEqual(play.told.news(), []);
  });
});
