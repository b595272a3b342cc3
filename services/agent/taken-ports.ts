import type { LaunchFailure } from "#libs/core/launch.js";

/** Why a task cannot have its ports; undefined when it can. `taken`: those on which somebody listens, in the order asked. */
export function portsFailure(taken: readonly number[]): LaunchFailure | undefined {
  if (taken.length === 0) return undefined;
  const named = taken.length === 1 ? `port ${taken[0]} is` : `ports ${taken.join(", ")} are`;
  return { reason: "port-in-use", message: `${named} in use by another program of the host` };
}
