import assert from "node:assert/strict";
import type { Need } from "#protocol/framework.js";
import { backoffMs } from "#libs/core/backoff.js";
import { constraintBroken } from "#libs/core/constraint.js";
import { fits, misfit, type Place } from "#libs/core/fits.js";
import { amounts } from "#libs/core/resources.js";
import { tally } from "#libs/core/tally.js";
import { canFollow, isTerminal } from "#libs/core/task-state.js";
import { taskStates } from "#protocol/task-states.js";

const place: Place = {
  id: "agent-a",
  host: "10.0.0.1",
  attributes: { rack: "a" },
  executors: [
    { kind: "process", version: "1", warnings: [] },
    {
      kind: "jvm",
      version: "17",
      jdks: [{ release: 17, version: "17.0.15", vendor: "Debian", home: "/jdk" }],
      warnings: [],
    },
  ],
  resources: amounts({ cpus: 2, mem: 300, ports: [[31000, 31001]] }),
};

const need = (part: Partial<Need>): Need => ({ resources: amounts({}), constraints: [], ...part });

describe("what fits where", () => {
  it("fits when everything is there", () => {
    assert.ok(
      fits(
        need({ resources: amounts({ cpus: 2, mem: 300 }), portCount: 2, executor: "jvm", jdk: "17" }),
        place,
      ),
    );
  });

  it("says the first thing that is missing, in numbers", () => {
    assert.equal(
      misfit(need({ resources: amounts({ cpus: 1, mem: 512 }) }), place)?.text,
      "mem: 512 MiB asked, 300 MiB free",
    );
    assert.equal(misfit(need({ portCount: 3 }), place)?.text, "ports: 3 asked, 2 free");
    assert.equal(
      misfit(need({ executor: "container" }), place)?.text,
      "no executor container; it has process, jvm",
    );
    assert.equal(misfit(need({ executor: "jvm", jdk: "21" }), place)?.text, "no JDK 21; it has 17");
    assert.ok(fits(need({ executor: "jvm", jdk: ">=11" }), place));
  });

  it("names a constraint before resources, for more room would not help", () => {
    const asked = need({
      resources: amounts({ mem: 999 }),
      constraints: [{ attribute: "rack", operator: "is", value: "b" }],
    });
    assert.equal(misfit(asked, place)?.text, "attribute rack is a, asked: is b");
  });
});

describe("constraints", () => {
  const seen = { rack: "a", zone: "eu-1" };
  const holds = (
    attribute: string,
    operator: "is" | "is-not" | "like" | "unlike" | "exists",
    value?: string,
  ) =>
    constraintBroken(value === undefined ? { attribute, operator } : { attribute, operator, value }, seen) ===
    undefined;

  it("compare the whole text", () => {
    assert.ok(holds("rack", "is", "a"));
    assert.ok(!holds("rack", "is-not", "a"));
    assert.ok(holds("zone", "like", "eu-\\d"));
    assert.ok(!holds("zone", "like", "eu"));
    assert.ok(holds("zone", "unlike", "us-.*"));
  });

  it("an absent attribute satisfies only the negative ones", () => {
    assert.deepEqual(
      (["is", "is-not", "like", "unlike", "exists"] as const).filter((operator) =>
        holds("gpu", operator, "x"),
      ),
      ["is-not", "unlike"],
    );
  });
});

describe("task states", () => {
  it("only move forward, and a terminal one is final (R4)", () => {
    for (const state of taskStates) {
      assert.ok(!canFollow(state, state));
      if (isTerminal(state)) assert.ok(taskStates.every((to) => !canFollow(state, to)));
      for (const to of taskStates) assert.ok(!(canFollow(state, to) && canFollow(to, state)));
    }
    assert.deepEqual(taskStates.filter(isTerminal), ["finished", "failed", "killed"]);
  });
});

describe("backoff", () => {
  it("grows by the factor up to the most", () => {
    const backoff = { firstMs: 1000, factor: 2, mostMs: 5000 };
    // 1000 · 2^0, 2^1, 2^2, then 8000 > 5000
    assert.deepEqual(
      [0, 1, 2, 3, 4, 5000].map((failures) => backoffMs(backoff, failures)),
      [0, 1000, 2000, 4000, 5000, 5000],
    );
  });
});

describe("tally", () => {
  it("counts, the most frequent first, ties by name", () => {
    assert.deepEqual(tally(["mem", "cpus", "mem", "a"]), [
      { reason: "mem", count: 2 },
      { reason: "a", count: 1 },
      { reason: "cpus", count: 1 },
    ]);
  });
});
