import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TaskGroup } from "./group.js";
import type { Home } from "./spawn.js";

/** What one task may use. */
export interface Limits {
  /** Its weight when cores are short, in cores. */
  readonly cpus: number;
  /** No more than so many cores, even when others are idle. */
  readonly cpusMax?: number;
  /** Bytes; swap does not come on top. */
  readonly memMax?: number;
}

/** A value for a control file. */
export type Setting = readonly [file: string, value: string];

export interface PreparedGroup {
  readonly group: TaskGroup;
  /** To be written before the task starts. */
  readonly settings: readonly Setting[];
  /** To be written once the shim has left the group again, or a tight limit would hit the shim. */
  readonly limits: readonly Setting[];
}

/** The control groups of an agent's tasks: `emporion/<agent>/task-<id>` in each hierarchy. */
export interface Cgroups {
  readonly version: "cgroup-v1" | "cgroup-v2";
  /** What it cannot promise, in words. */
  readonly warnings: readonly string[];
  /** Where the shim itself lives: a group without limits. */
  readonly home: Home;
  /** Makes the groups of a task. Throws what the file system throws. */
  prepare(task: string, limits: Limits): PreparedGroup;
}

/** Enough for thousands of threads, too few for a fork bomb to take the host. */
const pidsMax = "8192";
const periodUs = 100_000;
const controllers = ["memory", "cpu", "pids"] as const;
type Controller = (typeof controllers)[number];

const promises: Record<Controller, string> = {
  memory: "memory limits are not enforced",
  cpu: "cpu shares are not enforced",
  pids: "the number of processes is not limited",
};

/** The hierarchies of this host as /proc/self/mountinfo names them; undefined with the reason in words when there are none to write to. */
export function findCgroups(name: string, mountinfo = readMountinfo()): Cgroups | string {
  const v1 = new Map<Controller, string>();
  let v2: string | undefined;
  for (const line of mountinfo.split("\n")) {
    const [mount, filesystem] = line.split(" - ").map((part) => part.split(" "));
    const [kind, , options] = filesystem ?? [];
    const path = mount?.[4];
    if (path === undefined) continue;
    if (kind === "cgroup2") v2 ??= path;
    if (kind === "cgroup")
      for (const controller of controllers)
        if (options?.split(",").includes(controller)) v1.set(controller, path);
  }
  try {
    if (v1.size > 0) return cgroupsV1(v1, name);
    if (v2 !== undefined) return cgroupsV2(v2, name);
    return "no cgroup file system is mounted";
  } catch (cause) {
    return (cause as Error).message;
  }
}

function cgroupsV1(mounts: ReadonlyMap<Controller, string>, name: string): Cgroups {
  const parents = new Map(
    [...mounts].map(([controller, mount]) => [controller, join(mount, "emporion", name)]),
  );
  for (const parent of parents.values()) mkdirSync(join(parent, "shim"), { recursive: true });
  const first = parents.get("memory") ?? [...parents.values()][0]!;
  // Without swap accounting the file is not there, and a task may swap beyond its limit.
  const memsw = existsSync(join(first, "memory.memsw.limit_in_bytes"));
  return {
    version: "cgroup-v1",
    warnings: missing((controller) => mounts.has(controller)),
    home: { dirs: [...parents.values()].map((parent) => join(parent, "shim")), entry: "tasks" },
    prepare(task, limits) {
      const dirs = new Map(
        [...parents].map(([controller, parent]) => [controller, join(parent, `task-${task}`)]),
      );
      const settings: Record<Controller, Setting[]> = { memory: [], cpu: [], pids: [] };
      const set = (controller: Controller, file: string, value: string) => {
        const dir = dirs.get(controller);
        if (dir !== undefined) settings[controller].push([join(dir, file), value]);
      };
      for (const dir of dirs.values()) mkdirSync(dir, { recursive: true });
      if (limits.memMax !== undefined) {
        set("memory", "memory.limit_in_bytes", `${limits.memMax}`);
        if (memsw) set("memory", "memory.memsw.limit_in_bytes", `${limits.memMax}`);
      }
      set("cpu", "cpu.shares", `${shares(limits.cpus)}`);
      if (limits.cpusMax !== undefined) set("cpu", "cpu.cfs_quota_us", `${quotaUs(limits.cpusMax)}`);
      set("pids", "pids.max", pidsMax);
      const pids = dirs.get("pids");
      const memory = dirs.get("memory");
      const all = [...dirs.values()];
      return {
        group: {
          dirs: all,
          entry: "tasks",
          procs: join(all[0]!, "cgroup.procs"),
          ...(pids !== undefined && { pidsMax: join(pids, "pids.max") }),
          ...(memory !== undefined && { oomCounts: join(memory, "memory.oom_control") }),
        },
        settings: [...settings.cpu, ...settings.pids],
        limits: settings.memory,
      };
    },
  };
}

/** Controllers must be enabled from the root down; only leaves have members. */
export function cgroupsV2(mount: string, name: string): Cgroups {
  const parent = join(mount, "emporion", name);
  mkdirSync(join(parent, "shim"), { recursive: true });
  accessSync(join(parent, "shim", "cgroup.procs"), constants.W_OK);
  for (const dir of [mount, join(mount, "emporion"), parent]) enable(dir);
  const enabled = new Set(words(join(parent, "cgroup.subtree_control")));
  const kill = existsSync(join(parent, "cgroup.kill"));
  const swap = existsSync(join(parent, "memory.swap.max"));
  return {
    version: "cgroup-v2",
    warnings: missing((controller) => enabled.has(controller)),
    home: { dirs: [join(parent, "shim")], entry: "cgroup.procs" },
    prepare(task, limits) {
      const dir = join(parent, `task-${task}`);
      mkdirSync(dir, { recursive: true });
      const settings: Record<Controller, Setting[]> = { memory: [], cpu: [], pids: [] };
      const set = (controller: Controller, file: string, value: string) => {
        if (enabled.has(controller)) settings[controller].push([join(dir, file), value]);
      };
      if (limits.memMax !== undefined) {
        set("memory", "memory.max", `${limits.memMax}`);
        if (swap) set("memory", "memory.swap.max", "0");
      }
      set("cpu", "cpu.weight", `${weight(limits.cpus)}`);
      if (limits.cpusMax !== undefined) set("cpu", "cpu.max", `${quotaUs(limits.cpusMax)} ${periodUs}`);
      set("pids", "pids.max", pidsMax);
      return {
        group: {
          dirs: [dir],
          entry: "cgroup.procs",
          procs: join(dir, "cgroup.procs"),
          ...(kill && { kill: join(dir, "cgroup.kill") }),
          ...(enabled.has("pids") && { pidsMax: join(dir, "pids.max") }),
          ...(enabled.has("memory") && { oomCounts: join(dir, "memory.events") }),
        },
        settings: [...settings.cpu, ...settings.pids],
        limits: settings.memory,
      };
    },
  };
}

/** One at a time: a controller that is not there must not keep the others from being enabled. */
function enable(dir: string): void {
  const available = words(join(dir, "cgroup.controllers"));
  const enabled = words(join(dir, "cgroup.subtree_control"));
  for (const controller of controllers) {
    if (!available.includes(controller) || enabled.includes(controller)) continue;
    try {
      writeFileSync(join(dir, "cgroup.subtree_control"), `+${controller}`);
    } catch {
      // EBUSY: the group has members of its own; the warnings say what is then not enforced
    }
  }
}

const missing = (has: (controller: Controller) => boolean): string[] =>
  controllers
    .filter((controller) => !has(controller))
    .map((controller) => `no cgroup controller ${controller}: ${promises[controller]}`);

/** 1024 a core, as Docker and Mesos have it. */
const shares = (cpus: number): number => Math.max(2, Math.round(1024 * cpus));

/** The mapping that container runtimes use (2…262144 to 1…10000), so that tasks and containers weigh alike. */
const weight = (cpus: number): number =>
  Math.min(10_000, 1 + Math.floor(((shares(cpus) - 2) * 9999) / 262_142));

const quotaUs = (cpus: number): number => Math.max(1000, Math.round(cpus * periodUs));

function words(file: string): string[] {
  try {
    return readFileSync(file, "utf8").split(/\s+/).filter(Boolean);
  } catch {
    return [];
  }
}

function readMountinfo(): string {
  try {
    return readFileSync("/proc/self/mountinfo", "utf8");
  } catch {
    return "";
  }
}
