import { type Refusal, refusal } from "#protocol/errors.js";
import type { TaskSpec } from "#protocol/task.js";

/** What the operator lets tasks do on this host. */
export interface Allowance {
  /** Tasks may run as root. */
  readonly root: boolean;
  /** Containers may be privileged. */
  readonly privileged: boolean;
  /** Directories of the host, each with all below it, that containers may mount; absolute, without `..`. */
  readonly hostMounts: readonly string[];
  /** Who runs processes and JVMs that name nobody; undefined: the agent's own user. */
  readonly defaultUser: string | undefined;
}

/** Undefined when the task asks for nothing that is forbidden here; else everything that is. */
export function allowanceRefusal(
  { workload, user }: Pick<TaskSpec, "workload" | "user">,
  allowance: Allowance,
): Refusal | undefined {
  const forbidden: string[] = [];
  if (isRoot(user) && !allowance.root) forbidden.push("to run as root");
  if (workload.kind === "container") {
    if (workload.privileged === true && !allowance.privileged) forbidden.push("a privileged container");
    for (const { hostPath } of workload.volumes ?? [])
      if (!mayMount(hostPath, allowance.hostMounts)) forbidden.push(`to mount ${hostPath}`);
  }
  return forbidden.length === 0
    ? undefined
    : refusal(
        "executor-unavailable",
        `the agent's configuration forbids ${forbidden.join(", ")}` +
          (forbidden.some((each) => each.startsWith("to mount")) ? `; ${mountsText(allowance)}` : ""),
      );
}

/** Who shall run it: a container's image says so itself. */
export const userOf = ({ workload, user }: TaskSpec, { defaultUser }: Allowance): string | undefined =>
  user ?? (workload.kind === "container" ? undefined : defaultUser);

function isRoot(user: string | undefined): boolean {
  const name = user?.split(":")[0];
  return name === "root" || (name !== undefined && /^0+$/.test(name));
}

function mayMount(path: string, allowed: readonly string[]): boolean {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) return false;
  const asked = `/${parts.join("/")}/`;
  return allowed.some((each) => asked.startsWith(each.endsWith("/") ? each : `${each}/`));
}

const mountsText = ({ hostMounts }: Allowance): string =>
  hostMounts.length === 0 ? "no mounts are allowed" : `allowed: ${hostMounts.join(", ")}`;
