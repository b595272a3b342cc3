import type { TaskExit } from "#libs/core/launch.js";
import type { TaskSpec } from "#protocol/task.js";
import { memMib } from "./limits.js";
import type { TaskEnd } from "./records.js";

/** What the kernel said, in the words of the port. */
export function taskExit(spec: TaskSpec, { exitCode, signal, oomKills, cause }: TaskEnd): TaskExit {
  const how = {
    task: spec.id,
    ...(exitCode !== undefined && { exitCode }),
    ...(signal !== undefined && { signal }),
  };
  if (cause === "cut-off") {
    const message = `ended because its agent could not reach the cluster for ${spec.stopWhenCutOffMs} ms`;
    return { ...how, reason: "cut-off", message };
  }
  if (cause === "host-restarted")
    return { ...how, reason: "host-restarted", message: "the host was restarted while it ran" };
  // A task that survives the death of one of its processes and ends well was not out of memory as a whole.
  if (oomKills > 0 && exitCode !== 0) {
    const message = `killed by the kernel: it used all of its ${Number(memMib(spec).toFixed(3))} MiB of memory`;
    return { ...how, reason: "out-of-memory", message };
  }
  if (exitCode === undefined && signal === undefined) {
    const message = "it ended while nobody could see its exit code: its shim was gone";
    return { ...how, reason: "exit-unknown", message };
  }
  return { ...how, reason: "exited" };
}
