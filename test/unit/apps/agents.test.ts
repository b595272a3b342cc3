import assert from "node:assert/strict";
import type { Demand } from "#protocol/api.js";
import { byText, cluster, put, three, view } from "./scene.js";

describe("apps: agents that are lost, and places that are wanting", () => {
  describe("an unreachable agent", () => {
    it("its instances are replaced after replaceAfterSeconds, and the surplus ends when it returns", () => {
      const play = cluster();
      put(play, { instances: 3, replaceAfterSeconds: 30 });
      play.cutOff("a");
      play.pass(29_999);
      assert.equal(play.launched.length, 3);
      assert.equal(view(play).tasks.filter(({ state }) => state === "unreachable").length, 1);
      play.pass(1);
      assert.equal(play.launched.length, 4);
      assert.equal(view(play).settled, true);
      assert.equal(play.alive.length, 4);
      play.comesBack("a");
      assert.equal(play.alive.length, 3);
      assert.equal(view(play).settled, true);
      assert.equal(play.killed.length, 1);
    });

    it("that returns in time changes nothing", () => {
      const play = cluster();
      put(play, { instances: 3 });
      play.cutOff("a");
      play.pass(10_000);
      play.comesBack("a");
      play.pass(60_000);
      assert.equal(play.launched.length, 3);
      assert.equal(play.killed.length, 0);
    });

    it("does not keep a deleted app: it goes, and its task ends when the agent returns, even after a failover", () => {
      const play = cluster();
      put(play, { instances: 3, replaceAfterSeconds: 30 });
      play.cutOff("a");
      play.ask("remove", { id: "/demo/web" });
      assert.equal(play.alive.length, 1);
      play.pass(30_000);
      assert.equal(play.refusalOf("get", { id: "/demo/web" }).code, "not-found");
      play.failover();
      play.comesBack("a");
      play.pass(60_000);
      assert.equal(play.alive.length, 0);
      assert.equal(play.bucket.size, 0);
    });

    it("that is declared gone loses its instances: they are replaced at once", () => {
      const play = cluster();
      put(play, { instances: 3 });
      play.cutOff("a");
      play.isGone("a");
      assert.equal(play.launched.length, 4);
      assert.equal(view(play).settled, true);
    });
  });

  it("constraints on counts hold over several rounds of offers, and say why more is not placed", () => {
    const play = cluster();
    put(play, { instances: 3, constraints: [["rack", "UNIQUE"]] });
    assert.equal(play.alive.length, 2); // racks x and y
    const [demand] = play.ask<Demand[]>("demand", { id: "/demo/web" });
    assert.equal(demand?.wanted, 3);
    assert.equal(demand?.running, 2);
    assert.ok(
      demand?.waiting.some((reason) =>
        /3 offers\): 2 × UNIQUE rack: x has 1 already; 1 × UNIQUE rack: y/.test(reason),
      ),
      JSON.stringify(demand?.waiting),
    );
    assert.deepEqual(
      demand?.counting?.map(({ rule, placed }) => ({
        rule,
        placed: placed.toSorted(([a], [b]) => (a < b ? -1 : 1)),
      })),
      [
        {
          rule: { operator: "UNIQUE", attribute: "rack" },
          placed: [
            ["x", 1],
            ["y", 1],
          ],
        },
      ],
    );
    play.addAgent("d", { attributes: { rack: "z" } });
    play.settle();
    assert.equal(play.alive.length, 3);
  });

  it("GROUP_BY keeps the groups even when it is scaled down", () => {
    const play = cluster();
    put(play, { instances: 4, constraints: [["rack", "GROUP_BY"]] });
    const racks = () => play.alive.map(({ agent }) => three[agent]!.attributes!["rack"]!).toSorted(byText);
    assert.deepEqual(racks(), ["x", "x", "y", "y"]);
    play.ask("scale", { id: "/demo/web", instances: 2 });
    assert.deepEqual(racks(), ["x", "y"]);
  });

  it("what does not fit waits, and says how much is lacking", () => {
    const play = cluster();
    put(play, { cpus: 8 });
    const [demand] = play.ask<Demand[]>("demand", { id: "/demo/web" });
    assert.ok(
      demand?.waiting.some((reason) => reason.includes("3 × cpus: 8 asked, 4 free")),
      JSON.stringify(demand),
    );
    assert.equal(demand?.need.resources.scalars["cpus"], 8000);
  });
});
