import assert from "node:assert/strict";
import { LossesRule, type WatchedMaster } from "./losses.js";

describe("simulation: the rule of losses", () => {
  let breaches: string[];
  let now: number;
  let rule: LossesRule;

  beforeEach(() => {
    breaches = [];
    now = 0;
    rule = new LossesRule({
      breach: (text) => void breaches.push(text),
      now: () => now,
      agentTimeoutMs: 15_000,
      mostPerMinute: 1,
    });
  });

  const started = (name: string): WatchedMaster => {
    const master = rule.watch(name);
    master.connection(true);
    now += 20_000;
    return master;
  };
  const many = /gives up 2 agents within a minute/;

  it("counts what a master gave up before it was started again", () => {
    started("m").lost("a");
    started("m").lost("b");
    assert.match(breaches.join(), many);
  });

  it("does not when its clock was set meanwhile: it cannot tell how long ago that was", () => {
    const first = started("m");
    first.clockSet();
    first.lost("a");
    started("m").lost("b");
    assert.deepEqual(breaches, []);
  });

  it("counts what one process gave up whatever its clock says", () => {
    const master = started("m");
    master.clockSet();
    master.lost("a");
    master.lost("b");
    assert.match(breaches.join(), many);
  });
});
