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

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** With our own environment unless another is given. */
export function startChild(path: string, argv: readonly string[], env?: NodeJS.ProcessEnv): Child {
  const child = spawn(path, argv, { stdio: ["ignore", "pipe", "pipe"], ...(env && { env }) });
  running.add(child);
  child.once("exit", () => running.delete(child));
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (piece: Buffer) => (text = (text + piece.toString()).slice(-20_000)));
  return {
    process: child,
    output: () => text,
    async end(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill(signal);
      await ended;
    },
  };
}
