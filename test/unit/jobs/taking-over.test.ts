import assert from "node:assert/strict";
import { cluster, create, id, only, ownKeys, runOf, start, view } from "./scene.js";

describe("jobs: under the next leader", () => {
  it("the history is bounded, its counts are not, also over a failover", () => {
    const play = cluster({ a: { cpus: 1000, mem: 1_000_000 } });
    create(play);
    const runs = Array.from({ length: 250 }, () => start(play).id);
    for (const [index, { spec }] of play.alive.entries())
      play.ends(spec.id, index % 5 === 0 ? { exitCode: 1 } : { state: "finished", exitCode: 0 });
    const { finished, active, successCount, failureCount } = view(play);
    assert.equal(active.length, 0);
    assert.ok(finished.length >= 100 && finished.length < 120, `${finished.length}`);
    assert.deepEqual([successCount, failureCount], [200, 50]);
    assert.equal(ownKeys(play).length, 1 + finished.length);
    assert.match(play.refusalOf("run", { id, run: runs[0]! }).message, /old runs are forgotten/);
    play.failover();
    assert.deepEqual([view(play).successCount, view(play).failureCount], [200, 50]);
    assert.deepEqual(
      view(play).finished.map((run) => run.id),
      finished.map((run) => run.id),
    );
  });

  it("after a failover runs go on, and nothing runs twice", () => {
    const play = cluster();
    create(play);
    const runs = Array.from({ length: 5 }, () => start(play).id);
    play.failover();
    play.pass(60_000);
    assert.equal(play.launched.length, 5);
    for (const { spec } of play.alive) play.ends(spec.id, { state: "finished", exitCode: 0 });
    for (const run of runs) assert.equal(runOf(play, run).status, "SUCCESS");
  });

  it("after the loss of the bucket jobs and runs are what their tasks say", () => {
    const play = cluster();
    create(play);
    const run = start(play, "k");
    play.loseBucket();
    play.failover();
    play.pass(60_000);
    assert.equal(runOf(play, run.id).status, "ACTIVE");
    assert.equal(start(play, "k").id, run.id);
    assert.deepEqual(play.killed, []);
    const lost = play.events.filter(({ type }) => type === "store-lost");
    assert.equal(lost.length, 1, "said once");
    assert.match(lost[0]!.message, /jobs without a running task/);
    play.ends(only(play), { state: "finished", exitCode: 0 });
    play.failover();
    assert.equal(runOf(play, run.id).status, "SUCCESS");
  });
});
