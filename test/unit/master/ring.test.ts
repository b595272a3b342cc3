import assert from "node:assert/strict";
import { amounts } from "#libs/core/resources.js";
import type { Supply } from "#services/master/allocator.js";
import { Hall, Ring, type Stall } from "#services/master/ring.js";
import { need } from "./stage.js";

const supplies: Supply[] = Array.from({ length: 200 }, (_, openAt) => ({
  id: `a${openAt}`,
  host: `a${openAt}`,
  attributes: {},
  executors: [],
  resources: amounts({ cpus: 1 }),
  lastPort: -1,
  openAt,
}));
const stallOf = (place: Supply): Stall => ({ place, left: place.resources, lastPort: -1, grants: [] });
const all = supplies.map(({ id }) => id).toSorted();

describe("the ring of agents on which a need may fit", () => {
  it("asks each once before it finds nobody, wherever in a lap a search begins, and each lap another way", () => {
    const ring = new Ring(need({ cpus: 1 }), new Hall(supplies), 0, stallOf);
    const asked = (accepts: () => boolean): string[] => {
      const ids: string[] = [];
      ring.find(({ place }) => ids.push(place.id) > 0 && accepts());
      return ids;
    };
    const first = supplies.map(() => asked(() => true)[0]!);
    assert.deepEqual(first.toSorted(), all);
    let before = first;
    for (const found of [0, 1, 40, 100, 160, 199]) {
      for (let count = 0; count < found; count++) asked(() => true);
      const refused = asked(() => false);
      assert.deepEqual(refused.toSorted(), all, `after ${found}`);
      assert.notDeepEqual(refused, before);
      before = refused;
    }
  });
});
