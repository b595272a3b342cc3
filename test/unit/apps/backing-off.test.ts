import assert from "node:assert/strict";
import type { TaskReason } from "#protocol/task.js";
import { never } from "#libs/core/time.js";
import type { FrameworkTask } from "#libs/framework/scheduler.js";
import {
  afterEnd,
  afterStart,
  type BackingOff,
  endOf,
  forgivenAt,
  notBackingOff,
  resumed,
} from "#services/apps/backing-off.js";
import { instance } from "./made.js";

const times = { backoffSeconds: 1, backoffFactor: 2, maxLaunchDelaySeconds: 5 };

function ended(
  given: Partial<Omit<FrameworkTask, "latest">> & { readonly ranMs?: number; readonly reason?: TaskReason },
): FrameworkTask {
  const { ranMs, reason, phase = "failed", ...rest } = given;
  return {
    spec: { id: "t", name: "t", workload: { kind: "process" }, resources: { scalars: {}, ports: [] } },
    change: 1,
    agent: "a",
    host: "h",
    launchedAt: { mono: 0, wall: 0 },
    phase,
    latest: {
      task: "t",
      number: 1,
      state: phase === "refused" || phase === "lost" || phase === "launching" ? "failed" : phase,
      at: 5_000_000 + (ranMs ?? 0),
      ...(reason !== undefined && { reason }),
    },
    ...(ranMs !== undefined && { startedAt: 5_000_000 }),
    ...rest,
  };
}

describe("backing off", () => {
  it("delays by backoffSeconds · factor^(n−1), up to maxLaunchDelaySeconds", () => {
    let state = notBackingOff;
    const delays = [];
    for (let failures = 1; failures <= 5; failures++) {
      state = afterEnd(state, "failed", times, 10_000);
      delays.push(state.until - 10_000);
    }
    assert.deepEqual(delays, [1000, 2000, 4000, 5000, 5000]); // 1·2^0, 2^1, 2^2, then min(5, 8), min(5, 16)
  });

  it("an instance that failed, ended by itself or never became healthy counts", () => {
    assert.equal(endOf(ended({}), times, notBackingOff), "failed");
    assert.equal(endOf(ended({ phase: "finished", reason: "exited" }), times, notBackingOff), "failed");
    assert.equal(
      endOf(ended({ phase: "killed", reason: "unhealthy", ranMs: 60_000 }), times, notBackingOff),
      "failed",
    );
    assert.equal(endOf(ended({ reason: "image-missing" }), times, notBackingOff), "failed");
  });

  it("one that was asked to end, or fell with its agent, does not", () => {
    assert.equal(
      endOf(ended({ phase: "killed", reason: "kill-requested" }), times, notBackingOff),
      "blameless",
    );
    assert.equal(endOf(ended({ phase: "lost" }), times, notBackingOff), "blameless");
    assert.equal(endOf(ended({ reason: "host-restarted" }), times, notBackingOff), "blameless");
    assert.equal(endOf(ended({ reason: "never-started" }), times, notBackingOff), "blameless");
  });

  it("after ten good seconds a failure is no reason to wait, and forgives the earlier ones", () => {
    assert.equal(endOf(ended({ ranMs: 9_999 }), times, notBackingOff), "failed");
    assert.equal(endOf(ended({ ranMs: 10_000 }), times, notBackingOff), "stumbled");
    const troubled: BackingOff = { ...notBackingOff, failures: 3, until: 99_000 };
    assert.deepEqual(afterEnd(troubled, "stumbled", times, 10_000), notBackingOff);
  });

  it("a longer delay needs as long a good run", () => {
    const slow = { backoffSeconds: 60, backoffFactor: 1, maxLaunchDelaySeconds: 300 };
    const before: BackingOff = { ...notBackingOff, failures: 1 };
    assert.equal(endOf(ended({ ranMs: 59_999 }), slow, before), "failed");
    assert.equal(endOf(ended({ ranMs: 60_000 }), slow, before), "stumbled");
  });

  it("the first refusal in a row is free, and a start ends the row", () => {
    const once = afterEnd(notBackingOff, "refused", times, 10_000);
    assert.deepEqual(once, { ...notBackingOff, refusals: 1, until: 10_000 });
    const twice = afterEnd(once, "refused", times, 10_000);
    assert.equal(twice.until, 11_000); // 1·2^0
    assert.equal(afterEnd(afterStart(twice), "refused", times, 20_000).until, 20_000);
  });

  it("failures are forgotten when an instance launched since then has run well for long enough", () => {
    const before: BackingOff = { ...notBackingOff, failures: 2, failedAt: 1_000 };
    const launched = (launchedAt: number, more = {}) => instance({ launchedAt, ...more });
    assert.equal(forgivenAt(before, [launched(12_000), launched(10_000)], times), 20_000); // steady after 10 s
    assert.equal(forgivenAt(before, [launched(900)], times), never); // before the failure
    assert.equal(forgivenAt(before, [launched(5_000, { isChecked: true })], times), never); // not healthy
    assert.equal(forgivenAt(notBackingOff, [launched(5_000)], times), never); // nothing to forget
  });

  it("the next leader goes on with what is left of the last delay", () => {
    const at = { mono: 10_000, wall: 900_000 };
    const until = (lastFailureAt: number) => resumed(2, lastFailureAt, times, at).until;
    assert.equal(until(900_000), 12_000); // 2 s, all of it
    assert.equal(until(899_500), 11_500); // 0.5 s of it have passed
    assert.equal(until(100_000), 10_000); // long ago
    assert.equal(until(950_000), 12_000); // the clock was set back
    assert.deepEqual(resumed(0, 900_000, times, at), notBackingOff);
  });
});
