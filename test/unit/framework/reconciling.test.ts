import assert from "node:assert/strict";
import { all, need, offer, only, Play, registered, status } from "./play.js";

describe("framework: an agent that its leader had not named", () => {
  it("is asked when it registers after all, and nothing is launched until it has answered", () => {
    const play = new Play();
    play.told.needed = [need];
    play.told.placing = () => {
      throw new Error("what runs there is not known yet");
    };
    play.open();
    const effects = play.said({ type: "agent-changed", agent: registered("b"), change: 1 });
    assert.equal(only("reconcile", effects).agent, "b");
    play.offered(offer("a"));
    const placed: string[] = [];
    play.told.placing = (offers) => {
      placed.push(...offers.map(({ agent }) => agent));
      return [];
    };
    play.reconciled("b", [status("t.2-8", "running", { bucket: "lost" })]);
    assert.deepEqual(placed, ["a"]);
  });

  it("is not asked for the word that it cannot be reached", () => {
    const play = new Play();
    play.open();
    const said = play.said({ type: "agent-changed", agent: { agent: "b", state: "unreachable" }, change: 1 });
    assert.deepEqual(all("reconcile", said), []);
  });
});
