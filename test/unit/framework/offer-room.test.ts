import assert from "node:assert/strict";
import { amounts } from "#libs/core/resources.js";
import { launchesOf, OfferRoom } from "#libs/framework/offer-room.js";
import { offer, spec } from "./play.js";

const room = () => new OfferRoom(offer("a", 1, { resources: amounts({ cpus: 1000 }) }).offer);

/** How many it takes before it says that it is full. */
function taken(into: OfferRoom, more: { readonly data?: string } = {}): number {
  while (into.fullness === undefined) into.take(spec(`t.${into.tasks.length}`, more));
  return into.tasks.length;
}

describe("an offer that is being filled", () => {
  it("knows what is left of it", () => {
    const filled = room();
    filled.take(spec("t.1"));
    assert.deepEqual(filled.left, amounts({ cpus: 999 }));
  });

  it("is full with 200 tasks, or with the one that makes 60 KB of them", () => {
    assert.equal(taken(room()), 200);
    // 4 × 14 KB and what is around it stay below, and the fifth goes with them. Two bytes each: ü.
    assert.equal(taken(room(), { data: "ü".repeat(7_000) }), 5);
    assert.equal(room().fullness, undefined);
  });

  it("is a launch once something is in it", () => {
    const [empty, filled] = [room(), room()];
    filled.take(spec("t.1"));
    assert.deepEqual(launchesOf([empty, filled]), [{ offer: filled.offer, tasks: [spec("t.1")] }]);
  });
});
