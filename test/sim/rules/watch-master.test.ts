import assert from "node:assert/strict";
import { Subjects } from "#protocol/subjects.js";
import { amounts } from "#libs/core/resources.js";
import { SimWorld } from "#libs/sim/world.js";
import type { MasterEffect } from "#services/master/events.js";
import type { MasterMachine } from "#services/master/machine.js";
import { Rules } from "./rules.js";

const at = { mono: 0, wall: 0 };

/** A master whose books hold more than there is, and what it settles when it settles. */
function watched(settles?: readonly MasterEffect[]) {
  const world = new SimWorld({ seed: "watched" });
  const rules = new Rules({ world, subjects: new Subjects("sim"), agents: 1 });
  const machine = {
    agents: [
      {
        id: "a",
        info: { totals: amounts({ cpus: 1 }) },
        used: amounts({ cpus: 2 }),
        offered: amounts({ cpus: 0 }),
      },
    ],
    handle: () => [],
    nextDeadline: () => 7,
    ...(settles && { settle: () => settles }),
  } as unknown as MasterMachine;
  return { rules, machine: rules.watchMaster(world.node("m1"))(machine) };
}

describe("simulation: a watched master", () => {
  it("settles when its machine does, and is looked at then", () => {
    const effects: MasterEffect[] = [];
    const { rules, machine } = watched(effects);
    assert.equal(machine.settle!(at), effects);
    assert.throws(() => rules.assertKept(), /R1/);
  });

  it("does not settle when its machine does not, and has its deadlines", () => {
    const { machine } = watched();
    assert.equal("settle" in machine, false);
    assert.equal(machine.nextDeadline(), 7);
  });
});
