import assert from "node:assert/strict";
import type { Demand } from "#protocol/api.js";
import { aliveIds, cluster, put, storedFailures, view } from "./scene.js";

describe("apps: failures", () => {
  describe("failures", () => {
    it("delay the next launch more each time, and say why", () => {
      const play = cluster();
      put(play, { backoffSeconds: 1, backoffFactor: 2 });
      for (const [failures, delayMs] of [1000, 2000, 4000].entries()) {
        play.ends(aliveIds(play)[0]!, { exitCode: 3, reason: "exited" });
        assert.equal(play.alive.length, 0);
        const { backoffMs, lastFailure } = view(play);
        assert.equal(backoffMs, delayMs);
        assert.equal(lastFailure?.message, "exited with code 3");
        const [demand] = play.ask<Demand[]>("demand", { id: "/demo/web" });
        assert.match(
          demand!.waiting[0]!,
          new RegExp(
            `^backing off for ${delayMs / 1000} s after ${failures + 1} failures?: last demo_web.* on host-.: exited with code 3$`,
          ),
        );
        play.pass(delayMs - 1);
        assert.equal(play.alive.length, 0);
        play.pass(1);
        assert.equal(play.alive.length, 1);
      }
    });

    it("a start counts at once while nothing has failed; in a crash loop none does until it has run for ten seconds", () => {
      const play = cluster();
      put(play, { backoffSeconds: 1, instances: 2 });
      assert.equal(view(play).settled, true);
      play.ends(aliveIds(play)[0]!, { exitCode: 3, reason: "exited" });
      play.pass(1000);
      const looped = view(play);
      assert.deepEqual([looped.running, looped.settled, looped.failures], [2, false, 1]);
      const [demand] = play.ask<Demand[]>("demand", { id: "/demo/web" });
      assert.match(
        demand!.waiting[0]!,
        /^1 failure in a row: it is settled when it has run for 10 s more; last demo_web.*: exited with code 3$/,
      );
      play.pass(9_999);
      assert.equal(view(play).settled, false);
      play.pass(1);
      assert.deepEqual([view(play).settled, view(play).failures], [true, 0]);
    });

    it("are forgiven after as long as ever when the clock is set meanwhile", () => {
      for (const aheadMs of [-3_600_000, 3_600_000]) {
        const play = cluster();
        put(play, { backoffSeconds: 1 });
        play.ends(aliveIds(play)[0]!, { exitCode: 3, reason: "exited" });
        play.pass(1000);
        play.wallAheadMs = aheadMs;
        play.pass(9_999);
        assert.equal(view(play).settled, false);
        play.pass(1);
        assert.deepEqual([view(play).settled, view(play).failures], [true, 0]);
      }
    });

    it("scaled down to what has run well, or to nothing, it is settled, whatever failed before", () => {
      const play = cluster();
      put(play, { backoffSeconds: 60, instances: 2 });
      play.ends(aliveIds(play)[0]!, { exitCode: 3, reason: "exited" });
      play.ask("scale", { id: "/demo/web", instances: 1 });
      assert.equal(view(play).settled, false);
      play.pass(10_000);
      assert.deepEqual([view(play).settled, view(play).failures], [true, 1]);
      play.ends(aliveIds(play)[0]!, { exitCode: 3, reason: "exited" });
      play.ask("scale", { id: "/demo/web", instances: 0 });
      assert.equal(view(play).settled, true);
    });

    it("of an instance that had run well are made up for at once", () => {
      const play = cluster();
      put(play);
      play.pass(10_000);
      play.ends(aliveIds(play)[0]!, { exitCode: 1 });
      assert.equal(play.alive.length, 1);
      assert.equal(view(play).lastFailure?.state, "failed");
    });

    it("are remembered by the next leader, and forgotten with another configuration", () => {
      const play = cluster();
      put(play, { backoffSeconds: 10, backoffFactor: 2 });
      play.ends(aliveIds(play)[0]!, { exitCode: 1 });
      play.pass(10_000);
      play.ends(aliveIds(play)[0]!, { exitCode: 1 });
      play.failover();
      assert.equal(view(play).backoffMs, 20_000); // 10·2^1
      assert.equal(view(play).lastFailure?.message, "exited with code 1");
      play.ask("scale", { id: "/demo/web", instances: 2 });
      assert.equal(play.alive.length, 0);
      put(play, { backoffSeconds: 10, backoffFactor: 2, cmd: "better" });
      assert.equal(view(play).backoffMs, 0);
      assert.equal(play.alive.length, 1);
    });

    it("are forgotten for good once an instance has run well: the next leader waits for nothing", () => {
      const play = cluster();
      put(play, { backoffSeconds: 1, backoffFactor: 2 });
      play.ends(aliveIds(play)[0]!, { exitCode: 1 });
      play.pass(1000);
      assert.equal(play.alive.length, 1);
      play.pass(9_999);
      assert.equal(storedFailures(play), 1);
      play.pass(1);
      assert.equal(storedFailures(play), 0);
      play.failover();
      assert.equal(view(play).backoffMs, 0);
      play.ask("scale", { id: "/demo/web", instances: 2 });
      assert.equal(play.alive.length, 2);
    });

    it("of long ago do not hold up the next leader", () => {
      const play = cluster();
      put(play, { backoffSeconds: 10, backoffFactor: 1 });
      play.ends(aliveIds(play)[0]!, { exitCode: 1 });
      play.ask("scale", { id: "/demo/web", instances: 0 });
      play.pass(10_000);
      play.failover();
      play.ask("scale", { id: "/demo/web", instances: 1 });
      assert.equal(play.alive.length, 1);
    });

    it("to take it: the first refusal is free, more delay", () => {
      const play = cluster();
      let refused = 0;
      play.refuses = () => (++refused <= 2 ? "cpus: 1 asked, 0.5 free" : undefined);
      put(play);
      assert.equal(play.alive.length, 0);
      assert.equal(refused, 2);
      assert.equal(view(play).lastFailure?.message, "cpus: 1 asked, 0.5 free");
      assert.equal(view(play).refusals, 2);
      play.pass(1000);
      assert.equal(view(play).refusals, 0);
      assert.equal(view(play).settled, true);
    });
  });
});
