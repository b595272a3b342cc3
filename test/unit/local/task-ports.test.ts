import assert from "node:assert/strict";
import { SystemClock } from "#libs/adapters/clock.js";
import { overlap, portClaims } from "#libs/adapters/port-claims.js";
import { freeRange, takeTaskPorts } from "#services/local/task-ports.js";
import { startChild } from "#test/support/child.js";
import { eventually } from "#test/support/eventually.js";

/** Another process that gives ports to tasks. */
function other(first: number, last: number) {
  const name = JSON.stringify(`emporion-task-ports-${first}-${last}-`);
  const program = `require("net").createServer().listen("\\0" + ${name} + process.pid)`;
  return startChild(process.execPath, ["-e", program]);
}

describe("task ports", () => {
  it("overlap when they share one port", () => {
    assert.equal(overlap([10, 20], [20, 30]), true);
    assert.equal(overlap([10, 20], [21, 30]), false);
    assert.equal(overlap([10, 40], [20, 30]), true);
  });

  it("any free ones are the highest thousand that nobody has", () => {
    assert.deepEqual(freeRange([]), [31_000, 31_999]);
    assert.deepEqual(freeRange([[31_000, 32_000]]), [30_000, 30_999]);
    assert.deepEqual(freeRange([[29_500, 31_000]]), [28_000, 28_999]); // touches 31000, all of 30…, half of 29…
    assert.throws(() => freeRange([[1, 65_535]]), /no 1000 task ports from 20000 to 31999 are free/);
  });

  it("that another process has are refused, whole or in part, until it has gone", async () => {
    const clock = new SystemClock();
    const holder = other(11_000, 11_099);
    const { pid } = holder.process;
    await eventually("the claim", async () => (await portClaims()).some((claim) => claim.pid === pid));
    await assert.rejects(takeTaskPorts([11_050, 11_200], clock), (cause: Error) => {
      assert.equal(
        cause.message,
        `of the task ports 11050-11200 another cluster on this machine has 11000-11099 (process ${pid}); ` +
          "choose others with --task-ports, or --task-ports 0 for any free ones",
      );
      return true;
    });
    (await takeTaskPorts([11_100, 11_200], clock)).release();
    await holder.end("SIGKILL");
    const taken = await takeTaskPorts([11_050, 11_200], clock);
    assert.deepEqual(taken.range, [11_050, 11_200]);
    assert.ok((await portClaims()).some(({ pid: claimant }) => claimant === process.pid));
    taken.release();
  });
});
