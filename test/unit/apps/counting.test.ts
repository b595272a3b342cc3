import assert from "node:assert/strict";
import type { CountingRule } from "#protocol/api.js";
import { ruleBroken } from "#libs/core/counting.js";
import { Counted, countingOf } from "#services/apps/counting.js";

const on = (...racks: string[]) => racks.map((rack) => ({ rack }));
const allows = (
  rule: CountingRule,
  rack: string,
  facts: { placed: string[]; instances?: number; seen?: string[] },
) =>
  ruleBroken(
    rule,
    { rack },
    new Counted({
      instances: facts.instances ?? 10,
      placed: on(...facts.placed),
      seen: on(...(facts.seen ?? [])),
    }),
  );

describe("constraints that count", () => {
  it("UNIQUE: one for each value", () => {
    const rule = { operator: "UNIQUE", attribute: "rack" } as const;
    assert.equal(allows(rule, "a", { placed: ["b"] }), undefined);
    assert.equal(allows(rule, "a", { placed: ["a"] }), "UNIQUE rack: a has 1 already");
  });

  it("MAX_PER: so many for each value", () => {
    const rule = { operator: "MAX_PER", attribute: "rack", most: 2 } as const;
    assert.equal(allows(rule, "a", { placed: ["a", "b", "b"] }), undefined);
    assert.equal(allows(rule, "b", { placed: ["a", "b", "b"] }), "MAX_PER rack 2: b has 2 already");
  });

  it("CLUSTER without a value: where the first one is", () => {
    const rule = { operator: "CLUSTER", attribute: "rack" } as const;
    assert.equal(allows(rule, "a", { placed: [] }), undefined);
    assert.equal(allows(rule, "b", { placed: ["b", "b"] }), undefined);
    assert.match(allows(rule, "a", { placed: ["b"] })!, /the others are on b/);
  });

  it("GROUP_BY: among those that have the fewest of all that are seen", () => {
    const rule = { operator: "GROUP_BY", attribute: "rack" } as const;
    assert.equal(allows(rule, "a", { placed: ["a", "b"], seen: ["a", "b"] }), undefined);
    assert.equal(allows(rule, "c", { placed: ["a", "b"], seen: ["a", "b", "c"] }), undefined);
    assert.equal(
      allows(rule, "a", { placed: ["a", "b"], seen: ["a", "b", "c"] }),
      "GROUP_BY rack: a has 1, c has 0",
    );
  });

  it("GROUP_BY n: each value takes ⌊instances / n⌋, the remainder one more, and only n values are used", () => {
    const rule = { operator: "GROUP_BY", attribute: "rack", groups: 2 } as const;
    const five = { instances: 5 }; // ⌊5 / 2⌋ = 2 each, 5 mod 2 = 1 takes a third
    assert.equal(allows(rule, "a", { ...five, placed: ["a", "a", "b"] }), undefined);
    assert.match(allows(rule, "a", { ...five, placed: ["a", "a", "b", "b", "b"] })!, /a has 2 of 5/);
    assert.match(allows(rule, "b", { ...five, placed: ["a", "a", "b", "b", "b"] })!, /b has 3 of 5/);
    assert.match(allows(rule, "c", { ...five, placed: ["a", "b"] })!, /2 values are used already/);
    assert.equal(allows(rule, "b", { ...five, placed: ["a"] }), undefined);
  });

  it("an agent without the attribute is no place", () => {
    const rule = { operator: "UNIQUE", attribute: "zone" } as const;
    assert.match(allows(rule, "a", { placed: [] })!, /no such attribute/);
  });

  it("what is placed meanwhile counts at once", () => {
    const counted = new Counted({ instances: 2, placed: [], seen: [] });
    const rule = { operator: "UNIQUE", attribute: "rack" } as const;
    assert.equal(ruleBroken(rule, { rack: "a" }, counted), undefined);
    counted.add({ rack: "a" });
    assert.notEqual(ruleBroken(rule, { rack: "a" }, counted), undefined);
  });

  it("can be told to others, bounded by what a message holds, with what is left out in words", () => {
    const rule = { operator: "GROUP_BY", attribute: "rack" } as const;
    const few = new Counted({ instances: 5, placed: on("b", "a", "b"), seen: on("a", "c") });
    assert.deepEqual(countingOf([rule], few), {
      counting: [
        {
          rule,
          instances: 5,
          placed: [
            ["b", 2],
            ["a", 1],
          ],
          others: ["c"],
        },
      ],
      leftOut: [],
    });
    const hosts = Array.from({ length: 20_000 }, (_, index) => ({ "@agent": `agent-${index}.example.net` }));
    const many = new Counted({ instances: 20_000, placed: hosts, seen: hosts });
    const { counting, leftOut } = countingOf([{ operator: "UNIQUE", attribute: "@agent" }], many);
    assert.ok(JSON.stringify(counting).length < 200_000);
    const [, shown] = /instances on (\d+) of 20000 values/.exec(leftOut.join()) ?? [];
    assert.equal(Number(shown), counting[0]!.placed.length);
    assert.ok(Number(shown) > 3000, leftOut.join());
  });
});
