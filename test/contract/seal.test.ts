import assert from "node:assert/strict";
import { HmacSealer } from "#libs/adapters/sealer.js";
import type { Sealer } from "#libs/ports/seal.js";
import { SimSealer } from "#libs/sim/sealer.js";

/** Sealers of two processes of one cluster, and the cluster's key. */
interface World {
  readonly master: Sealer;
  readonly agent: Sealer;
  readonly clusterKey: string;
}

function sealContract(open: () => World): void {
  let world: World;
  let key: string;
  beforeEach(() => {
    world = open();
    key = world.master.agentKey("agent-a");
  });
  const body = '{"agent":"agent-a","number":7,"words":"ä € 𝄞"}';

  it("a seal is 64 digits of lower-case hex, whatever is sealed", () => {
    for (const text of ["", "a", body, "x".repeat(100_000)])
      assert.match(world.master.seal(key, text), /^[0-9a-f]{64}$/);
  });

  it("the same key and text have the same seal, in every process", () => {
    assert.equal(world.master.seal(key, body), world.master.seal(key, body));
    assert.equal(world.master.seal(key, body), world.agent.seal(key, body));
  });

  it("what the master has sealed matches at the agent", () => {
    assert.ok(world.agent.matches(key, body, world.master.seal(key, body)));
    assert.ok(world.agent.matches(key, "", world.master.seal(key, "")));
  });

  it("another text does not, be it in one letter, its case or its accent", () => {
    const seal = world.master.seal(key, body);
    for (const other of ["", `${body} `, body.slice(1), body.replace("7", "8"), body.replace("ä", "a")])
      assert.equal(world.agent.matches(key, other, seal), false, other);
  });

  it("nor does the seal of another key", () => {
    const other = world.master.agentKey("agent-b");
    assert.equal(world.agent.matches(key, body, world.master.seal(other, body)), false);
    assert.equal(world.agent.matches(other, body, world.master.seal(key, body)), false);
  });

  it("nor does what is no seal, of whatever length", () => {
    const seal = world.master.seal(key, body);
    for (const forged of ["", "0".repeat(64), seal.slice(1), `${seal}0`, seal.toUpperCase(), "ä".repeat(64)])
      assert.equal(world.agent.matches(key, body, forged), false, forged);
  });

  it("each agent has a key of its own, derived from the cluster's", () => {
    assert.equal(key, world.master.seal(world.clusterKey, "agent:agent-a"));
    assert.notEqual(key, world.master.agentKey("agent-b"));
    assert.notEqual(key, world.master.agentKey("agent-a2"));
  });
}

describe("seals by HMAC", () => {
  const clusterKey = "the key of this cluster";
  // An agent has its own key and not the cluster's.
  sealContract(() => ({ master: new HmacSealer(clusterKey), agent: new HmacSealer(), clusterKey }));
});

describe("seals of the simulation", () => {
  sealContract(() => ({ master: new SimSealer(), agent: new SimSealer(), clusterKey: "cluster" }));
});
