import assert from "node:assert/strict";
import fc from "fast-check";
import { need } from "./stage.js";
import { MarketWorld, type Player, sequenceOf } from "./market-world.js";

const player = (id: string, role: string, more: Partial<Player> = {}): Player => {
  const random = sequenceOf(id.length * 7919 + id.charCodeAt(0));
  const lastsMs = () => 500 + Math.floor(random() * 1000);
  return { id, role, needs: [need({ cpus: 0.1, mem: 10 })], task: { cpus: 0.1, mem: 10 }, lastsMs, ...more };
};

/** The mean over the last `samples` looks, one every 100 ms. */
function meanUse(world: MarketWorld, ids: readonly string[], samples = 30): number[] {
  const sums = ids.map(() => 0);
  for (let sample = 0; sample < samples; sample++) {
    world.run(100);
    for (const [index, id] of ids.entries()) sums[index]! += world.usedBy(id) / samples;
  }
  return sums;
}

describe("fairness of the master", () => {
  it("two frameworks that want everything converge to their weights 1:2 within 5 %", () => {
    const world = new MarketWorld();
    for (const id of ["a", "b", "c"]) world.host(id, { cpus: 4, mem: 4000 });
    world.stage.call("setRole", { name: "two", weight: 2 });
    world.play(player("early", "one"));
    world.run(2000);
    assert(world.usedBy("early") > 11_000, "alone it gets nearly all of 12 cpus");
    world.play(player("late", "two"));
    world.run(4000);
    const [one, two] = meanUse(world, ["early", "late"]);
    assert(Math.abs(two! / one! / 2 - 1) < 0.05, `${one} and ${two} are not 1:2`);
    assert(one! + two! > 11_000, `12 cpus are well used: ${one! + two!}`);
  }).timeout(20_000);

  it("the same for a framework with counts and one without", () => {
    const world = new MarketWorld();
    for (const id of ["a", "b", "c", "d"]) world.host(id, { cpus: 4, mem: 4000 });
    world.stage.call("setRole", { name: "two", weight: 2 });
    world.play(player("counted", "one", { needs: [need({ cpus: 0.1, mem: 10 }, 500)] }));
    world.play(player("other", "two"));
    world.run(4000);
    const [one, two] = meanUse(world, ["counted", "other"]);
    assert(Math.abs(two! / one! / 2 - 1) < 0.05, `${one} and ${two} are not 1:2`);
  }).timeout(20_000);

  it("small needs are not starved by one that takes everything", () => {
    const world = new MarketWorld();
    for (const id of ["a", "b", "c"]) world.host(id, { cpus: 4, mem: 4000 });
    world.play(player("greedy", "one", { needs: [] }));
    world.run(2000);
    world.play(player("small", "one", { needs: [need({ cpus: 0.1, mem: 10 }, 1)] }));
    world.run(1500);
    assert(world.usedBy("small") >= 100, "something ends within 1.5 s, and then it is served");
  }).timeout(20_000);

  it("R1 holds in the books and on the agents, whatever is asked for", () => {
    const amount = fc.record({
      cpus: fc.integer({ min: 1, max: 40 }).map((tenths) => tenths / 10),
      mem: fc.integer({ min: 1, max: 50 }).map((tens) => tens * 10),
    });
    const asked = fc.record({
      of: amount,
      count: fc.option(fc.integer({ min: 1, max: 30 }), { nil: undefined }),
      portCount: fc.integer({ min: 0, max: 3 }),
      isSized: fc.boolean(),
      seed: fc.integer(),
    });
    fc.assert(
      fc.property(
        fc.array(amount, { minLength: 1, maxLength: 5 }),
        fc.array(asked, { minLength: 1, maxLength: 4 }),
        (hosts, players) => {
          const world = new MarketWorld();
          for (const [index, totals] of hosts.entries())
            world.host(`h${index}`, { ...totals, ports: [[31000, 31009]] });
          for (const [index, { of, count, portCount, isSized, seed }] of players.entries()) {
            const random = sequenceOf(seed);
            world.play(
              player(`f${index}`, `r${index % 2}`, {
                needs: isSized ? [need(of, count, { portCount })] : [],
                task: of,
                lastsMs: () => 20 + Math.floor(random() * 300),
              }),
            );
            world.run(50);
          }
          world.run(500);
        },
      ),
      { numRuns: 40 },
    );
  }).timeout(60_000);
});
