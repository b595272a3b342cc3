import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

/** A server that a test has started. All of them end with the test process. */
export interface Child {
  readonly process: ChildProcess;
  /** What it has written so far. */
  output(): string;
  /** Sends the signal and waits until it has ended. Safe to repeat. */
  end(signal: NodeJS.Signals): Promise<void>;
}

const running = new Set<() => void>();
process.on("exit", () => {
  for (const kill of running) kill();
});

/**
 * With our own environment unless another is given.
 * @param leads a process group, as what is typed at a terminal does: signals go to all of it
 */
export function startChild(
  path: string,
  argv: readonly string[],
  env?: NodeJS.ProcessEnv,
  { leads = false } = {},
): Child {
  const child = spawn(path, argv, {
    stdio: ["ignore", "pipe", "pipe"],
    detached: leads,
    ...(env && { env }),
  });
  const signalled = (signal: NodeJS.Signals) =>
    leads && child.pid !== undefined ? process.kill(-child.pid, signal) : child.kill(signal);
  const kill = () => void signalled("SIGKILL");
  running.add(kill);
  child.once("exit", () => running.delete(kill));
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (piece: Buffer) => (text = (text + piece.toString()).slice(-20_000)));
  return {
    process: child,
    output: () => text,
    async end(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      signalled(signal);
      await ended;
    },
  };
}
