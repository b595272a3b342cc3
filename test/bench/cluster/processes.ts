import { type ChildProcess, fork, type Serializable } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** What a process of a benchmark says to the one that started it, and is told by it. */
export interface Said {
  readonly type: string;
}

export interface ProcessOptions {
  /** For people. */
  readonly name: string;
  /** The program, under `.build`. */
  readonly file: string;
  /** Handed over as the first argument, as JSON. */
  readonly config?: Serializable;
  readonly env?: NodeJS.ProcessEnv;
  /** Of Node. */
  readonly flags?: readonly string[];
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** A process that a benchmark has started, and can talk to. It ends with the benchmark. */
export class BenchProcess {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #unheard: Said[] = [];
  #listeners: (() => void)[] = [];
  #isEnding = false;

  constructor({ name, file, config, env = {}, flags = [] }: ProcessOptions) {
    this.name = name;
    this.#child = fork(file, config === undefined ? [] : [JSON.stringify(config)], {
      execArgv: ["--enable-source-maps", ...flags, ...profiled(name)],
      env: { ...process.env, ...env },
      stdio: ["ignore", process.stderr, "inherit", "ipc"],
    });
    running.add(this.#child);
    this.#child.on("message", (message) => this.#hear(message as Said));
    this.#child.once("exit", () => {
      running.delete(this.#child);
      for (const listener of this.#listeners) listener();
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  tell(message: Said & Serializable): void {
    this.#child.send(message);
  }

  /** The next of what it says that is of this type. Throws when it ends before. */
  async hears<T extends Said>(type: T["type"]): Promise<T> {
    for (;;) {
      const at = this.#unheard.findIndex((said) => said.type === type);
      if (at >= 0) return this.#unheard.splice(at, 1)[0] as T;
      const { exitCode, signalCode } = this.#child;
      if (exitCode !== null || signalCode !== null)
        throw new Error(`${this.name} ended with ${exitCode ?? signalCode} before it said ${type}`);
      await new Promise<void>((done) => this.#listeners.push(done));
    }
  }

  /** A profile is written only by who ends in good order. */
  async kill(signal: NodeJS.Signals = profileDirectory === undefined ? "SIGKILL" : "SIGTERM"): Promise<void> {
    if (this.#isEnding || this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#isEnding = true;
    const ended = once(this.#child, "exit");
    this.#child.kill(signal);
    await ended;
  }

  #hear(said: Said): void {
    this.#unheard.push(said);
    const listeners = this.#listeners;
    this.#listeners = [];
    for (const listener of listeners) listener();
  }
}

/** With BENCH_PROFILE=<directory> every process leaves a CPU profile there. */
const profileDirectory = process.env["BENCH_PROFILE"];
let profiles = 0;

const profiled = (name: string): string[] =>
  profileDirectory === undefined
    ? []
    : [
        "--cpu-prof",
        `--cpu-prof-dir=${profileDirectory}`,
        `--cpu-prof-name=${name}-${++profiles}.cpuprofile`,
      ];

/** A program of this folder, built. */
export const programOf = (name: string): string => fileURLToPath(new URL(`./${name}.js`, import.meta.url));

export interface Usage {
  readonly cpuMs: number;
  readonly peakMiB: number;
}

const tickMs = 10;

/** Processor time so far, and the most memory that it has held, as the kernel counts them. */
export function usageOf(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return { cpuMs: (Number(fields[11]) + Number(fields[12])) * tickMs, peakMiB: Number(peak) / 1024 };
}

/** What this process was handed by the one that started it. */
export const configOf = <T>(): T => JSON.parse(process.argv[2] ?? "{}") as T;

/** To the process that started this one. */
export const say = <T extends Said>(said: T): void => void process.send?.(said);
