import assert from "node:assert/strict";
import { performance } from "node:perf_hooks";
import sinon from "sinon";
import { SystemClock } from "#libs/adapters/clock.js";

const dayMs = 24 * 3600 * 1000;

/** Node's timers hold 2^31 − 1 ms, about 24.8 days; what is set for longer fires after 1 ms. */
describe("the system's clock over long times", () => {
  let timers: sinon.SinonFakeTimers;
  let now: sinon.SinonStub;

  beforeEach(() => {
    timers = sinon.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    now = sinon.stub(performance, "now").callsFake(() => timers.now);
  });
  afterEach(() => {
    now.restore();
    timers.restore();
  });

  it("calls after 60 days, not before, and once", () => {
    const call = sinon.spy();
    new SystemClock().after(60 * dayMs, call);
    timers.tick(60 * dayMs - 1);
    sinon.assert.notCalled(call);
    timers.tick(1);
    sinon.assert.calledOnce(call);
    timers.tick(60 * dayMs);
    sinon.assert.calledOnce(call);
  });

  it("does not call what is cancelled after it was armed anew", () => {
    const call = sinon.spy();
    const cancel = new SystemClock().after(60 * dayMs, call);
    timers.tick(40 * dayMs);
    cancel();
    assert.equal(timers.countTimers(), 0);
    timers.tick(40 * dayMs);
    sinon.assert.notCalled(call);
  });

  it("waits on when Node's timer comes a little too early", () => {
    const call = sinon.spy();
    new SystemClock().after(10, call);
    now.callsFake(() => timers.now - 0.5);
    timers.tick(10);
    sinon.assert.notCalled(call);
    timers.tick(1);
    sinon.assert.calledOnce(call);
  });
});
