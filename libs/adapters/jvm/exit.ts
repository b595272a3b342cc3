import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";
import type { TaskExit } from "#libs/core/launch.js";

/** What the JVM left in the sandbox says more than its exit code: 3 and 1 may be the program's own. */
export function javaExit(exit: TaskExit, sandbox: string): TaskExit {
  if (exit.reason !== "exited" || exit.exitCode === 0) return exit;
  if (exit.exitCode === 3) {
    const words = /Terminating due to (java\.lang\.OutOfMemoryError.*)/.exec(
      tail(join(sandbox, "stdout")),
    )?.[1];
    if (words !== undefined) return { ...exit, reason: "java-out-of-memory", message: words };
  }
  const crash = crashReport(sandbox);
  return crash === undefined ? exit : { ...exit, reason: "java-crash", message: crash };
}

/** ExitOnOutOfMemoryError says it on stdout, last of all. */
function tail(file: string): string {
  const buffer = Buffer.alloc(65_536);
  try {
    const fd = openSync(file, "r");
    const from = Math.max(0, fstatSync(fd).size - buffer.length);
    const length = readSync(fd, buffer, 0, buffer.length, from);
    closeSync(fd);
    return buffer.toString("utf8", 0, length);
  } catch {
    return "";
  }
}

/** The head of the hs_err file: what happened and in which frame. */
function crashReport(sandbox: string): string | undefined {
  try {
    const file = readdirSync(sandbox).find((name) => /^hs_err_.*\.log$/.test(name));
    if (file === undefined) return undefined;
    const head = readFileSync(join(sandbox, file), "utf8").split("\n", 40);
    const said = head
      .filter((line) => /^#\s+(SIG|Internal Error|EXCEPTION|Out of Memory|[CVJj]\s+\[)/.test(line))
      .map((line) => line.replace(/^#\s+/, ""));
    return `the JVM crashed, see ${file}${said.length > 0 ? `: ${said.join("; ")}` : ""}`;
  } catch {
    return undefined;
  }
}
