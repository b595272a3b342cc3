import { readFileSync } from "node:fs";

/** Another one after each start of the host; empty where there is no /proc. */
export const bootId = (): string => read("/proc/sys/kernel/random/boot_id").trim();

/**
 * Clock ticks from the host's start to the process's: with the pid it names one process, though pids are used again.
 * Undefined when there is no such process; a zombie still is one, until it is reaped.
 */
export function startTime(pid: number): string | undefined {
  const stat = read(`/proc/${pid}/stat`);
  // The name, in brackets, may hold blanks and brackets: fields are counted from behind its end.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return stat === "" || fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
