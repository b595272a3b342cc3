import assert from "node:assert/strict";
import { amounts } from "#libs/core/resources.js";
import { carve, Carving, needOf } from "#libs/framework/carve.js";
import { offer } from "./play.js";

describe("framework: carving tasks out of an offer", () => {
  const whole = offer("a", 1, {
    resources: amounts({ cpus: 1, mem: 256, ports: [[31000, 31002]] }),
    attributes: { rack: "a" },
  }).offer;

  it("gives each task what it asks for, with ports of its own, until the offer is used up", () => {
    const carving = new Carving(whole);
    assert.deepEqual(carving.take({ cpus: 0.5, mem: 100, ports: 2 }), {
      scalars: { cpus: 500, mem: 100_000 },
      ports: [
        [31000, 31000],
        [31001, 31001],
      ],
    });
    assert.deepEqual(carving.take({ cpus: 0.5, ports: 1 })?.ports, [[31002, 31002]]);
    assert.equal(carving.take({ cpus: 0.1 }), undefined);
    assert.equal(carving.take({ ports: 1 }), undefined);
    assert.deepEqual(carving.left, amounts({ mem: 156 }));
  });

  it("takes nothing when not all of it is there", () => {
    assert.equal(carve(whole, { cpus: 2 }), undefined);
    const carving = new Carving(whole);
    carving.take({ cpus: 0.5, ports: 4 });
    assert.deepEqual(carving.left, whole.resources);
  });

  it("fits needs by what is left, attributes and ports", () => {
    const carving = new Carving(whole);
    assert.ok(carving.fits(needOf({ cpus: 1, ports: 3 }, { attributes: { rack: "a" } })));
    assert.ok(!carving.fits(needOf({ cpus: 1 }, { attributes: { rack: "b" } })));
    carving.take({ cpus: 0.6 });
    assert.ok(!carving.fits(needOf({ cpus: 0.5 })));
  });
});
