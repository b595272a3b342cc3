import { spawn } from "node:child_process";
import { closeSync, openSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fail, ok, type Result } from "#protocol/result.js";
import type { Cgroups } from "./cgroups.js";
import { type FromShim, lines, shimVersion, speaker, type ToShim } from "./shim-words.js";

export interface ShimLinkOptions {
  /** Of the launcher; only its user may enter it. */
  readonly dir: string;
  /** Looks for control groups anew: where a shim shall live. */
  readonly home: () => Pick<Cgroups, "home" | "entry"> | undefined;
  /** In the order in which the shim says it. */
  readonly heard: (words: FromShim) => void;
  /** The shim died: what it ran goes on without a parent. */
  readonly lost: () => void;
}

const socketName = "shim.sock";
const startLimitMs = 15_000;

/** The connection to the shim, which is found if it runs and started if not. */
export class ShimLink {
  private socket: Socket | undefined;
  private speak: ((words: ToShim) => void) | undefined;
  private opening: Promise<Result<void, string>> | undefined;
  private closed = false;

  constructor(private readonly options: ShimLinkOptions) {}

  /** Kept when the shim listens to us. Failure in words. Safe to repeat; starts it again when it has died. */
  open(): Promise<Result<void, string>> {
    if (this.closed) return Promise.resolve(fail("the launcher is closed"));
    this.opening ??= this.findOrStart().then((opened) => {
      if (!opened.ok) this.opening = undefined;
      return opened;
    });
    return this.opening;
  }

  /** Lost when no shim listens, or when it dies before it has read it: `lost` was or will be called. */
  say(words: ToShim): void {
    this.speak?.(words);
  }

  /** The shim stays while tasks of it run. */
  close(): void {
    this.closed = true;
    this.speak = undefined;
    this.socket?.destroy();
    this.socket = undefined;
  }

  private async findOrStart(): Promise<Result<void, string>> {
    const started = process.hrtime.bigint();
    const elapsedMs = () => Number((process.hrtime.bigint() - started) / 1_000_000n);
    let words = await this.meet(startLimitMs);
    // A second attempt: a shim that just ended may have taken its directories with it.
    for (let attempt = 0; attempt < 2 && words !== undefined && !this.closed; attempt++) {
      if (words === "busy")
        return fail("another agent uses this work directory: its shim does not answer us");
      rmSync(join(this.options.dir, socketName), { force: true });
      let died: string | undefined;
      this.startShim((how) => (died = how));
      while (words !== undefined && died === undefined && elapsedMs() < startLimitMs) {
        await new Promise((done) => void setTimeout(done, 5));
        words = await this.meet(startLimitMs);
      }
      if (died !== undefined)
        words = `the shim did not start: ${died}; see ${join(this.options.dir, "shim.log")}`;
    }
    return words === undefined ? ok(undefined) : fail(words);
  }

  /** Undefined when the shim said hello; `busy` when it is there but listens to somebody else; else why there is none. */
  private meet(limitMs: number): Promise<string | undefined> {
    return new Promise((done) => {
      const dir = openSync(this.options.dir, "r");
      // A path through the open directory is short enough for a socket wherever the work directory is.
      const socket = connect(`/proc/self/fd/${dir}/${socketName}`);
      const timer = setTimeout(() => socket.destroy(new Error("busy")), limitMs);
      let met = false;
      socket.setEncoding("utf8");
      let release: (() => void) | undefined = () => closeSync(dir);
      const opened = () => {
        release?.();
        release = undefined;
      };
      socket.once("connect", opened);
      socket.on("error", ({ message }) => {
        opened();
        done(message);
      });
      socket.on("close", () => {
        clearTimeout(timer);
        if (!met) return done("the shim ended");
        this.socket = undefined;
        this.speak = undefined;
        this.opening = undefined;
        if (!this.closed) this.options.lost();
      });
      socket.on(
        "data",
        lines((line) => {
          const words = JSON.parse(line) as FromShim;
          if (words.type === "hello") {
            clearTimeout(timer);
            if (words.version !== shimVersion) return socket.destroy(new Error(otherVersion(words)));
            met = true;
            this.socket = socket;
            this.speak = speaker(socket);
          }
          this.options.heard(words);
          done(undefined);
        }),
      );
    });
  }

  private startShim(died: (how: string) => void): void {
    const { dir, home } = this.options;
    const { entry = "cgroup.procs", home: groups = [] } = home() ?? {};
    const log = openSync(join(dir, "shim.log"), "a", 0o600);
    const shim = spawn(
      process.execPath,
      [...nodeFlags, ...shimProgram(), socketName, "records.log", entry, ...groups],
      {
        cwd: dir,
        // Nothing of the agent's environment: there may be secrets in it.
        env: { PATH: process.env["PATH"] },
        detached: true,
        stdio: ["ignore", "ignore", log],
      },
    );
    closeSync(log);
    shim.once("error", ({ message }) => died(message));
    shim.once("exit", (code, signal) => died(signal ?? `exit code ${code}`));
    shim.unref();
  }
}

const otherVersion = ({ version, pid }: { readonly version: number; readonly pid: number }): string =>
  `the shim that runs this work directory's tasks (pid ${pid}) speaks version ${version}, this agent ${shimVersion}: let its tasks end first`;

/** It has little to remember; a small young generation keeps it at some 40 MB. */
const nodeFlags = ["--max-semi-space-size=1", "--max-old-space-size=64"];

/** Beside this file: compiled in a build, or as a source that its loader must be told for. */
function shimProgram(): string[] {
  const here = fileURLToPath(import.meta.url);
  if (here.endsWith(".js")) return [fileURLToPath(new URL("./shim.js", import.meta.url))];
  const loader = import.meta.resolve("tsx");
  return ["--conditions=source", `--import=${loader}`, fileURLToPath(new URL("./shim.ts", import.meta.url))];
}
