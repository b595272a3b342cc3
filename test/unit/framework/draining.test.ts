import assert from "node:assert/strict";
import type { AgentStanding } from "#protocol/framework.js";
import { all, need, offer, only, Play, registered, spec, status } from "./play.js";

const draining = (agent: string, deadlineAt?: number): AgentStanding => ({
  agent,
  state: "registered",
  draining: deadlineAt === undefined ? {} : { deadlineAt },
});

const changed = (play: Play, agent: AgentStanding, change = 1) =>
  play.said({ type: "agent-changed", agent, change });

/** What the scheduler heard of the task's drain since it was asked last. */
const heard = (play: Play): unknown[] => play.told.changes.splice(0).map((task) => task.draining);

describe("framework: an agent that is drained", () => {
  it("is told with each of its tasks, with the deadline; once, and when it ends", () => {
    const play = new Play();
    play.open();
    play.running();
    changed(play, draining("a", 99), 1);
    assert.deepEqual(heard(play), [{ deadlineAt: 99 }]);
    changed(play, draining("a", 99), 2);
    assert.deepEqual(heard(play), []);
    changed(play, draining("a"), 3);
    assert.deepEqual(heard(play), [{}]);
    changed(play, registered("a"), 4);
    assert.deepEqual(heard(play), [undefined]);
    changed(play, draining("b"), 5);
    assert.deepEqual(heard(play), []);
  });

  it("takes its offers with it", () => {
    const play = new Play();
    play.told.needed = [need];
    play.open([registered("b")]);
    play.offered(offer("a"));
    changed(play, registered("a"), 1);
    // Not settled yet (b has not answered), so the offer is held, until its agent drains.
    play.said({ type: "agent-changed", agent: draining("a"), change: 2 });
    play.told.placing = (offers) => {
      assert.deepEqual(offers, []);
      return [];
    };
    play.reconciled("b", []);
  });

  it("is known to a term that takes over: the leader says it with the subscription", () => {
    const before = new Play();
    before.open();
    const { launch, record } = before.storing();
    const play = new Play({ loaded: new Map([[launch, record]]), epoch: 4 });
    play.open([draining("a", 7)]);
    assert.deepEqual(heard(play).at(-1), { deadlineAt: 7 });
  });

  it("is noticed when the word of it was lost: the next renewal counts it, and the leader is asked", () => {
    const play = new Play();
    play.open();
    play.running();
    const renew = only("renew", play.pass(5000));
    const effects = play.on({
      type: "renewAnswered",
      session: renew.session,
      answer: { ok: true, value: 1 },
    });
    const { agents } = only("askAgents", effects);
    play.on({
      type: "agentsAnswered",
      session: renew.session,
      asked: agents,
      answer: { ok: true, value: { agents: [draining("a", 5)] } },
    });
    assert.deepEqual(heard(play), [{ deadlineAt: 5 }]);
  });

  it("goes by a word that came before an older answer: it asks again instead", () => {
    const play = new Play();
    play.open();
    play.running();
    changed(play, draining("a", 5), 1);
    const renew = only("renew", play.pass(5000));
    const doubts = play.on({
      type: "renewAnswered",
      session: renew.session,
      answer: { ok: true, value: 2 },
    });
    const { session, agents } = only("askAgents", doubts);
    changed(play, { agent: "a", state: "registered" }, 3);
    const answered = (changes: number) => {
      const value = { agents: [draining("a", 5)], changes };
      return play.on({ type: "agentsAnswered", session, asked: agents, answer: { ok: true, value } });
    };
    answered(2);
    assert.deepEqual(heard(play).at(-1), undefined);
    assert.deepEqual(only("askAgents", play.pass(1000)).agents, agents);
    answered(3);
    assert.deepEqual(heard(play).at(-1), { deadlineAt: 5 });
  });

  it("marks what still comes to it: an accept that was faster than the word of it, or an adopted task", () => {
    const play = new Play();
    play.open();
    play.launched();
    assert.deepEqual(heard(play), [undefined]);
    changed(play, draining("a"), 1);
    assert.deepEqual(heard(play), [{}]);
    play.reconciled("a", [status("other.1-1", "running", { bucket: "bucket-0" })]);
    const adopted = play.told.changes.splice(0).filter((task) => task.spec.id === "other.1-1");
    assert.ok(adopted.length > 0);
    for (const task of adopted) assert.deepEqual(task.draining, {});
  });

  it("is forgotten with the session, where nothing of ours is left: it may have been activated meanwhile", () => {
    const play = new Play();
    play.open();
    const task = play.running();
    changed(play, draining("a"), 1);
    const ended = { task, number: 9, state: "finished", at: 1 } as const;
    play.on({ type: "updated", delivery: 9, agent: "a", updates: [ended] });
    const [subscribe] = all("subscribe", [
      ...play.on({ type: "leaderAnnounced", epoch: 8 }),
      ...play.pass(1000),
    ]);
    play.subscribed(subscribe!.attempt, [], 2);
    play.reconciled("a", [], 2);
    play.reconciled("a", [], 3);
    play.told.changes.splice(0);
    play.told.needed = [need];
    play.told.placing = ([first], ids) => [{ offer: first!, tasks: [spec(ids.next("t"))] }];
    play.said({ type: "offers", offers: [offer("a", 1, { session: { epoch: 7, counter: 2 } })] }, "7-2");
    assert.deepEqual(heard(play), [undefined]);
  });
});
