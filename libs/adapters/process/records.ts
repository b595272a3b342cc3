import { closeSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from "node:fs";
import type { TaskGroup } from "./group.js";

/** What is known of a task: from its start on, and with `end` when it has ended. */
export interface TaskRecord {
  readonly task: string;
  readonly pid: number;
  /** See `startTime`: guards against a pid that was used again. */
  readonly startTime: string | undefined;
  readonly bootId: string;
  readonly group?: TaskGroup;
  readonly end?: TaskEnd;
}

/** How a task ended, as the kernel told its parent. Neither code nor signal: nobody was there to be told. */
export interface TaskEnd {
  readonly exitCode?: number;
  readonly signal?: string;
  /** How often the kernel killed something of the task because its memory was at the limit. */
  readonly oomKills: number;
  readonly cause?: "cut-off" | "host-restarted" | "unknown";
}

type Line = TaskRecord | { readonly collected: string };

/** A log of more lines than this, most of them of the past, is written anew. */
const linesMax = 10_000;

/**
 * The records of a shim in one file, the last line of a task holds. Two lines a task: making files of their own cost half of
 * a launch. It need not survive the host (no fsync): after a restart of the host nothing of it runs any more.
 */
export class Records {
  readonly #live = new Map<string, TaskRecord>();
  #fd: number;
  #lines = 0;
  /** A write that the disk took in part: the next line must not be glued to it. */
  #torn = false;
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
    for (const line of readLines(file)) this.#apply(line);
    this.#fd = openSync(file, "a", 0o600);
    this.#compact();
  }

  all(): TaskRecord[] {
    return [...this.#live.values()];
  }

  get(task: string): TaskRecord | undefined {
    return this.#live.get(task);
  }

  /** Counts from now on, though a full disk throws. */
  put(record: TaskRecord): void {
    this.#append(record);
  }

  /** Safe to repeat. */
  remove(task: string): void {
    if (this.#live.has(task)) this.#append({ collected: task });
  }

  #append(line: Line): void {
    this.#apply(line);
    const text = Buffer.from(`${this.#torn ? "\n" : ""}${JSON.stringify(line)}\n`);
    this.#torn = true;
    if (writeSync(this.#fd, text) < text.length) throw new Error(`${this.#file}: the disk is full`);
    this.#torn = false;
    if (this.#lines > linesMax && this.#lines > 4 * this.#live.size) this.#compact();
  }

  #apply(line: Line): void {
    this.#lines++;
    if ("collected" in line) this.#live.delete(line.collected);
    else this.#live.set(line.task, line);
  }

  #compact(): void {
    const text = this.all().map((record) => `${JSON.stringify(record)}\n`);
    try {
      writeFileSync(`${this.#file}.new`, text.join(""), { mode: 0o600 });
      const fd = openSync(`${this.#file}.new`, "a");
      renameSync(`${this.#file}.new`, this.#file);
      closeSync(this.#fd);
      this.#fd = fd;
      this.#lines = text.length;
      this.#torn = false;
    } catch {
      // No room: the long log is as true as the short one.
      this.#lines = 0;
    }
  }
}

/** A line that was cut off was not said. */
function readLines(file: string): Line[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    return [];
  }
  return text.split("\n").flatMap((line) => {
    try {
      return line === "" ? [] : [JSON.parse(line) as Line];
    } catch {
      return [];
    }
  });
}
