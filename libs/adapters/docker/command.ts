import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type Docker from "dockerode";
import { fail, ok, type Result } from "#protocol/result.js";
import { wordsOf } from "./failure.js";

/**
 * Runs `command` through `/bin/sh -c` inside a container. Its exit code, or why there is none. One that takes longer than
 * `timeoutMs` is killed where we share the engine's host; elsewhere the engine offers no way to.
 */
export async function runIn(
  container: Docker.Container,
  command: string,
  timeoutMs: number,
): Promise<Result<number, string>> {
  const timeout = AbortSignal.timeout(timeoutMs);
  let exec: Docker.Exec | undefined;
  try {
    const argv = ["/bin/sh", "-c", command];
    exec = await container.exec({ Cmd: argv, AttachStdout: true, AttachStderr: true, abortSignal: timeout });
    const output = await exec.start({ abortSignal: timeout });
    for await (const _ of output) timeout.throwIfAborted();
    return await exitCodeOf(exec, timeout);
  } catch (cause) {
    if (!timeout.aborted) return fail(`the command could not be run in the container: ${wordsOf(cause)}`);
    if (exec !== undefined) await end(exec, container.id);
    return fail(`the command did not end within ${timeoutMs} ms`);
  }
}

/** The stream may end a moment before the engine knows the exit code. */
async function exitCodeOf(exec: Docker.Exec, timeout: AbortSignal): Promise<Result<number, string>> {
  for (let waitMs = 1; ; waitMs *= 2) {
    const { Running, ExitCode } = await exec.inspect({ abortSignal: timeout });
    if (!Running && ExitCode !== null) return ok(ExitCode);
    await sleep(waitMs, undefined, { signal: timeout });
  }
}

/** What was run leads a session of its own; that its number is still its own shows in its control group. */
async function end(exec: Docker.Exec, containerId: string): Promise<void> {
  try {
    const { Running, Pid } = await exec.inspect();
    if (!Running || Pid <= 1) return;
    const groups = await readFile(`/proc/${Pid}/cgroup`, "utf8");
    if (groups.includes(containerId)) process.kill(-Pid, "SIGKILL");
  } catch {
    // It ended by itself, or runs on another host.
  }
}
