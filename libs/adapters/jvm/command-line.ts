import { scalar } from "#libs/core/resources.js";
import { memMib } from "#libs/adapters/process/limits.js";
import { fail, ok, type Result } from "#protocol/result.js";
import type { JvmWorkload, TaskSpec } from "#protocol/task.js";

/** What a JVM needs beside its heap: metaspace, code, thread stacks, buffers. */
const outsideHeapMinMib = 64;
const outsideHeapShare = 0.25;
/** A JVM that starts in less does not exist. */
const heapMinMib = 8;

export interface CommandLineOptions {
  readonly java: string;
  readonly spec: TaskSpec;
  readonly workload: JvmWorkload;
  /** A path of the sandbox, as the program sees it from its working directory. */
  readonly fromSandbox: (path: string) => string;
}

/** Our flags first, so that the user's win. A failure says in words why the JVM cannot run with them. */
export function commandLine({
  java,
  spec,
  workload,
  fromSandbox,
}: CommandLineOptions): Result<string[], string> {
  const { options = [], classPath = ["."], jar, mainClass, arguments: rest = [] } = workload;
  const heap = heapFlags(memMib(spec), options);
  if (!heap.ok) return heap;
  const cpus = (spec.limits?.cpus ?? scalar(spec.resources, "cpus")) / 1000;
  const entries = classPath.map(fromSandbox).join(":");
  const main = jar === undefined ? ["-cp", entries, mainClass ?? ""] : ["-jar", fromSandbox(jar)];
  return ok([
    java,
    ...heap.value,
    // Thread pools follow what the task may use, not what the host has.
    ...(cpus > 0 ? [`-XX:ActiveProcessorCount=${Math.ceil(cpus)}`] : []),
    "-XX:+ExitOnOutOfMemoryError",
    `-XX:ErrorFile=${fromSandbox("hs_err_%p.log")}`,
    ...options,
    ...main,
    ...rest,
  ]);
}

/**
 * -Xmx and not a percentage: a JVM's percentage is of the memory that it believes to see, and that is the host's wherever
 * the cgroup is not visible to it.
 */
function heapFlags(mib: number, options: readonly string[]): Result<string[], string> {
  if (mib === 0) return ok([]);
  const given = heapGivenMib(options);
  if (given !== undefined && given >= mib)
    return fail(
      `the heap of ${shown(given)} MiB (-Xmx) does not fit into mem ${shown(mib)} MiB: leave at least ${outsideHeapMinMib} MiB for the rest of the JVM`,
    );
  if (options.some((option) => /^-(Xmx|XX:MaxRAM|XX:MaxHeapSize=)/.test(option))) return ok([]);
  const heap = Math.floor(mib - Math.max(outsideHeapMinMib, mib * outsideHeapShare));
  return heap >= heapMinMib
    ? ok([`-Xmx${heap}m`])
    : fail(
        `mem ${shown(mib)} MiB leaves no room for a heap: ask for at least ${outsideHeapMinMib + heapMinMib} MiB, or give -Xmx in the options`,
      );
}

const shown = (mib: number): number => Number(mib.toFixed(3));

/** The last one wins, as in the JVM. */
function heapGivenMib(options: readonly string[]): number | undefined {
  let given: number | undefined;
  for (const option of options) {
    const [, number, unit = ""] = /^-(?:Xmx|XX:MaxHeapSize=)([0-9]+)([kKmMgGtT]?)$/.exec(option) ?? [];
    if (number !== undefined) given = Number(number) * unitMib[unit.toLowerCase()]!;
  }
  return given;
}

const unitMib: Record<string, number> = {
  "": 1 / (1024 * 1024),
  k: 1 / 1024,
  m: 1,
  g: 1024,
  t: 1024 * 1024,
};
