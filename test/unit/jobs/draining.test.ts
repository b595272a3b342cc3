import assert from "node:assert/strict";
import type { Run } from "#protocol/job.js";
import { JobsMachine } from "#services/jobs/machine.js";
import { SmallCluster } from "#test/support/small-cluster.js";
import { job } from "./made.js";

const cluster = () => new SmallCluster("jobs", (term) => new JobsMachine(term), { a: { cpus: 4 } });
const id = "demo.pi";

/** A run whose attempt runs on agent a, which then is drained. */
function draining(run: object): { readonly play: SmallCluster; readonly run: () => Run } {
  const play = cluster();
  play.ask("create", job({ cpus: 1, ...run }));
  const started = play.ask<Run>("start", { id });
  play.drain("a", { deadlineAt: 99 });
  play.addAgent("b");
  play.settle();
  return { play, run: () => play.ask<Run>("run", { id, run: started.id }) };
}

describe("a job on an agent that is drained", () => {
  it("runs on, and may come to its end there; new runs go elsewhere", () => {
    const { play, run } = draining({});
    play.pass(3_600_000);
    assert.deepEqual(play.killed, []);
    assert.deepEqual(["a", "b"].map(play.aliveOn), [1, 0]);
    play.ask("start", { id });
    assert.deepEqual(["a", "b"].map(play.aliveOn), [1, 1]);
    play.ends(play.alive[0]!.spec.id, { state: "finished", exitCode: 0, reason: "exited" });
    assert.equal(run().status, "SUCCESS");
  });

  it("is run again elsewhere when the deadline ends it, and no retry is used up", () => {
    const { play, run } = draining({ restart: { policy: "ON_FAILURE" }, retries: 0 });
    play.endsAllOn("a");
    play.pass(1);
    assert.deepEqual(["a", "b"].map(play.aliveOn), [0, 1]);
    const { status, attempts } = run();
    assert.equal(status, "ACTIVE");
    assert.deepEqual(
      attempts.map(({ agent, reason }) => [agent, reason]),
      [
        ["a", "drained"],
        ["b", undefined],
      ],
    );
    play.ends(play.alive[0]!.spec.id, { state: "finished", exitCode: 0, reason: "exited" });
    assert.equal(run().status, "SUCCESS");
  });

  it("has failed when the deadline ends it and it is not to be run twice", () => {
    const { play, run } = draining({ restart: { policy: "NEVER" } });
    play.endsAllOn("a");
    assert.equal(run().status, "FAILED");
    assert.match(run().reason ?? "", /it had begun, and is not to be run twice/);
  });
});
