import assert from "node:assert/strict";
import { kinds, mixtureOf, mixtureText } from "./mixture.js";
import { chanceOf, planOf } from "./plan.js";

const many = Array.from({ length: 300 }, (_, index) => index + 1);

describe("simulation: the mixture of a seed", () => {
  it("is the same for the same seed, and has what it says", () => {
    assert.deepEqual(mixtureOf(5), mixtureOf("5"));
    for (const seed of many.slice(0, 50)) {
      const mixture = mixtureOf(seed);
      const text = mixtureText(mixture);
      for (const kind of [...mixture.weather, ...mixture.troubles, ...mixture.works])
        assert.ok(text.includes(kind), `${kind} in ${text}`);
    }
  });

  it("has each kind in some seeds, and not in others", () => {
    const mixtures = many.map((seed) => mixtureOf(seed));
    for (const kind of kinds) {
      const count = mixtures.filter(({ weather, troubles, works }) =>
        ([...weather, ...troubles, ...works] as string[]).includes(kind),
      ).length;
      assert.ok(count > 30 && count < 270, `${kind} in ${count} of 300`);
    }
  });

  it("has turns that last where its weather has, and only there", () => {
    for (const { weather, turnMs } of many.map((seed) => mixtureOf(seed)))
      assert.equal(turnMs !== undefined, weather.includes("turns"));
  });

  it("is all the same but for the kind that is left out", () => {
    for (const seed of many.slice(0, 50))
      for (const kind of [...kinds, "away"]) {
        const all = mixtureOf(seed);
        const less = mixtureOf(seed, new Set([kind]));
        const others = (names: readonly string[]) => names.filter((name) => name !== kind);
        for (const part of ["weather", "troubles", "works"] as const)
          assert.deepEqual(less[part], others(all[part]), `${part} of ${seed} without ${kind}`);
        assert.equal(less.away, kind === "away" ? "nobody" : all.away);
        assert.deepEqual([less.agents, less.copies, less.forMs], [all.agents, all.copies, all.forMs]);
      }
  });
});

describe("simulation: the plan of a seed", () => {
  it("is in the order of time, within the time of troubles, and each step has a name of its own", () => {
    for (const seed of many) {
      const mixture = mixtureOf(seed);
      const steps = planOf(seed, mixture);
      assert.deepEqual(
        steps,
        steps.toSorted((a, b) => a.at - b.at),
      );
      assert.ok(steps.every(({ at }) => at >= 0 && at < mixture.forMs));
      assert.equal(new Set(steps.map(({ id }) => id)).size, steps.length);
      for (const step of steps)
        if (step.what === "trouble") assert.ok(step.lastsMs > 0 && step.lastsMs <= mixture.troubleMostMs);
    }
  });

  it("changes nothing else when a kind is left out", () => {
    for (const seed of many.slice(0, 50)) {
      const all = planOf(seed, mixtureOf(seed));
      const [kind] = mixtureOf(seed).troubles;
      const less = planOf(seed, mixtureOf(seed, new Set([kind!])));
      assert.deepEqual(
        less,
        all.filter((step) => step.kind !== kind),
      );
    }
  });

  it("gives each step a chance of its own, and the same one each time", () => {
    const draws = () => planOf(3, mixtureOf(3)).map((step) => chanceOf(3, step).token(8));
    assert.deepEqual(draws(), draws());
    assert.equal(new Set(draws()).size, draws().length);
  });
});
