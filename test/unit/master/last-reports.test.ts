import assert from "node:assert/strict";
import type { Report } from "#protocol/agent.js";
import { LastReports } from "#services/master/last-reports.js";

const report = (generation: number, sequence: number): Report => ({
  agent: "a",
  generation,
  sequence,
  epoch: 0,
  use: [],
  settled: [],
  refused: [],
});

describe("the last reports that a standby has heard", () => {
  it("are the latest by generation, then by sequence", () => {
    const heard = new LastReports();
    heard.heard(0, "a", report(2, 5));
    heard.heard(1, "a", report(1, 9));
    heard.heard(2, "a", report(2, 4));
    assert.deepEqual(heard.get("a"), report(2, 5));
    heard.heard(3, "a", report(3, 1));
    assert.deepEqual(heard.get("a"), report(3, 1));
  });

  it("are dropped ten minutes after the last word of their agent", () => {
    const heard = new LastReports();
    const minute = 60_000;
    for (let index = 0; index < 1000; index++) heard.heard(index, `old-${index}`, report(1, 1));
    heard.heard(5 * minute, "a", report(1, 1));
    assert.equal(heard.size, 1001);
    heard.heard(11 * minute, "b", report(1, 1));
    assert.equal(heard.size, 2);
    heard.heard(14 * minute, "a", report(1, 2));
    heard.heard(22 * minute, "c", report(1, 1));
    assert.deepEqual([heard.get("a") !== undefined, heard.get("b")], [true, undefined]);
  });

  it("cost no more of many agents than of few", () => {
    const [few, many] = [200, 50_000].map((agents) => {
      const heard = new LastReports();
      const round = (sequence: number) => {
        const began = performance.now();
        for (let each = 0; each < 50_000; each++) heard.heard(0, `a${each % agents}`, report(1, sequence));
        return performance.now() - began;
      };
      const [_new, ...again] = Array.from({ length: 6 }, (_, sequence) => round(sequence));
      return Math.min(...again);
    }) as [number, number];
    assert.ok(many < 15 * few, `${(many / few).toFixed(1)} times as much`);
  });
});
