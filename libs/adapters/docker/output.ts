import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { Demux, Skip } from "./demux.js";

/** Of a container, its log stream from the beginning to its end, or as it grows while it runs. */
export interface LogSource {
  open(): Promise<Readable>;
}

export interface OutputOptions {
  /** The task's sandbox; it exists. */
  readonly directory: string;
  readonly source: LogSource;
  /** Told when following ended by itself; the stream may have broken or the container may be about to be known as ended. */
  readonly ended: () => void;
  /** Counts the engine's lives as far as we saw them: what ended cleanly in another one may have ended with the engine only. */
  readonly life: () => number;
}

/** A follower that does not end although its container has. */
const drainMs = 10_000;

/**
 * Brings what a container writes into `stdout` and `stderr` of its sandbox, each byte once: the engine keeps the whole output, a
 * file has what was brought before, so following goes on behind that, also after our own death. While it is written to a file,
 * no more is read.
 */
export class Output {
  readonly #options: OutputOptions;
  readonly #files: Record<"stdout" | "stderr", FileHandle>;
  #body: Readable | undefined;
  #following: Promise<void> | undefined;
  /** The life of the engine in which all was read up to the end of a stream. */
  #completeIn: number | undefined;
  #isClosed = false;

  private constructor(options: OutputOptions, stdout: FileHandle, stderr: FileHandle) {
    this.#options = options;
    this.#files = { stdout, stderr };
  }

  /** Makes the files when they are not there. Throws when they cannot be written. */
  static async open(options: OutputOptions): Promise<Output> {
    const stdout = await openForAppending(join(options.directory, "stdout"));
    try {
      return new Output(options, stdout, await openForAppending(join(options.directory, "stderr")));
    } catch (cause) {
      await stdout.close();
      throw cause;
    }
  }

  /** Begins to follow, or goes on where it ended. Does nothing while it follows. */
  follow(): void {
    if (this.#following !== undefined || this.#isClosed) return;
    this.#following = this.#followToEnd();
  }

  /** The container has ended: done when all that it wrote is in the files. Throws when the rest cannot be had or written. */
  async finish(): Promise<void> {
    if (this.#following !== undefined) await this.#drained(this.#following);
    if (this.#completeIn !== this.#options.life()) await this.#copy();
  }

  /** The first bytes of stderr. */
  async stderrStart(length: number): Promise<string> {
    const file = await open(
      join(this.#options.directory, "stderr"),
      constants.O_RDONLY | constants.O_NOFOLLOW,
    );
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, 0);
      return buffer.subarray(0, bytesRead).toString();
    } finally {
      await file.close();
    }
  }

  /** Lets go of stream and files. Safe to repeat. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#body?.destroy();
    await this.#following;
    await Promise.all([this.#files.stdout.close(), this.#files.stderr.close()]);
  }

  async #followToEnd(): Promise<void> {
    try {
      await this.#copy();
    } catch {
      // It is tried again, at the latest when the container has ended.
    }
    this.#following = undefined;
    if (!this.#isClosed) this.#options.ended();
  }

  async #copy(): Promise<void> {
    this.#completeIn = undefined;
    const life = this.#options.life();
    const [stdout, stderr] = [await this.#rest("stdout"), await this.#rest("stderr")];
    const body = await this.#options.source.open();
    this.#body = body;
    if (this.#isClosed) body.destroy();
    const demux = new Demux();
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      const pieces = demux.take(chunk);
      await this.#append("stdout", stdout.take(pieces.stdout));
      await this.#append("stderr", stderr.take(pieces.stderr));
    }
    if (!this.#isClosed) this.#completeIn = life;
  }

  async #rest(name: "stdout" | "stderr"): Promise<Skip> {
    return new Skip((await this.#files[name].stat()).size);
  }

  async #append(name: "stdout" | "stderr", pieces: Uint8Array[]): Promise<void> {
    if (pieces.length > 0)
      await this.#files[name].appendFile(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces));
  }

  async #drained(following: Promise<void>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((done) => {
      timer = setTimeout(() => {
        this.#body?.destroy();
        done();
      }, drainMs);
    });
    await Promise.race([following, late.then(() => following)]);
    clearTimeout(timer);
  }
}

/** A link in the place of the file would let a task have the agent write elsewhere. */
const openForAppending = (path: string): Promise<FileHandle> =>
  open(
    path,
    constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    0o644,
  );
