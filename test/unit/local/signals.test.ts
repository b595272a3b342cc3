import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { Clock } from "#libs/ports/clock.js";
import { stopAsked } from "#services/local/signals.js";

describe("being asked to stop", () => {
  let source: EventEmitter;
  let mono: number;
  let insisted: string[];
  let stop: Promise<NodeJS.Signals>;
  beforeEach(() => {
    source = new EventEmitter();
    mono = 50_000;
    insisted = [];
    const clock: Clock = { now: () => ({ mono, wall: 0 }), after: () => () => {} };
    stop = stopAsked(source, clock, (signal) => insisted.push(signal));
  });

  it("one Ctrl-C comes from the terminal and from npm: that is asked once", async () => {
    source.emit("SIGINT");
    mono += 300;
    source.emit("SIGINT");
    assert.equal(await stop, "SIGINT");
    assert.deepEqual(insisted, []);
  });

  it("pressed again later it is meant, as often as it comes, and whichever signal it is", async () => {
    source.emit("SIGTERM");
    mono += 1001;
    source.emit("SIGINT");
    source.emit("SIGTERM");
    assert.equal(await stop, "SIGTERM");
    assert.deepEqual(insisted, ["SIGINT", "SIGTERM"]);
  });

  it("a terminal that closes may say so at any time: the cluster ends in good order all the same", async () => {
    source.emit("SIGINT");
    mono += 60_000;
    source.emit("SIGHUP");
    assert.equal(await stop, "SIGINT");
    assert.deepEqual(insisted, []);
  });
});
