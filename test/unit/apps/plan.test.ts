import assert from "node:assert/strict";
import { planFor, type Situation } from "#services/apps/plan.js";
import type { Instance } from "#services/apps/instance.js";
import { instance } from "./made.js";

const now = 100_000;
const planned = (situation: Partial<Situation>, at = now) => {
  const { launch, kill, settled, waitingForSuccessor, nextAt } = planFor(
    {
      wanted: 3,
      isDeleted: false,
      configVersion: "v1",
      replaceAfterMs: 30_000,
      groups: [],
      instances: [],
      ...situation,
    },
    at,
  );
  return { launch, kill: kill.map(({ id }) => id).toSorted(), settled, waitingForSuccessor, nextAt };
};
const several = (count: number, given: Partial<Instance> = {}) =>
  Array.from({ length: count }, () => instance(given));
const old = { configVersion: "v0" };

describe("the plan of an app", () => {
  it("launches what is missing", () => {
    assert.equal(planned({ instances: several(1) }).launch, 2); // 3 wanted − 1
    assert.equal(planned({ instances: [] }).launch, 3);
  });

  it("is settled when as many as wanted serve, and nothing else is there", () => {
    assert.equal(planned({ instances: several(3) }).settled, true);
    assert.equal(planned({ instances: several(2) }).settled, false);
    assert.equal(planned({ instances: [...several(2), instance({ phase: "staging" })] }).settled, false);
    assert.equal(
      planned({ instances: [...several(2), instance({ isChecked: true, healthy: undefined })] }).settled,
      false,
    );
    assert.equal(planned({ instances: several(3, { isChecked: true, healthy: true }) }).settled, true);
    assert.equal(planned({ instances: [...several(3), instance({ isEnding: true })] }).settled, false);
    assert.equal(planned({ wanted: 0, instances: [] }).settled, true);
  });

  it("ends the surplus, those not yet running first", () => {
    const starting = instance({ phase: "staging" });
    const unhealthy = instance({ isChecked: true, healthy: false });
    const instances = [...several(3), unhealthy, starting];
    assert.deepEqual(planned({ instances }).kill, [starting.id, unhealthy.id].toSorted());
    assert.deepEqual(planned({ wanted: 4, instances }).kill, [starting.id]);
  });

  it("what was asked to end counts no more, and nobody is condemned in its place", () => {
    const instances = [...several(3), instance({ isEnding: true })];
    assert.deepEqual(planned({ instances }).kill, []);
    assert.equal(planned({ instances: [...several(2), instance({ isEnding: true })] }).launch, 1);
  });

  describe("while a change is carried out", () => {
    it("starts the new ones beside the old ones, and ends none of these", () => {
      const plan = planned({ instances: several(3, old) });
      assert.equal(plan.launch, 3); // 2·3 − 3 present
      assert.deepEqual(plan.kill, []);
      assert.equal(plan.waitingForSuccessor, 3);
    });

    it("ends one old for each new one that serves, so that three always do", () => {
      const before = several(3, old);
      const checked = { isChecked: true };
      const serving = instance({ ...checked, healthy: true });
      const unknown = instance(checked);
      const starting = instance({ ...checked, phase: "starting" });
      const plan = planned({ instances: [...before, serving, unknown, starting] });
      assert.equal(plan.kill.length, 1); // keepOld = 3 − 1 serving = 2 of 3
      assert.equal(plan.launch, 0);
      assert.equal(plan.waitingForSuccessor, 2);
    });

    it("old ones that are ending take room: no more than twice as many are there", () => {
      const ending = several(2, { ...old, isEnding: true });
      const instances = [...ending, ...several(1, old), ...several(1)];
      // 3 wanted − 1 current = 2, but 2·3 − 4 that take room = 2; with one more ending only 1 fits
      assert.equal(planned({ instances }).launch, 2);
      assert.equal(planned({ instances: [...instances, instance({ ...old, isEnding: true })] }).launch, 1);
    });

    it("ends old ones that never ran at once, and the unhealthy ones before those that serve", () => {
      const staging = instance({ ...old, phase: "staging" });
      const unhealthy = instance({ ...old, isChecked: true, healthy: false });
      const healthy = instance({ ...old, isChecked: true, healthy: true });
      assert.deepEqual(planned({ instances: [staging, unhealthy, healthy] }).kill, [staging.id]);
      const withTwoNew = [unhealthy, healthy, ...several(2)];
      assert.deepEqual(planned({ instances: withTwoNew }).kill, [unhealthy.id]); // keepOld = 3 − 2 = 1 of 2
    });

    it("after a failover, old ones of which nothing is known yet are kept", () => {
      const launching = several(3, { ...old, phase: "launching" });
      assert.deepEqual(planned({ instances: launching }).kill, []);
    });

    it("after a failover, none ends for the sake of what may have ended long ago", () => {
      const launching = several(2, { phase: "launching" });
      assert.deepEqual(planned({ instances: [...several(2), ...launching] }).kill, []);
      const ids = launching.map(({ id }) => id);
      assert.deepEqual(planned({ instances: [...several(3), ...launching] }).kill, ids);
      assert.equal(planned({ instances: [...several(4), ...launching] }).kill.length, 3);
    });

    it("fewer instances of another configuration: the surplus of old ones goes at once, the rest is replaced", () => {
      const plan = planned({ wanted: 1, instances: several(4, old) });
      assert.equal(plan.kill.length, 3); // keepOld = 1 − 0
      assert.equal(plan.launch, 0); // 2·1 − 4 < 0: when three have ended, one is launched
      assert.equal(planned({ wanted: 1, instances: several(1, old) }).launch, 1);
    });

    it("at every step at least n serve and at most 2n are there, whatever the order of events", () => {
      for (let seed = 1; seed <= 200; seed++) followedThrough(seed);
    });
  });

  describe("with unreachable agents", () => {
    const lost = { unreachableSince: now - 29_999 };

    it("waits for replaceAfter, then launches a replacement", () => {
      const waiting = planned({ instances: [...several(2), instance(lost)] });
      assert.equal(waiting.launch, 0);
      assert.equal(waiting.settled, false);
      assert.equal(waiting.nextAt, now + 1);
      const given = planned({ instances: [...several(2), instance(lost)] }, now + 1);
      assert.equal(given.launch, 1);
      assert.deepEqual(given.kill, []);
    });

    it("is settled with replacements, and ends the surplus when the agent returns", () => {
      const givenUp = instance({ unreachableSince: now - 30_000, agent: "b" });
      const replaced = several(3);
      assert.equal(planned({ instances: [...replaced, givenUp] }).settled, true);
      const back = { ...givenUp, unreachableSince: undefined };
      const plan = planned({ instances: [...replaced, back] });
      assert.equal(plan.kill.length, 1);
      assert.ok(!plan.kill.includes(back.id), "agent a has three of them");
    });

    it("an old one that returns after its successor serves is ended", () => {
      const back = instance(old);
      assert.deepEqual(planned({ instances: [...several(3), back] }).kill, [back.id]);
    });
  });

  it("ends everything of a deleted app, also where nobody can be reached", () => {
    const far = instance({ unreachableSince: 0 });
    const near = instance();
    const ending = instance({ isEnding: true });
    const { kill, launch } = planned({ wanted: 0, isDeleted: true, instances: [far, near, ending] });
    assert.deepEqual(kill, [far.id, near.id].toSorted());
    assert.equal(launch, 0);
  });
});

/** An update of n instances in a random order of starts, health and ends, checked at each step. */
function followedThrough(seed: number): void {
  let state = seed;
  const random = (below: number) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >> 8) % below;
  };
  const wanted = 1 + random(5);
  let instances = several(wanted, { ...old, isChecked: true, healthy: true });
  const serving = () =>
    instances.filter(({ phase, healthy }) => phase === "running" && healthy === true).length;
  for (let step = 0; ; step++) {
    assert.ok(step < 1000, `seed ${seed}: no end`);
    const plan = planFor(
      { wanted, isDeleted: false, configVersion: "v1", replaceAfterMs: 1, groups: [], instances },
      now,
    );
    const killed = new Set(plan.kill.map(({ id }) => id));
    instances = instances.map((each) => (killed.has(each.id) ? { ...each, isEnding: true } : each));
    instances.push(...several(plan.launch, { phase: "staging", isChecked: true, healthy: undefined }));
    const unasked = instances.filter((each) => each.healthy === true && !each.isEnding).length;
    assert.ok(unasked >= wanted, `seed ${seed}: ${unasked} of ${wanted} serve`);
    assert.ok(instances.length <= 2 * wanted, `seed ${seed}: ${instances.length} for ${wanted}`);
    if (plan.settled) break;
    const at = random(instances.length);
    const chosen = instances[at]!;
    if (chosen.isEnding) instances.splice(at, 1);
    else if (chosen.phase === "staging") instances[at] = { ...chosen, phase: "running" };
    else if (chosen.healthy === undefined) instances[at] = { ...chosen, healthy: true };
  }
  assert.equal(serving(), wanted);
}
