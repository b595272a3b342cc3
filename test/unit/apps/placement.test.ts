import assert from "node:assert/strict";
import { seenAttributes } from "#libs/core/constraint.js";
import { Counted } from "#services/apps/counting.js";
import { choose, type Room, roomLacks, type Wish } from "#services/apps/placement.js";
import { shapeOf } from "#services/apps/shape.js";
import { definition, offer, type OfferOptions } from "./made.js";

const room = (agent: string, options: OfferOptions = {}): Room => {
  const made = offer(agent, options);
  return {
    offer: made,
    left: made.resources,
    attributes: seenAttributes({ id: agent, host: made.host, attributes: made.attributes }),
  };
};
const wish = (placement: Wish["placement"], placedOn: string[], draw = 0): Wish => ({
  shape: shapeOf(definition({ cpus: 1, mem: 128 })),
  placement,
  counted: new Counted({
    instances: 10,
    placed: placedOn.map((agent) => ({ "@agent": agent })),
    seen: [],
  }),
  draw,
});
const chosen = (rooms: Room[], given: Wish) => choose(rooms, given).room?.offer.agent;

describe("placement", () => {
  it("spread: where the fewest of the app are, then where most is left", () => {
    const rooms = [room("a", { cpus: 8 }), room("b", { cpus: 2 }), room("c", { cpus: 4 })];
    assert.equal(chosen(rooms, wish("spread", [])), "a");
    assert.equal(chosen(rooms, wish("spread", ["a"])), "c");
    assert.equal(chosen(rooms, wish("spread", ["a", "c"])), "b");
    assert.equal(chosen(rooms, wish("spread", ["a", "c", "b"])), "a");
  });

  it("binpack: where least is left, then where most of the app are", () => {
    const rooms = [room("a", { cpus: 8 }), room("b", { cpus: 2 }), room("c", { cpus: 2 })];
    assert.equal(chosen(rooms, wish("binpack", [])), "b");
    assert.equal(chosen(rooms, wish("binpack", ["c"])), "c");
  });

  it("random: the one that the draw says, among agents in order", () => {
    const rooms = [room("c"), room("a"), room("b")];
    assert.equal(chosen(rooms, wish("random", [], 0)), "a");
    assert.equal(chosen(rooms, wish("random", [], 0.34)), "b");
    assert.equal(chosen(rooms, wish("random", [], 0.999)), "c");
  });

  it("says of each room why the counts rule it out", () => {
    const shape = shapeOf(definition({ constraints: [["rack", "UNIQUE"]] }));
    const counted = new Counted({ instances: 3, placed: [{ rack: "x" }], seen: [] });
    const rooms = [room("a", { attributes: { rack: "x" } }), room("b", { attributes: { rack: "x" } })];
    const choice = choose(rooms, { shape, placement: "spread", counted, draw: 0 });
    assert.deepEqual(choice, {
      room: undefined,
      refusals: ["UNIQUE rack: x has 1 already", "UNIQUE rack: x has 1 already"],
    });
  });

  it("says what a room lacks, ports by number and by count too", () => {
    const lacks = (given: object, options: OfferOptions) =>
      roomLacks(room("a", options), shapeOf(definition(given)));
    assert.equal(lacks({ cpus: 2 }, { cpus: 4 }), undefined);
    assert.equal(lacks({ cpus: 2 }, { cpus: 1 }), "cpus: 2 asked, 1 free");
    const fixed = { requirePorts: true, portDefinitions: [{ port: 8080 }, { port: 0 }] };
    assert.equal(lacks(fixed, { ports: [[8080, 8081]] }), undefined);
    assert.equal(lacks(fixed, { ports: [[8080, 8080]] }), "ports: 2 asked, 1 free");
    assert.match(lacks(fixed, { ports: [[31000, 31009]] })!, /8080 asked, not free/);
  });
});
