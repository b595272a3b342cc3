import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, statSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BehaviorSubject } from "rxjs";
import { type SinonFakeTimers, useFakeTimers } from "sinon";
import { keepHealthFile } from "#libs/adapters/health-file.js";
import type { Connection } from "#libs/ports/bus.js";

describe("the health file", () => {
  let directory: string;
  let file: string;
  let clock: SinonFakeTimers;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "emporion-health-"));
    file = join(directory, "healthy");
    clock = useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  });
  afterEach(() => {
    clock.restore();
    rmSync(directory, { recursive: true, force: true });
  });

  const connected: Connection = { state: "connected", server: "nats" };
  const disconnected: Connection = { state: "disconnected" };
  const age = (): void => utimesSync(file, 1000, 1000);
  const isOld = (): boolean => statSync(file).mtimeMs === 1_000_000;

  it("is touched every five seconds while there is a connection", () => {
    const stop = keepHealthFile(file, new BehaviorSubject<Connection>(connected));
    age();
    clock.tick(4999);
    assert.ok(isOld());
    clock.tick(1);
    assert.ok(!isOld());
    stop();
  });

  it("grows old without one, and is new as soon as it is back", () => {
    const connection = new BehaviorSubject<Connection>(connected);
    const stop = keepHealthFile(file, connection);
    connection.next(disconnected);
    age();
    clock.tick(60_000);
    assert.ok(isOld());
    connection.next(connected);
    assert.ok(!isOld());
    stop();
  });

  it("is not there before the first connection, nor after the end", () => {
    const connection = new BehaviorSubject<Connection>(disconnected);
    const stop = keepHealthFile(file, connection);
    assert.ok(!existsSync(file));
    connection.next(connected);
    assert.ok(existsSync(file));
    stop();
    assert.ok(!existsSync(file));
    clock.tick(60_000);
    assert.ok(!existsSync(file));
  });
});
