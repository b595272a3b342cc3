import assert from "node:assert/strict";
import { amounts } from "#libs/core/resources.js";
import { boundedNeeds } from "#libs/framework/bounded-needs.js";

describe("more kinds of needs than a message has room for", () => {
  const need = (cpus: number) => ({ resources: amounts({ cpus, mem: 1000 - cpus }), constraints: [] });
  const needs = (count: number) => Array.from({ length: count }, (_, index) => need(index + 1));

  it("a hundred are told as they are", () => {
    assert.deepEqual(boundedNeeds(needs(100)), needs(100));
  });

  it("of more, those beyond are summed up in one that any of them would be served by", () => {
    const told = boundedNeeds(needs(150));
    assert.equal(told.length, 100);
    assert.deepEqual(told.slice(0, 99), needs(99));
    assert.deepEqual(told[99], { resources: amounts({ cpus: 100, mem: 850 }), constraints: [] }); // the least of 100…150, of 900…850
  });
});
