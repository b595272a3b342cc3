import { constants } from "node:fs";
import { type FileHandle, mkdir, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { AppendOptions, Journal } from "#libs/ports/journal.js";

/**
 * JSON lines in one file. What is appended in one call is one write; the last line counts only when it is whole.
 *
 * Appending waits for the disk (fdatasync) only where it is asked to: a write that was made survives the death of the process, and what
 * an agent can find out again after a restart of the host need not survive that. `compact` waits always, or the rename could reach the disk before
 * the content, and a host's crash leave an empty journal in the place of a full one.
 * Whether the old file or the new one is found after a crash does not matter: both are true.
 *
 * A file of zeros beside it keeps room on the disk. On a full one it makes way for what must be recorded, and it is made again as soon
 * as there is room.
 */
export class FileJournal implements Journal {
  private count = 0;
  /** Bytes up to the end of the last whole record. */
  private size = 0;
  private handle: FileHandle | undefined;
  private queue: Promise<unknown> = Promise.resolve();
  private readonly reserveFile: string;
  private hasReserve = false;

  constructor(private readonly file: string) {
    this.reserveFile = `${file}.reserve`;
  }

  get length(): number {
    return this.count;
  }

  load(): Promise<readonly unknown[]> {
    return this.inTurn(async () => {
      const bytes = await readFile(this.file).catch(ifAbsent);
      const whole = bytes.subarray(0, bytes.lastIndexOf(newline) + 1);
      const records = whole.toString("utf8").split("\n").filter(Boolean).map(parse(this.file));
      this.size = whole.length;
      this.count = records.length;
      if (whole.length < bytes.length) await (await this.opened()).truncate(this.size);
      return records;
    });
  }

  async append(
    records: readonly unknown[],
    { sync = false, mayUseReserve = false }: AppendOptions = {},
  ): Promise<void> {
    if (records.length === 0) return;
    const bytes = encode(records);
    return this.inTurn(async () => {
      const handle = await this.opened();
      try {
        await this.write(handle, bytes, sync);
      } catch (cause) {
        if (!mayUseReserve || !isFull(cause)) throw cause;
        this.hasReserve = false;
        await rm(this.reserveFile, { force: true });
        await this.write(handle, bytes, sync);
      }
      this.size += bytes.length;
      this.count += records.length;
      if (!mayUseReserve) await this.keepReserve();
    });
  }

  private async write(handle: FileHandle, bytes: Buffer, sync: boolean): Promise<void> {
    try {
      await handle.writeFile(bytes);
      if (sync) await handle.datasync();
    } catch (cause) {
      // None of them count: what the disk took of them is taken back.
      await handle.truncate(this.size);
      throw cause;
    }
  }

  /** Where there is no room for it there is none: what could be written has been. */
  private async keepReserve(): Promise<void> {
    if (this.hasReserve) return;
    try {
      const { size } = await stat(this.reserveFile).catch(() => ({ size: 0 }));
      if (size < reserveBytes) await writeFile(this.reserveFile, Buffer.alloc(reserveBytes), { mode: 0o600 });
      this.hasReserve = true;
    } catch {
      await rm(this.reserveFile, { force: true });
    }
  }

  async compact(records: readonly unknown[]): Promise<void> {
    const bytes = encode(records);
    return this.inTurn(async () => {
      const fresh = await openAppending(`${this.file}.new`, constants.O_TRUNC);
      try {
        await fresh.writeFile(bytes);
        await fresh.datasync();
        await rename(`${this.file}.new`, this.file);
      } catch (cause) {
        await fresh.close();
        throw cause;
      }
      await this.handle?.close();
      this.handle = fresh;
      this.size = bytes.length;
      this.count = records.length;
    });
  }

  close(): Promise<void> {
    return this.inTurn(async () => {
      await this.handle?.close();
      this.handle = undefined;
    });
  }

  private async opened(): Promise<FileHandle> {
    if (this.handle === undefined) {
      await mkdir(dirname(this.file), { recursive: true });
      this.handle = await openAppending(this.file, 0);
    }
    return this.handle;
  }

  /** One at a time, in the order of the calls; a failed one does not hold up the next. */
  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.queue.then(work);
    this.queue = turn.catch(() => {});
    return turn;
  }
}

const newline = 0x0a;

/** Ends of more than a thousand tasks. */
const reserveBytes = 512 * 1024;

const isFull = (cause: unknown): boolean =>
  ["ENOSPC", "EDQUOT"].includes((cause as NodeJS.ErrnoException).code ?? "");

const openAppending = (file: string, flags: number): Promise<FileHandle> =>
  open(file, constants.O_CREAT | constants.O_APPEND | constants.O_RDWR | flags, 0o600);

const encode = (records: readonly unknown[]): Buffer =>
  Buffer.from(records.map((record) => `${JSON.stringify(record)}\n`).join(""));

/** A whole line that is no JSON was not written by us: better no start than a wrong memory. */
const parse =
  (file: string) =>
  (line: string, index: number): unknown => {
    try {
      return JSON.parse(line);
    } catch (cause) {
      throw new Error(`${file}: record ${index + 1} is no JSON: ${line.slice(0, 80)}`, { cause });
    }
  };

function ifAbsent(cause: NodeJS.ErrnoException): Buffer {
  if (cause.code === "ENOENT") return Buffer.alloc(0);
  throw cause;
}
