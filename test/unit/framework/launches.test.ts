import assert from "node:assert/strict";
import { refusal } from "#protocol/errors.js";
import { all, idOf, kinds, need, offer, only, Play, registered, spec, status, update } from "./play.js";

describe("framework: launching", () => {
  it("stores ids, specs and the bucket's identity before the accept is sent (F2)", () => {
    const play = new Play();
    play.open();
    play.told.needed = [need];
    play.told.placing = ([first], ids) => [
      { offer: first!, tasks: [spec(ids.next("web"), { bucket: "another" })] },
    ];
    const placed = play.offered(offer("a"));
    const { launch, record } = only("storeLaunch", placed);
    assert.equal(launch, "launch.3-1");
    assert.deepEqual(record, {
      agent: "a",
      host: "host-a",
      offer: "7.1@a",
      at: 1_001_000,
      tasks: [spec("web.3-1")],
    });
    assert.deepEqual(all("accept", placed), []);
    assert.deepEqual(only("accept", play.on({ type: "launchStored", launch })).message, {
      session: { epoch: 7, counter: 1 },
      offer: offer("a").sealed,
      tasks: [spec("web.3-1")],
      filterMs: 0,
    });
    assert.deepEqual(play.told.news(), ["web.3-1 launching"]);
  });

  it("refuses what an accept leaves of its offer only when nothing more is wanted: the next launch may need it", () => {
    const play = new Play();
    play.open();
    play.told.needed = [need];
    play.told.placing = ([first], ids) => [{ offer: first!, tasks: [spec(ids.next("t"))] }];
    const sent = (launch: string) => only("accept", play.on({ type: "launchStored", launch })).message;
    assert.equal(sent(only("storeLaunch", play.offered(offer("a"))).launch).filterMs, 0);
    const { launch } = only("storeLaunch", play.offered(offer("b")));
    play.told.needed = [];
    play.on({ type: "woken" });
    assert.equal(sent(launch).filterMs, 5000);
  });

  it("makes one record and one accept of several launches with one offer, and declines the offers not used", () => {
    const play = new Play();
    play.open();
    play.told.needed = [need];
    play.told.placing = (offers, ids) => [
      { offer: offers[0]!, tasks: [spec(ids.next("t"))] },
      { offer: offers[0]!, tasks: [spec(ids.next("t"))] },
    ];
    const effects = play.offered(offer("a"), offer("b"));
    assert.equal(only("storeLaunch", effects).record.tasks.length, 2);
    assert.deepEqual(only("decline", effects).offers, [idOf(offer("b"))]);
    assert.equal(only("decline", effects).filterMs, 5000);
  });

  it("tells each task's answer", () => {
    const play = new Play();
    play.open();
    const { launch } = play.storing(2);
    play.on({ type: "launchStored", launch });
    play.told.news();
    const error = refusal("exceeds-free", "cpus: 1 asked, 0 free");
    const answers = [
      { task: "t.3-1", ok: true as const },
      { task: "t.3-2", ok: false as const, error },
    ];
    play.on({
      type: "acceptAnswered",
      launch,
      answer: { ok: true, value: { agent: "a", generation: 1, answers } },
    });
    assert.deepEqual(
      play.told.changes.map(({ message }) => message),
      [undefined, "cpus: 1 asked, 0 free"],
    );
    assert.deepEqual(play.told.news(), ["t.3-1 staging", "t.3-2 refused"]);
    assert.deepEqual([...play.machine.tasks.keys()], ["t.3-1"]);
  });

  it("is refused when nobody answers for the agent: it was not launched; the leader has the offer back", () => {
    const play = new Play();
    play.open();
    const { task, launch } = play.launched();
    play.told.news();
    const effects = play.on({ type: "acceptAnswered", launch, answer: { ok: false, error: "absent" } });
    assert.deepEqual(play.told.news(), [`${task} refused`]);
    assert.deepEqual(only("decline", effects).offers, ["7.1@a"]);
    assert.equal(only("removeLaunch", effects).launch, launch);
  });

  it("asks again with the same ids when no answer came, even when the agent is then away for a while (L3)", () => {
    const play = new Play();
    play.open();
    const { task, launch, effects } = play.launched();
    const first = only("accept", effects).message;
    play.told.news();
    play.on({ type: "acceptAnswered", launch, answer: { ok: false, error: "unknown" } });
    assert.deepEqual(only("accept", play.pass(500)).message, first);
    play.on({ type: "acceptAnswered", launch, answer: { ok: false, error: "absent" } });
    assert.deepEqual(play.told.news(), []);
    only("accept", play.pass(1000));
    play.accepted(launch, [task]);
    assert.deepEqual(play.told.news(), [`${task} staging`]);
    assert.deepEqual(all("accept", play.pass(60_000)), []);
  });

  it("gives the offer back to the leader after 30 s without an answer, and asks on", () => {
    const play = new Play();
    play.open();
    const { launch } = play.launched();
    let declined = 0;
    for (let round = 0; round < 8; round++) {
      const effects = play.on({ type: "acceptAnswered", launch, answer: { ok: false, error: "unknown" } });
      declined += all("decline", effects).length;
      only("accept", play.pass(10_000));
    }
    assert.equal(declined, 1);
  });

  it("takes a status update for the answer", () => {
    const play = new Play();
    play.open();
    const { task, launch } = play.launched();
    play.on({ type: "acceptAnswered", launch, answer: { ok: false, error: "unknown" } });
    play.on({ type: "updated", delivery: 1, agent: "a", updates: [update(task, 1, "running")] });
    assert.deepEqual(all("accept", play.pass(60_000)), []);
  });

  it("is refused when its session ended before it was sent", () => {
    const play = new Play();
    play.open();
    const { launch } = play.storing();
    play.told.news();
    play.on({ type: "leaderAnnounced", epoch: 8 });
    const effects = play.on({ type: "launchStored", launch });
    assert.deepEqual(kinds(effects), ["removeLaunch"]);
    assert.deepEqual(play.told.news(), ["t.3-1 refused"]);
  });

  it("of a former session is decided by what its agent tells, not by asking again", () => {
    const play = new Play();
    play.open();
    const { task } = play.launched();
    play.told.news();
    const { attempt } = only("subscribe", play.on({ type: "leaderAnnounced", epoch: 8 }));
    assert.deepEqual(all("accept", play.subscribed(attempt, [], 2)), []);
    play.reconciled("a", []);
    assert.match(play.told.changes[0]!.message!, /never came to agent a/);
    assert.deepEqual(play.told.news(), [`${task} lost`]);
  });

  it("sends no more than 256 tasks and 190 KB in one accept; the others are refused in words", () => {
    const play = new Play();
    play.open();
    const many = play.storing(300);
    assert.equal(many.record.tasks.length, 256);
    assert.equal(play.told.news().filter((each) => each.endsWith("refused")).length, 44);
    play.told.placing = ([first], ids) => [
      {
        offer: first!,
        tasks: Array.from({ length: 10 }, () => spec(ids.next("t"), { data: "ü".repeat(20_000) })),
      },
    ];
    // 20,000 × 2 bytes each: 4 × 40 KB fit into 190 KB, 5 do not.
    assert.equal(only("storeLaunch", play.offered(offer("a", 2))).record.tasks.length, 4);
  });

  it("throws with words when a scheduler uses an offer or an id that was not given to it", () => {
    const play = new Play();
    play.open();
    play.told.needed = [need];
    play.told.placing = (_, ids) => [{ offer: offer("z").offer, tasks: [spec(ids.next("t"))] }];
    assert.throws(() => play.offered(offer("a")), /used offer 7\.1@z, which it was not given/);
    const other = new Play();
    other.open();
    other.told.needed = [need];
    other.told.placing = ([first]) => [{ offer: first!, tasks: [spec("mine")] }];
    assert.throws(() => other.offered(offer("a")), /task id mine/);
  });

  it("removes the record with its last task, in one write", () => {
    const play = new Play();
    play.open();
    const { launch } = play.storing(2);
    play.on({ type: "launchStored", launch });
    play.accepted(launch, ["t.3-1", "t.3-2"]);
    const one = play.on({
      type: "updated",
      delivery: 1,
      agent: "a",
      updates: [update("t.3-1", 1, "failed")],
    });
    assert.deepEqual(kinds(one), ["acknowledge"]);
    const two = play.on({
      type: "updated",
      delivery: 2,
      agent: "a",
      updates: [update("t.3-2", 1, "finished")],
    });
    assert.deepEqual(kinds(two), ["removeLaunch", "acknowledge"]);
    assert.equal(play.machine.tasks.size, 0);
  });
});

describe("framework: offers", () => {
  it("are declined at once while nothing is needed", () => {
    const play = new Play();
    play.open();
    assert.deepEqual(only("decline", play.offered(offer("a"), offer("b"))).offers, ["7.1@a", "7.1@b"]);
  });

  it("are dropped when rescinded, replaced, or their agent is lost", () => {
    const play = new Play();
    play.told.needed = [need];
    play.open([registered("x")]);
    play.offered(offer("a"), offer("b"), offer("c"), offer("d"));
    play.said({ type: "rescinded", offers: ["7.1@a"] });
    play.said({ type: "agent-changed", agent: { agent: "b", state: "unreachable" } });
    play.offered(offer("c", 2, { replaces: [1] }));
    assert.deepEqual(only("decline", play.reconciled("x", [])).offers, ["7.1@d", "7.2@c"]);
  });

  it("of another framework, session or epoch are not used", () => {
    const play = new Play();
    play.told.needed = [need];
    play.open();
    const effects = play.offered(
      offer("a", 1, { framework: "other" }),
      offer("a", 2, { session: { epoch: 7, counter: 9 } }),
      offer("a", 3, { epoch: 6 }),
    );
    assert.deepEqual(kinds(effects), ["answerLeader"]);
  });

  it("are declined again when it is not known whether the leader heard it", () => {
    const play = new Play();
    play.open();
    const { session, offers } = only("decline", play.offered(offer("a")));
    const unheard = { type: "declineAnswered", session, offers } as const;
    const failed = () => play.on({ ...unheard, answer: { ok: false, error: "unknown" } });
    assert.deepEqual(kinds(failed()), [], "a leader that cannot be reached fails at once");
    assert.deepEqual(kinds(play.pass(199)), []);
    assert.deepEqual(only("decline", play.pass(1)).offers, offers);
    assert.deepEqual(kinds([...failed(), ...play.pass(399)]), []);
    assert.deepEqual(only("decline", play.pass(1)).offers, offers);
    play.on({ ...unheard, answer: { ok: true, value: undefined } });
    only("decline", play.offered(offer("b")));
  });
});

describe("framework: taking over", () => {
  const loaded = () =>
    new Map<string, unknown>([
      [
        "launch.2-1",
        { agent: "a", host: "host-a", offer: "6.1@a", at: 990_000, tasks: [spec("t.2-1"), spec("t.2-2")] },
      ],
      ["app.web", { any: "thing" }],
    ]);

  it("tells each stored task once, then what its agent says", () => {
    const play = new Play({ loaded: loaded() });
    const effects = play.open();
    assert.deepEqual(play.told.news(), ["t.2-1 launching", "t.2-2 launching"]);
    // Stored at wall 990 s, now it is 1001 s and mono 1 s: launched at mono −10 s.
    assert.deepEqual(play.machine.tasks.get("t.2-1")!.launchedAt, { mono: -10_000, wall: 990_000 });
    assert.equal(only("reconcile", effects).agent, "a");
    play.reconciled("a", [status("t.2-1", "running")]);
    assert.deepEqual(play.told.news(), ["t.2-1 running", "t.2-2 lost"]);
  });

  it("leaves a record that it cannot read alone, and says so", () => {
    const play = new Play({ loaded: new Map([["launch.2-1", { strange: true }]]) });
    const effects = play.on({ type: "started" });
    assert.deepEqual(only("say", effects).fields, { unreadable: ["launch.2-1"] });
    assert.deepEqual(all("removeLaunch", effects), []);
  });
});
