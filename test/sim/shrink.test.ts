import assert from "node:assert/strict";
import type { Step } from "./plan.js";
import type { RunOptions } from "./run.js";
import { commandOf, shrink } from "./shrink.js";
import { wantedIn } from "./wanted.js";

const stepIds = Array.from({ length: 20 }, (_, index) => `deploy.${index + 1}`);
const mixture = "weather: loss 2 %; troubles: agent-dies, power-lost; work: deploy; away: dead";
const outcome = { seed: 7, mixture };

/** A seed that fails as long as all of these are in it. */
const needs =
  (...needed: readonly string[]) =>
  ({ without = new Set(), only }: RunOptions) => {
    const has = (what: string) => (what.includes(".") ? (only?.has(what) ?? true) : !without.has(what));
    const steps = stepIds.filter((id) => only?.has(id) ?? true).map((id) => ({ id }) as Step);
    return Promise.resolve({ steps, ...(needed.every(has) && { failure: "broken" }) });
  };

describe("simulation: a failure is made smaller", () => {
  it("to the kinds and steps that it needs", async () => {
    const least = await shrink(outcome, 1000, () => 0, needs("power-lost", "deploy.3", "deploy.17"));
    assert.deepEqual(least, {
      seed: 7,
      without: new Set(["away", "loss", "agent-dies", "deploy"]),
      only: new Set(["deploy.3", "deploy.17"]),
    });
  });

  it("to nothing at all when it fails of itself", async () => {
    const { only } = await shrink(outcome, 1000, () => 0, needs());
    assert.deepEqual(only, new Set());
  });

  it("as far as the time goes: what is left still fails", async () => {
    let time = 0;
    const fails = needs("agent-dies", "deploy.9");
    const least = await shrink(
      outcome,
      5,
      () => time++,
      (options) => fails(options),
    );
    assert.ok((await fails(least)).failure !== undefined);
    assert.ok(least.only!.size > 1, "there was no time for more");
  });
});

describe("simulation: the command for a run", () => {
  it("asks for this very run", () => {
    const run = { seed: 7, without: new Set(["loss", "away"]), only: new Set(["deploy.1", "kill.2"]) };
    const command = commandOf(run);
    assert.equal(command, "npm run sim -- --seed 7 --without loss,away --only deploy.1,kill.2");
    const wanted = wantedIn(command.split(" ").slice(4));
    assert.deepEqual(wanted, { type: "replay", run: { ...run, seed: "7", detailed: true } });
  });

  it("says no more than is needed, and that no step is", () => {
    assert.equal(commandOf({ seed: "x" }), "npm run sim -- --seed x");
    assert.equal(commandOf({ seed: 1, only: new Set() }), "npm run sim -- --seed 1 --only none");
  });
});
