import type { TaskExit } from "#libs/core/launch.js";
import { commandMissing } from "./failure.js";

/** Of the engine's answer to `inspect`, what tells how a container ended. */
export interface Ended {
  readonly State: {
    readonly ExitCode: number;
    readonly OOMKilled: boolean;
    readonly Error: string;
    readonly StartedAt: string;
    readonly FinishedAt: string;
  };
  readonly Config: { readonly Image: string };
  readonly HostConfig: { readonly Memory?: number };
}

export interface Circumstances {
  readonly task: string;
  /** Signals that we sent it. */
  readonly sent: ReadonlySet<string>;
  /** The beginning of what it wrote to stderr. */
  readonly stderr: string;
  /** When this host was started, wall ms. */
  readonly hostStartedAt: number;
}

/** The engine writes this code for containers of whose end it knows nothing, as after a restart of the host. */
const codeUnknown = 255;

/** The two clocks that tell when the host started and when the container did may differ by so much. */
const clockSlackMs = 5000;

/**
 * How a container ended, in the words of the port. The engine only knows exit codes: 128 + n is taken for signal n when that
 * signal was sent by us or by the kernel for want of memory, and else is what the program itself said.
 */
export function exitOf(container: Ended, { task, sent, stderr, hostStartedAt }: Circumstances): TaskExit {
  const { ExitCode: exitCode, OOMKilled, Error: trouble } = container.State;
  if (exitCode === codeUnknown && wasCutByRestart(container, hostStartedAt))
    return { task, reason: "host-restarted", message: "the host was restarted while it ran" };
  // A task that survives the death of one of its processes and ends well was not out of memory as a whole.
  if (OOMKilled && exitCode !== 0) {
    const mebibytes = Math.round((container.HostConfig.Memory ?? 0) / mebibyte);
    const message = `killed by the kernel: it used all of its ${mebibytes} MiB of memory`;
    return { task, ...codeOrSignal(exitCode, new Set(["SIGKILL"])), reason: "out-of-memory", message };
  }
  const missing = missingCommand(exitCode, stderr, container.Config.Image);
  if (missing !== undefined) return { task, exitCode, reason: "command-missing", message: missing };
  const message = trouble === "" ? {} : { message: trouble };
  return { task, ...codeOrSignal(exitCode, sent), reason: "exited", ...message };
}

const mebibyte = 1024 * 1024;

function codeOrSignal(code: number, sent: ReadonlySet<string>): { exitCode: number } | { signal: string } {
  const signal = signals[code - 128];
  return signal !== undefined && sent.has(signal) ? { signal } : { exitCode: code };
}

const signals: Record<number, string> = {
  1: "SIGHUP",
  2: "SIGINT",
  3: "SIGQUIT",
  9: "SIGKILL",
  10: "SIGUSR1",
  12: "SIGUSR2",
  15: "SIGTERM",
  28: "SIGWINCH",
  37: "SIGRTMIN+3",
};

/** With an init process the engine starts that one, and it is this that finds out that there is no such command. */
function missingCommand(exitCode: number, stderr: string, image: string): string | undefined {
  if (exitCode !== 126 && exitCode !== 127) return undefined;
  const said = /^\[FATAL tini \(\d+\)\] exec (.*) failed: (.*)/.exec(stderr);
  return said === null ? undefined : commandMissing(said[1]!, image, said[2]!);
}

function wasCutByRestart({ State: { StartedAt, FinishedAt } }: Ended, hostStartedAt: number): boolean {
  return (
    Date.parse(StartedAt) < hostStartedAt - clockSlackMs &&
    Date.parse(FinishedAt) > hostStartedAt - clockSlackMs
  );
}
