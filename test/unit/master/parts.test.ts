import assert from "node:assert/strict";
import { amounts } from "#libs/core/resources.js";
import { Connectivity } from "#services/master/connectivity.js";
import { Filters } from "#services/master/filters.js";
import { Heap } from "#services/master/heap.js";
import { LossBudget } from "#services/master/loss-budget.js";
import { piece, portsAfter, timesIn } from "#services/master/pieces.js";
import { registryOf } from "#services/master/registry.js";
import { need } from "./stage.js";

const at = (mono: number) => ({ mono, wall: mono });

describe("the heap", () => {
  it("gives the least first, whatever was pushed, grown or popped", () => {
    const before = (a: { rank: number }, b: { rank: number }) => a.rank < b.rank;
    const heap = new Heap(
      before,
      [5, 3, 8, 1].map((rank) => ({ rank })),
    );
    heap.push({ rank: 2 });
    heap.peek()!.rank = 9;
    heap.settleFirst();
    const order: number[] = [];
    for (let first = heap.pop(); first !== undefined; first = heap.pop()) order.push(first.rank);
    assert.deepEqual(order, [2, 3, 5, 8, 9]);
  });
});

describe("connectivity", () => {
  it("counts silence only after one whole time-out of connection", () => {
    const connectivity = new Connectivity(at(0), 1000);
    for (let now = 1000; now <= 20_000; now += 1000) connectivity.look(at(now));
    assert.equal(connectivity.heardBy(at(20_000), 15_000), 5000);
    connectivity.changed(at(20_000), false);
    assert.equal(connectivity.heardBy(at(20_000), 15_000), Number.NEGATIVE_INFINITY);
    connectivity.changed(at(21_000), true);
    assert.equal(connectivity.heardBy(at(35_999), 15_000), Number.NEGATIVE_INFINITY);
    assert.equal(connectivity.heardBy(at(36_000), 15_000), 21_000);
  });

  it("does not count the time in which it stood still or was cut off", () => {
    const connectivity = new Connectivity(at(0), 1000);
    connectivity.look(at(2000)); // two beats: late, but there
    connectivity.look(at(4001)); // more than two: not there
    connectivity.look(at(5001));
    assert.equal(connectivity.totalMs, 3000);
  });
});

describe("the loss budget", () => {
  it("is a share of the known agents within any minute, and one at least", () => {
    const budget = new LossBudget(0.1);
    assert.equal(budget.left(0, 35), 3);
    budget.spend(0);
    budget.spend(30_000);
    assert.equal(budget.left(30_000, 35), 1);
    assert.equal(budget.left(59_999, 35), 1);
    assert.equal(budget.left(60_000, 35), 2);
    assert.equal(budget.left(90_000, 3), 1);
  });
});

describe("filters", () => {
  it("block the same and less, not more", () => {
    const filters = new Filters();
    filters.refuse("f", "a", amounts({ cpus: 2, mem: 100 }), 10);
    assert.equal(filters.blocks("f", "a", amounts({ cpus: 2, mem: 100 })), true);
    assert.equal(filters.blocks("f", "a", amounts({ cpus: 1 })), true);
    assert.equal(filters.blocks("f", "a", amounts({ cpus: 1, mem: 101 })), false);
    assert.equal(filters.blocks("f", "a", amounts({ cpus: 1, ports: [[1, 1]] })), false);
    assert.equal(filters.blocks("f", "b", amounts({ cpus: 1 })), false);
    assert.equal(filters.blocks("g", "a", amounts({ cpus: 1 })), false);
  });

  it("expire in their order; a longer one outlives a shorter one on the same agent", () => {
    const filters = new Filters();
    filters.refuse("f", "a", amounts({ cpus: 1 }), 20);
    filters.refuse("f", "a", amounts({ cpus: 2 }), 10);
    filters.refuse("f", "b", amounts({ cpus: 2 }), 15);
    assert.equal(filters.nextDeadline(), 10);
    assert.deepEqual(filters.expire(15), ["a", "b"]);
    assert.equal(filters.blocks("f", "a", amounts({ cpus: 1 })), true);
    assert.equal(filters.blocks("f", "a", amounts({ cpus: 2 })), false);
    assert.deepEqual(filters.expire(20), ["a"]);
    assert.equal(filters.has("f"), false);
  });

  it("cleared are gone, also when their time comes", () => {
    const filters = new Filters();
    filters.refuse("f", "a", amounts({ cpus: 1 }), 20);
    filters.clear("f");
    assert.equal(filters.agentsOf("f"), 0);
    assert.deepEqual(filters.expire(20), []);
  });
});

describe("pieces", () => {
  it("go in as often as the scarcest allows", () => {
    const free = amounts({ cpus: 4, mem: 1000, ports: [[1, 5]] });
    assert.equal(timesIn(need({ cpus: 1 }), free), 4);
    assert.equal(timesIn(need({ cpus: 1, mem: 300 }), free), 3);
    assert.equal(timesIn(need({ cpus: 1 }, undefined, { portCount: 2 }), free), 2);
    assert.equal(timesIn(need({ cpus: 1, ports: [[3, 3]] }), free), 1, "port 3 is there once");
    assert.equal(timesIn(need({ gpus: 1 }), free), 0);
  });

  it("take ports round", () => {
    const ranges: [number, number][] = [
      [10, 12],
      [20, 22],
    ];
    assert.deepEqual(portsAfter(-1, ranges, 2), [[10, 11]]);
    assert.deepEqual(portsAfter(11, ranges, 2), [
      [12, 12],
      [20, 20],
    ]);
    assert.deepEqual(portsAfter(21, ranges, 3), [
      [22, 22],
      [10, 11],
    ]);
    assert.deepEqual(
      piece(need({ cpus: 0.5 }, undefined, { portCount: 1 }), 2, { scalars: {}, ports: ranges }, 20),
      {
        scalars: { cpus: 1000 },
        ports: [[21, 22]],
      },
    );
  });
});

describe("the registry", () => {
  it("leaves alone what it cannot read, and says what is wrong", () => {
    const entries = new Map<string, unknown>([
      ["role.b", { name: "b", weight: 0 }],
      ["role.a", { name: "a", weight: 2 }],
      ["what", {}],
    ]);
    const registry = registryOf(entries);
    assert.deepEqual(registry.roles, [{ name: "a", weight: 2 }]);
    assert.deepEqual(
      registry.unreadable.map(({ key }) => key),
      ["role.b", "what"],
    );
  });
});
