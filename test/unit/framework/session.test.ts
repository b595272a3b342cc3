import assert from "node:assert/strict";
import { refusal } from "#protocol/errors.js";
import { all, idOf, kinds, need, offer, only, Play, registered, spec } from "./play.js";

describe("framework: session with the leader", () => {
  it("subscribes with its needs, and suppressed when it has none", () => {
    const idle = new Play({ failoverTimeoutMs: 60_000 });
    assert.deepEqual(only("subscribe", idle.on({ type: "started" })).message, {
      framework: "fw",
      role: "role",
      name: "Fw",
      needs: [],
      suppressed: true,
      failoverTimeoutMs: 60_000,
    });
    const busy = new Play();
    busy.told.needed = [need];
    const { message } = only("subscribe", busy.on({ type: "started" }));
    assert.deepEqual([message.needs, message.suppressed], [[need], false]);
  });

  it("asks again with growing pauses while nobody leads, and at once when a leader announces itself", () => {
    const play = new Play();
    let { attempt } = only("subscribe", play.on({ type: "started" }));
    const pauses: number[] = [];
    for (let round = 0; round < 7; round++) {
      play.on({ type: "subscribeAnswered", attempt, answer: { ok: false, error: "absent" } });
      const before = play.mono;
      play.mono = play.machine.nextDeadline();
      pauses.push(play.mono - before);
      ({ attempt } = only("subscribe", play.on({ type: "tick" })));
    }
    assert.deepEqual(pauses, [200, 400, 800, 1600, 3200, 5000, 5000]);
    play.on({ type: "subscribeAnswered", attempt, answer: { ok: false, error: "absent" } });
    assert.match(play.machine.waiting().join(), /nobody leads/);
    only("subscribe", play.on({ type: "leaderAnnounced", epoch: 7 }));
  });

  it("renews every renewMs, and goes on when a renewal is not answered", () => {
    const play = new Play();
    play.open();
    const session = only("renew", play.pass(5000)).session;
    play.on({ type: "renewAnswered", session, answer: { ok: false, error: "unknown" } });
    only("renew", play.pass(5000));
    assert.deepEqual(play.machine.waiting(), []);
  });

  it("subscribes again at once when its session is stale, and when a later epoch begins", () => {
    const play = new Play();
    play.open();
    const { session } = only("renew", play.pass(5000));
    const stale = { ok: false as const, error: refusal("stale", "the session is over") };
    const { attempt } = only("subscribe", play.on({ type: "renewAnswered", session, answer: stale }));
    play.subscribed(attempt, [], 2);
    assert.deepEqual(kinds(play.on({ type: "leaderAnnounced", epoch: 7 })), []);
    only("subscribe", play.on({ type: "leaderAnnounced", epoch: 8 }));
  });

  it("does not take the answer to an earlier attempt for a session", () => {
    const play = new Play();
    const first = only("subscribe", play.on({ type: "started" }));
    play.on({ type: "subscribeAnswered", attempt: first.attempt, answer: { ok: false, error: "unknown" } });
    play.pass(200);
    play.subscribed(first.attempt);
    assert.equal(play.machine.waiting().length, 1);
  });

  it("takes what the leader said before the number of the session was known", () => {
    const play = new Play();
    play.told.needed = [need];
    const { attempt } = only("subscribe", play.on({ type: "started" }));
    assert.deepEqual(play.offered(offer("a")), []);
    const effects = play.subscribed(attempt);
    assert.equal(only("answerLeader", effects).taken, true);
    assert.deepEqual(only("decline", effects).offers, [idOf(offer("a"))]);
  });

  it("refuses words to a session that is not its own", () => {
    const play = new Play();
    play.open();
    const effects = play.said({ type: "rescinded", offers: [] }, "6-9");
    assert.equal(only("answerLeader", effects).taken, false);
  });

  it("resigns when somebody newer has subscribed under its id, not when it was itself", () => {
    const play = new Play();
    play.open([], 2);
    assert.deepEqual(
      all("resign", play.said({ type: "superseded", by: { epoch: 7, counter: 2 } }, "7-1")),
      [],
    );
    only("resign", play.said({ type: "superseded", by: { epoch: 7, counter: 3 } }, "7-2"));
  });

  it("with a new session drops offers, reconciles again and repeats kills", () => {
    const play = new Play();
    play.open();
    const task = play.running();
    play.told.killing = [{ task }];
    only("kill", play.on({ type: "woken" }));
    const { attempt } = only("subscribe", play.on({ type: "leaderAnnounced", epoch: 8 }));
    const effects = play.subscribed(attempt, [], 2);
    assert.equal(only("reconcile", effects).agent, "a");
    assert.deepEqual(only("kill", effects).message, { session: { epoch: 7, counter: 2 }, task });
  });
});

describe("framework: no launch before reconciling (F1)", () => {
  it("keeps offers until every agent has answered or is unreachable, then places", () => {
    const play = new Play();
    play.told.needed = [need];
    play.told.placing = ([first], ids) => [{ offer: first!, tasks: [spec(ids.next("t"))] }];
    const asked = all("reconcile", play.open([registered("a"), registered("b"), registered("c")]));
    assert.deepEqual(
      asked.map(({ agent }) => agent),
      ["a", "b", "c"],
    );
    assert.deepEqual(all("storeLaunch", play.offered(offer("a"))), []);
    assert.match(play.machine.waiting().join(), /3 of 3 agents/);
    play.reconciled("a", []);
    play.said({ type: "agent-changed", agent: { agent: "b", state: "unreachable" } });
    only("storeLaunch", play.reconciled("c", []));
    assert.deepEqual(play.machine.waiting(), []);
  });

  it("asks page by page", () => {
    const play = new Play({
      loaded: new Map([["launch.2-1", { agent: "a", host: "h", offer: "o", at: 1, tasks: [spec("t.2-1")] }]]),
    });
    play.open();
    const page = { agent: "a", framework: "fw", role: "role", host: "h" };
    const latest = { task: "s.2-9", number: 1, state: "finished" as const, at: 1 };
    const tasks = [{ ...page, spec: spec("s.2-9"), latest }];
    const value = { ok: true as const, generation: 1, tasks, more: true };
    const next = play.on({ type: "reconcileAnswered", agent: "a", round: 1, answer: { ok: true, value } });
    assert.equal(only("reconcile", next).message.after, "s.2-9");
    assert.deepEqual(play.machine.waiting(), ["1 of 1 agents have not yet said what they run"]);
    play.reconciled("a", []);
    assert.deepEqual(play.machine.waiting(), []);
  });

  it("asks the leader about an agent that does not answer; an agent it does not know is unreachable", () => {
    const play = new Play();
    play.open([registered("a")]);
    const effects = play.unanswered("a");
    const { session, agents } = only("askAgents", effects);
    assert.deepEqual(agents, ["a"]);
    only("reconcile", play.pass(500));
    play.on({ type: "agentsAnswered", session, asked: agents, answer: { ok: true, value: { agents: [] } } });
    assert.deepEqual(play.machine.waiting(), []);
  });

  it("asks 64 agents at a time, and the next ones also when those asked turn out to be unreachable", () => {
    const play = new Play();
    const agents = Array.from({ length: 100 }, (_, index) => registered(`a${index}`));
    const first = all("reconcile", play.open(agents));
    assert.equal(first.length, 64);
    const next = first.flatMap(({ agent }) =>
      all("reconcile", play.said({ type: "agent-changed", agent: { agent, state: "unreachable" } })),
    );
    assert.equal(next.length, 36);
    for (const { agent, round } of next) play.reconciled(agent, [], round);
    assert.deepEqual(play.machine.waiting(), []);
  });

  it("does not take what a former leader said about agents for the present one's word", () => {
    const play = new Play();
    play.open([registered("a")]);
    const effects = play.unanswered("a");
    const { session, agents } = only("askAgents", effects);
    const { attempt } = only("subscribe", play.on({ type: "leaderAnnounced", epoch: 8 }));
    play.subscribed(attempt, [registered("a")], 2);
    play.on({ type: "agentsAnswered", session, asked: agents, answer: { ok: true, value: { agents: [] } } });
    assert.equal(play.machine.waiting().length, 1);
  });

  it("does not take an agent's answer to the former session for one to the present session", () => {
    const play = new Play();
    play.open();
    const { task } = play.launched();
    play.told.news();
    const { attempt } = only("subscribe", play.on({ type: "leaderAnnounced", epoch: 8 }));
    const first = only("reconcile", play.subscribed(attempt, [], 2));
    const again = only("subscribe", play.on({ type: "leaderAnnounced", epoch: 9 }));
    play.reconciled("a", [], first.round);
    assert.deepEqual(play.told.news(), []);
    play.subscribed(again.attempt, [], 3);
    play.reconciled("a", [], first.round);
    assert.deepEqual(play.told.news(), []);
    play.reconciled("a", [], first.round + 1);
    assert.deepEqual(play.told.news(), [`${task} lost`]);
  });

  it("waits for all pages of the agents that the leader names, and asks again for one that is not answered", () => {
    const play = new Play();
    play.told.needed = [need];
    play.told.placing = ([first], ids) => [{ offer: first!, tasks: [spec(ids.next("t"))] }];
    const opened = play.open([registered("a"), registered("b")], 1, true);
    const { session, after } = only("askAgentsAfter", opened);
    assert.equal(after, "b");
    play.reconciled("a", []);
    play.reconciled("b", []);
    assert.deepEqual(play.machine.waiting(), [
      "the leader has not yet named all agents with something of ours",
    ]);
    play.offered(offer("a"));
    play.on({ type: "agentsAfterAnswered", session, answer: { ok: false, error: "unknown" } });
    assert.equal(only("askAgentsAfter", play.pass(1000)).after, "b");
    const page = (agents: ReturnType<typeof registered>[], more: boolean) =>
      play.on({ type: "agentsAfterAnswered", session, answer: { ok: true, value: { agents, more } } });
    const next = page([registered("c"), { agent: "d", state: "unreachable" }], true);
    assert.equal(only("askAgentsAfter", next).after, "d");
    assert.equal(only("reconcile", next).agent, "c");
    page([registered("e")], false);
    play.reconciled("c", []);
    assert.match(play.machine.waiting().join(), /^1 of 5 agents/);
    only("storeLaunch", play.reconciled("e", []));
  });

  it("asks by name for agents of its own tasks only when the leader has named all that it knows", () => {
    const play = new Play({
      loaded: new Map([["launch.2-1", { agent: "x", host: "h", offer: "o", at: 1, tasks: [spec("t.2-1")] }]]),
    });
    const { session } = only("askAgentsAfter", play.open([registered("a")], 1, true));
    assert.deepEqual(all("askAgents", play.pass(2000)), []);
    const answer = { ok: true as const, value: { agents: [registered("b")], more: false } };
    assert.deepEqual(only("askAgents", play.on({ type: "agentsAfterAnswered", session, answer })).agents, [
      "x",
    ]);
  });
});

describe("framework: words of the leader about agents that were lost", () => {
  const running = (): Play => {
    const play = new Play();
    play.open([registered("a"), registered("b")]);
    play.reconciled("b", []);
    play.reconciled("a", []);
    play.running();
    return play;
  };
  const lost = { agent: "a", state: "unreachable" as const };

  it("are noticed with the next renewal: it asks about its agents, and takes the answer", () => {
    const play = running();
    const { session } = only("renew", play.pass(5000));
    const { agents } = only(
      "askAgents",
      play.on({ type: "renewAnswered", session, answer: { ok: true, value: 1 } }),
    );
    assert.deepEqual(agents, ["a", "b"]);
    const value = { agents: [lost, registered("b")] };
    play.on({ type: "agentsAnswered", session, asked: agents, answer: { ok: true, value } });
    assert.notEqual(play.told.changes.at(-1)?.unreachableSince, undefined);
    only("renew", play.pass(5000));
    const again = play.on({ type: "renewAnswered", session, answer: { ok: true, value: 1 } });
    assert.deepEqual(kinds(again), []);
  });

  it("are noticed with the next word", () => {
    const play = running();
    assert.deepEqual(all("askAgents", play.said({ type: "agent-changed", agent: lost, change: 1 })), []);
    play.pass(2000);
    const third = play.said({ type: "agent-changed", agent: registered("b"), change: 3 });
    assert.deepEqual(only("askAgents", third).agents, ["a", "b"]);
  });

  it("are none when all were heard, and a new session begins to count anew", () => {
    const play = running();
    play.said({ type: "agent-changed", agent: lost, change: 1 });
    const { session } = only("renew", play.pass(5000));
    assert.deepEqual(kinds(play.on({ type: "renewAnswered", session, answer: { ok: true, value: 1 } })), []);
    const { attempt } = only("subscribe", play.on({ type: "leaderAnnounced", epoch: 8 }));
    play.subscribed(attempt, [lost, registered("b")], 2);
    assert.deepEqual(
      all("askAgents", play.said({ type: "agent-changed", agent: lost, change: 1 }, "7-2")),
      [],
    );
  });
});
