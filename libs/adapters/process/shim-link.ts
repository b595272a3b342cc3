import { closeSync, openSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fail, ok, type Result } from "#protocol/result.js";
import { logName, socketName, startShim } from "./shim-start.js";
import { type FromShim, lines, shimVersion, speaker, type ToShim } from "./shim-words.js";
import type { Home } from "./spawn.js";

export interface ShimLinkOptions {
  /** Of the launcher; only its user may enter it. */
  readonly dir: string;
  /** How long a shim may take to start, or to be done with a former agent. */
  readonly patienceMs: number;
  /** Looks for control groups anew: where a shim shall live. */
  readonly home: () => Home;
  /** In the order in which the shim says it. */
  readonly heard: (words: FromShim) => void;
  /** The shim died: what it ran goes on without a parent. */
  readonly lost: () => void;
}

/** absent: nobody listens; refused: somebody does, but not to us. */
type Meeting =
  | { readonly outcome: "met" }
  | { readonly outcome: "absent"; readonly why?: string }
  | { readonly outcome: "refused"; readonly why: string };

/** The connection to the shim, which is found if it runs and started if not. */
export class ShimLink {
  #socket: Socket | undefined;
  #speak: ((words: ToShim) => void) | undefined;
  #opening: Promise<Result<void, string>> | undefined;
  #closed = false;
  readonly #options: ShimLinkOptions;

  constructor(options: ShimLinkOptions) {
    this.#options = options;
  }

  /** Kept when the shim listens to us. Failure in words. Safe to repeat; starts it again when it has died. */
  open(): Promise<Result<void, string>> {
    if (this.#closed) return Promise.resolve(fail("the launcher is closed"));
    this.#opening ??= this.#findOrStart().then((opened) => {
      if (!opened.ok) this.#opening = undefined;
      return opened;
    });
    return this.#opening;
  }

  /** Lost when no shim listens, or when it dies before it has read it: `lost` was or will be called. */
  say(words: ToShim): void {
    this.#speak?.(words);
  }

  /** The shim stays while tasks of it run. */
  close(): void {
    this.#closed = true;
    this.#hungUp();
  }

  async #findOrStart(): Promise<Result<void, string>> {
    let met = await this.#meet();
    // A second attempt: a shim that was just ending may have taken the new one's directories with it.
    for (let attempt = 0; attempt < 2 && met.outcome === "absent" && !this.#closed; attempt++)
      met = await this.#startAndMeet();
    if (met.outcome === "met") return ok(undefined);
    return fail(met.why ?? "the launcher is closed");
  }

  async #startAndMeet(): Promise<Meeting> {
    const { dir, home, patienceMs } = this.#options;
    rmSync(join(dir, socketName), { force: true });
    const shim = startShim(dir, home());
    for (let waitedMs = 0; waitedMs < patienceMs && !this.#closed; waitedMs += 5) {
      await sleep(5);
      const met = await this.#meet();
      if (met.outcome !== "absent") return met;
      if (shim.ended !== undefined)
        return { outcome: "absent", why: `the shim did not start: ${shim.ended}; see ${join(dir, logName)}` };
    }
    return { outcome: "refused", why: `the shim did not start within ${patienceMs} ms` };
  }

  /** We have met when it says hello, which it does as soon as it is done with who was there before. */
  #meet(): Promise<Meeting> {
    return new Promise((done) => {
      // A path through the open directory is short enough for a socket wherever the work directory is.
      const dir = openSync(this.#options.dir, "r");
      const socket = connect(`/proc/self/fd/${dir}/${socketName}`);
      const refuse = (why: string) => {
        done({ outcome: "refused", why });
        socket.destroy();
      };
      const timer = setTimeout(() => refuse(occupied), this.#options.patienceMs);
      let met = false;
      socket.setEncoding("utf8");
      socket.on("error", () => {});
      socket.on("close", () => {
        clearTimeout(timer);
        closeSync(dir);
        done({ outcome: "absent" });
        if (met) this.#lost();
      });
      const hear = (words: FromShim) => {
        if (words.type === "hello") {
          if (words.version !== shimVersion) return refuse(otherVersion(words));
          met = true;
          clearTimeout(timer);
          this.#socket = socket;
          this.#speak = speaker(socket);
        }
        this.#options.heard(words);
        done({ outcome: "met" });
      };
      socket.on(
        "data",
        lines((line) => hear(JSON.parse(line) as FromShim)),
      );
    });
  }

  #lost(): void {
    if (this.#closed) return;
    this.#hungUp();
    this.#options.lost();
  }

  #hungUp(): void {
    this.#speak = undefined;
    this.#opening = undefined;
    // What was said goes out before.
    this.#socket?.end();
    this.#socket = undefined;
  }
}

const occupied = "the shim does not answer: another agent uses this work directory";

const otherVersion = ({ version, pid }: { readonly version: number; readonly pid: number }): string =>
  `the shim that runs this work directory's tasks (pid ${pid}) speaks version ${version}, this agent ${shimVersion}: let its tasks end first`;
