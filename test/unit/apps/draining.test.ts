import assert from "node:assert/strict";
import type { Demand } from "#protocol/api.js";
import type { AppView } from "#protocol/app.js";
import { AppsMachine } from "#services/apps/machine.js";
import type { SmallAgent } from "#test/support/small-agents.js";
import { SmallCluster } from "#test/support/small-cluster.js";
import { definition } from "./made.js";

const three: Record<string, SmallAgent> = {
  a: { attributes: { rack: "x" } },
  b: { attributes: { rack: "x" } },
  c: { attributes: { rack: "y" } },
};
const cluster = (agents = three) => new SmallCluster("apps", (term) => new AppsMachine(term), agents);
const put = (play: SmallCluster, given: object) =>
  play.ask("put", { definition: definition({ cpus: 0.5, ...given }), mode: "put" });
const view = (play: SmallCluster) => play.ask<AppView>("get", { id: "/demo/web" });
const demand = (play: SmallCluster) => play.ask<Demand[]>("demand", { id: "/demo/web" })[0]!;
const on = (play: SmallCluster) => ["a", "b", "c"].map(play.aliveOn);
const checked = { healthChecks: [{ protocol: "TCP" }] };

function allHealthy(play: SmallCluster): void {
  for (const { spec, latest } of play.alive)
    if (latest.state === "running" && latest.healthy !== true) play.isHealthy(spec.id, true);
}

describe("an app on an agent that is drained", () => {
  it("has its replacements run elsewhere before the old instances go: never fewer than wanted serve", () => {
    const play = cluster();
    put(play, { instances: 6, ...checked });
    allHealthy(play);
    assert.deepEqual(on(play), [2, 2, 2]);
    play.drain("a");
    // Two more are started, none is ended before one of them is healthy.
    assert.deepEqual(on(play), [2, 3, 3]);
    assert.deepEqual(play.killed, []);
    const [first, second] = play.launched.slice(-2).map(({ id }) => id);
    play.isHealthy(first!, true);
    assert.equal(play.killed.length, 1);
    assert.equal(view(play).healthy, 6);
    play.isHealthy(second!, true);
    assert.deepEqual(on(play), [0, 3, 3]);
    assert.equal(view(play).settled, true);
    assert.equal(view(play).healthy, 6);
    assert.equal(play.launched.length, 8);
  });

  it("stays within twice its instances", () => {
    const play = cluster({ a: {}, b: { cpus: 16 } });
    put(play, { instances: 2, constraints: [["@agent", "LIKE", "a|b"]], ...checked });
    allHealthy(play);
    play.drain("a");
    play.drain("b");
    play.addAgent("c", { cpus: 16 });
    play.activate("b");
    assert.ok(play.alive.length <= 4, `${play.alive.length} take room`);
    allHealthy(play);
    assert.deepEqual(on(play), [0, 2, 0]);
  });

  it("goes on while nothing else has room, says so, and moves when there is", () => {
    const play = cluster({ a: {} });
    put(play, { instances: 2 });
    play.drain("a", { deadlineAt: 99 });
    assert.deepEqual(play.killed, []);
    assert.equal(view(play).settled, true, "what was asked runs");
    const { waiting, wanted, running, leaving } = demand(play);
    assert.deepEqual({ wanted, running, leaving }, { wanted: 2, running: 2, leaving: 2 });
    assert.match(waiting.join(), /2 instances on 1 draining agent \(a\) stay until others serve elsewhere/);
    play.addAgent("b");
    play.settle();
    assert.deepEqual(on(play), [0, 2, 0]);
    assert.equal(demand(play).leaving, undefined);
    assert.deepEqual(demand(play).waiting, []);
  });

  it("that is pinned there ends at the deadline only, without blame, and comes back when the agent does", () => {
    const play = cluster();
    put(play, { instances: 1, constraints: [["@agent", "IS", "a"]] });
    play.drain("a");
    play.pass(3_600_000);
    assert.deepEqual(on(play), [1, 0, 0]);
    play.endsAllOn("a");
    assert.deepEqual(on(play), [0, 0, 0]);
    assert.equal(view(play).lastFailure, undefined);
    assert.equal(view(play).backoffMs, 0);
    play.activate("a");
    assert.deepEqual(on(play), [1, 0, 0]);
  });

  it("that is unique for each agent stays where there is no other, and its place is not counted where there is", () => {
    const play = cluster();
    put(play, { instances: 3, constraints: [["hostname", "UNIQUE"]] });
    play.drain("a");
    assert.deepEqual(on(play), [1, 1, 1]);
    const { waiting, counting } = demand(play);
    assert.match(waiting.join(), /1 instance on 1 draining agent \(a\) stays until/);
    assert.deepEqual(
      counting?.[0]?.placed.map(([value]) => value),
      ["b", "c"],
    );
    play.addAgent("d");
    play.settle();
    assert.deepEqual([...on(play), play.aliveOn("d")], [0, 1, 1, 1]);

    const racks = cluster();
    put(racks, { instances: 2, constraints: [["rack", "UNIQUE"]] });
    const leaving = racks.aliveOn("a") === 1 ? "a" : "b";
    racks.drain(leaving);
    assert.equal(racks.aliveOn(leaving), 0, "the other agent of the rack has it now");
    assert.equal(racks.alive.length, 2);
  });

  it("stays when the drain ends before it has moved: what was started for it goes again", () => {
    const play = cluster();
    put(play, { instances: 3, ...checked });
    allHealthy(play);
    play.drain("a");
    assert.equal(play.alive.length, 4);
    play.activate("a");
    assert.deepEqual(on(play), [1, 1, 1]);
    assert.equal(view(play).healthy, 3);
  });

  it("is moved on by the next leader of apps", () => {
    const play = cluster();
    put(play, { instances: 3, ...checked });
    allHealthy(play);
    play.drain("a");
    play.failover();
    assert.equal(play.alive.length, 4);
    assert.deepEqual(play.killed, []);
    allHealthy(play);
    assert.equal(play.aliveOn("a"), 0);
    assert.equal(play.alive.length, 3);
  });

  it("what had not begun to run there is ended at once and started elsewhere", () => {
    const play = cluster();
    play.startsByHand = true;
    put(play, { instances: 3 });
    play.drain("a");
    assert.equal(play.aliveOn("a"), 0);
  });
});
