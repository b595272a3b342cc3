import type { Setting } from "./cgroups.js";
import type { TaskGroup } from "./group.js";
import type { TaskRecord } from "./records.js";

/** What agent and shim say to each other: one JSON text a line. */

/** Raised when either no longer understands the other. */
export const shimVersion = 1;

/** How to start one program. Nothing of it is interpreted before the user was changed. */
export interface Program {
  readonly argv: readonly string[];
  /** All of its environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly directory: string;
  /** Unless given it runs as the shim's own user. */
  readonly user?: { readonly uid: number; readonly gid: number };
  readonly stdout: string;
  readonly stderr: string;
}

export interface CutOff {
  /** The task is ended when its agent has not reached the cluster for so long. */
  readonly afterMs: number;
  /** So long before it is asked to end. */
  readonly graceMs: number;
}

export type ToShim =
  | {
      readonly type: "start";
      readonly task: string;
      readonly program: Program;
      readonly group?: TaskGroup;
      readonly limits?: readonly Setting[];
      readonly cutOff?: CutOff;
    }
  | { readonly type: "kill"; readonly task: string; readonly force: boolean }
  /** A command beside a task, in its groups. */
  | {
      readonly type: "run";
      readonly id: number;
      readonly task: string;
      readonly program: Program;
      readonly timeoutMs: number;
    }
  /** The agent has just heard from the cluster. */
  | { readonly type: "reached" }
  /** Nobody will ask for this task again. */
  | { readonly type: "collect"; readonly task: string };

export type FromShim =
  /** First of all; `records`: what runs, and what has ended and is not collected. */
  | {
      readonly type: "hello";
      readonly version: number;
      readonly pid: number;
      readonly records: readonly TaskRecord[];
    }
  | { readonly type: "started"; readonly record: TaskRecord }
  | { readonly type: "refused"; readonly task: string; readonly code: string; readonly message: string }
  | { readonly type: "ended"; readonly record: TaskRecord }
  | { readonly type: "collected"; readonly task: string }
  | { readonly type: "ran"; readonly id: number; readonly exitCode?: number; readonly failure?: string };

/** Takes pieces as they come and hands on whole lines. */
export function lines(handle: (line: string) => void): (piece: string) => void {
  let rest = "";
  return (piece) => {
    const parts = (rest + piece).split("\n");
    rest = parts.pop()!;
    for (const part of parts) handle(part);
  };
}

interface Corkable {
  cork(): void;
  uncork(): void;
  write(text: string): unknown;
}

/** What is said in one turn, or up to `most` at once, goes out in one write: each would wake the other side. */
export function speaker(socket: Corkable, most = 16): (words: ToShim | FromShim) => void {
  let waiting = 0;
  const flush = () => {
    if (waiting > 0) socket.uncork();
    waiting = 0;
  };
  return (words) => {
    if (waiting === 0) {
      socket.cork();
      process.nextTick(flush);
    }
    socket.write(`${JSON.stringify(words)}\n`);
    if (++waiting === most) flush();
  };
}
