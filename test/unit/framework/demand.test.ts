import assert from "node:assert/strict";
import type { Need } from "#protocol/framework.js";
import { all, kinds, need, only, Play } from "./play.js";

const big: Need = { ...need, portCount: 1 };

describe("framework: what the leader is told to offer", () => {
  const open = (needs: readonly Need[]) => {
    const play = new Play();
    play.told.needed = needs;
    play.open();
    const session = { epoch: 7, counter: 1 };
    return {
      play,
      /** The effects of new needs; the leader answers at once. */
      wants: (wanted: readonly Need[]) => {
        play.told.needed = wanted;
        const effects = play.on({ type: "woken" });
        if (effects.length > 0)
          play.on({ type: "demandAnswered", session, answer: { ok: true, value: undefined } });
        return effects;
      },
      session,
    };
  };

  it("revives when something is wanted, suppresses when nothing is", () => {
    const { wants } = open([]);
    assert.deepEqual(only("revive", wants([need])).needs, [need]);
    assert.deepEqual(kinds(wants([])), ["suppress"]);
    assert.deepEqual(kinds(wants([])), []);
    assert.deepEqual(kinds(wants([need])), ["revive"]);
  });

  it("says nothing when less of the same is wanted", () => {
    const { play, wants } = open([{ ...need, count: 5 }]);
    assert.deepEqual(kinds(wants([{ ...need, count: 3 }])), []);
    assert.deepEqual(all("revive", play.pass(4000)), []);
  });

  it("revives at once for another kind, and at most ten times a second for more of the same", () => {
    const { play, wants } = open([need]);
    only("revive", wants([need, big]));
    assert.deepEqual(kinds(wants([{ ...need, count: 2 }, big])), []);
    assert.deepEqual(kinds(wants([{ ...need, count: 3 }, big])), []);
    assert.deepEqual(only("revive", play.pass(100)).needs, [{ ...need, count: 3 }, big]);
  });

  it("tells after a second that a kind is not wanted any more", () => {
    const { play, wants } = open([need, big]);
    assert.deepEqual(kinds(wants([need])), []);
    assert.deepEqual(all("revive", play.pass(999)), []);
    assert.deepEqual(only("revive", play.pass(1)).needs, [need]);
  });

  it("sends one request at a time, and again with pauses while no answer comes", () => {
    const { play, session } = open([]);
    play.told.needed = [need];
    only("revive", play.on({ type: "woken" }));
    play.told.needed = [];
    assert.deepEqual(kinds(play.on({ type: "woken" })), []);
    play.on({ type: "demandAnswered", session, answer: { ok: false, error: "unknown" } });
    only("suppress", play.pass(200));
    play.on({ type: "demandAnswered", session, answer: { ok: false, error: "unknown" } });
    assert.deepEqual(kinds(play.pass(399)), []);
    only("suppress", play.pass(1));
  });

  it("takes no answer from a session that is over: neither while there is none, nor for one of the next", () => {
    const { play, session } = open([]);
    const late = { type: "demandAnswered", session, answer: { ok: false, error: "unknown" } } as const;
    play.told.needed = [need];
    only("revive", play.on({ type: "woken" }));
    const { attempt } = only("subscribe", play.on({ type: "leaderAnnounced", epoch: 8 }));
    play.on(late);
    assert.deepEqual(kinds(play.pass(1000)), []);
    play.subscribed(attempt, [], 2);
    play.told.needed = [need, big];
    only("revive", play.on({ type: "woken" }));
    play.on(late);
    assert.deepEqual(kinds(play.pass(1000)), [], "one request at a time");
  });

  it("tells after subscribing what has changed since it was sent", () => {
    const play = new Play();
    const { attempt } = only("subscribe", play.on({ type: "started" }));
    play.told.needed = [need];
    play.on({ type: "woken" });
    only("revive", play.subscribed(attempt));
  });
});
