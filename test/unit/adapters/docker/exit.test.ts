import assert from "node:assert/strict";
import { type Ended, exitOf } from "#libs/adapters/docker/exit.js";
import { startFailure } from "#libs/adapters/docker/failure.js";
import { registryOf } from "#libs/adapters/docker/images.js";

const hostStartedAt = Date.parse("2026-01-02T00:00:00Z");

const ended = (state: Partial<Ended["State"]>): Ended => ({
  State: {
    ExitCode: 0,
    OOMKilled: false,
    Error: "",
    StartedAt: "2026-01-02T01:00:00.5Z",
    FinishedAt: "2026-01-02T01:00:02.123456789Z",
    ...state,
  },
  Config: { Image: "box:1" },
  HostConfig: { Memory: 32 * 1024 * 1024 },
});

const exit = (state: Partial<Ended["State"]>, { sent = [] as string[], stderr = "" } = {}) =>
  exitOf(ended(state), { task: "t", sent: new Set(sent), stderr, hostStartedAt });

describe("how a container ended", () => {
  it("its exit code is what it said", () => {
    assert.deepEqual(exit({ ExitCode: 3 }), { task: "t", exitCode: 3, reason: "exited" });
    assert.deepEqual(exit({ ExitCode: 255 }), { task: "t", exitCode: 255, reason: "exited" });
  });

  it("128 + n is signal n only when we sent it", () => {
    assert.deepEqual(exit({ ExitCode: 143 }), { task: "t", exitCode: 143, reason: "exited" });
    assert.deepEqual(exit({ ExitCode: 143 }, { sent: ["SIGTERM"] }), {
      task: "t",
      signal: "SIGTERM",
      reason: "exited",
    });
    assert.deepEqual(exit({ ExitCode: 143 }, { sent: ["SIGKILL"] }), {
      task: "t",
      exitCode: 143,
      reason: "exited",
    });
  });

  it("out of memory is told apart, unless it ended well all the same", () => {
    const { reason, signal, message } = exit({ ExitCode: 137, OOMKilled: true });
    assert.deepEqual([reason, signal], ["out-of-memory", "SIGKILL"]);
    assert.match(message!, /32 MiB/);
    assert.equal(exit({ ExitCode: 0, OOMKilled: true }).reason, "exited");
  });

  it("255 of one that ran when the host went down is nobody's exit code", () => {
    const before = { StartedAt: "2026-01-01T10:00:00Z" };
    assert.deepEqual(exit({ ExitCode: 255, ...before, FinishedAt: "2026-01-02T00:01:00Z" }), {
      task: "t",
      reason: "host-restarted",
      message: "the host was restarted while it ran",
    });
    const inTime = exit({ ExitCode: 255, ...before, FinishedAt: "2026-01-01T11:00:00Z" });
    assert.deepEqual(inTime, { task: "t", exitCode: 255, reason: "exited" });
  });

  it("what the init process says of a missing command is the reason; what a shell says is an exit", () => {
    const stderr = "[FATAL tini (7)] exec nosuch failed: No such file or directory\n";
    assert.deepEqual(exit({ ExitCode: 127 }, { stderr }), {
      task: "t",
      exitCode: 127,
      reason: "command-missing",
      message: "the command nosuch cannot be run in image box:1: No such file or directory",
    });
    assert.equal(exit({ ExitCode: 127 }, { stderr: "sh: nosuch: not found\n" }).reason, "exited");
    assert.equal(exit({ ExitCode: 1 }, { stderr }).reason, "exited");
  });
});

describe("why a container did not start", () => {
  const failure = (message: string) => startFailure({ statusCode: 500, json: { message } }, "box:1");

  it("a command that is not there or may not be run", () => {
    const runc =
      'OCI runtime create failed: unable to start container process: exec: "nosuch": executable file not found in $PATH: unknown';
    assert.deepEqual(failure(runc), {
      reason: "command-missing",
      message: "the command nosuch cannot be run in image box:1: executable file not found in $PATH",
    });
  });

  it("a port of another container or of a process", () => {
    const bound = failure("driver failed: Bind for 127.0.0.1:31556 failed: port is already allocated");
    assert.equal(bound.reason, "port-in-use");
    assert.match(bound.message, /^the host port 127\.0\.0\.1:31556 is in use/);
    const proxy = failure(
      "Error starting userland proxy: listen tcp4 127.0.0.1:31555: bind: address already in use",
    );
    assert.match(proxy.message, /^the host port 127\.0\.0\.1:31555 is in use/);
  });

  it("anything else in the engine's words", () => {
    assert.deepEqual(failure("unable to find user nobody2"), {
      reason: "launch-failed",
      message: "the Docker engine could not start it: unable to find user nobody2",
    });
  });
});

it("the registry of an image is the part before the first slash, if that can be a host", () => {
  const registries = [
    "busybox",
    "library/busybox:1",
    "r.example:5000/a/b",
    "localhost/a",
    "a.b/c@sha256:0",
  ].map(registryOf);
  assert.deepEqual(registries, ["docker.io", "docker.io", "r.example:5000", "localhost", "a.b"]);
});
