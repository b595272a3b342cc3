import type { Clock } from "#libs/ports/clock.js";
import type { Journal } from "#libs/ports/journal.js";
import type { Random } from "#libs/ports/random.js";

/** The part of a journal that outlives the process. */
export class SimDisk {
  /** The disk takes no more: appending and compacting throw. */
  full = false;
  /** For checks: told of what the disk has got, in order. `all`: in the place of everything before. */
  wrote: (records: readonly string[], all: boolean) => void = () => {};
  /** For checks: told how many of the last records are gone. */
  lost: (count: number) => void = () => {};
  #records: string[] = [];
  /** How many of them would survive a loss of power. */
  #safe = 0;

  get records(): readonly string[] {
    return this.#records;
  }

  append(records: readonly string[], sync = false): void {
    this.#records.push(...records);
    if (sync) this.#safe = this.#records.length;
    this.wrote(records, false);
  }

  replace(records: readonly string[]): void {
    this.#records = [...records];
    this.#safe = records.length;
    this.wrote(records, true);
  }

  /** What had not reached the disk is lost from some point on, as chance has it. */
  losePower(random: Random): void {
    const unsafe = this.#records.length - this.#safe;
    const kept = this.#safe + Math.floor(random.fraction() * (unsafe + 1));
    this.lost(this.#records.length - kept);
    this.#records.length = kept;
    this.#safe = kept;
  }
}

export interface SimJournalOptions {
  readonly disk: SimDisk;
  readonly clock: Clock;
  readonly random: Random;
  /** Of each write; 1 unless given. */
  readonly writeMs?: number;
}

interface Write {
  readonly records: readonly string[];
  readonly how: "append" | "sync" | "replace";
  readonly settle: (failure?: Error) => void;
}

/** One process's view of a disk. `crash` it with the process, and make another on the same disk. */
export class SimJournal implements Journal {
  readonly #waiting: Write[] = [];
  #gone = false;
  readonly #options: SimJournalOptions;

  constructor(options: SimJournalOptions) {
    this.#options = options;
  }

  get length(): number {
    return this.#options.disk.records.length;
  }

  async load(): Promise<readonly unknown[]> {
    return this.#options.disk.records.map((record) => JSON.parse(record) as unknown);
  }

  append(records: readonly unknown[], { sync = false }: { readonly sync?: boolean } = {}): Promise<void> {
    return this.#write(records, sync ? "sync" : "append");
  }

  compact(records: readonly unknown[]): Promise<void> {
    return this.#write(records, "replace");
  }

  /** Of the write under way a prefix counts, as chance has it; of those behind it nothing. */
  crash(): void {
    this.#gone = true;
    const [under] = this.#waiting;
    if (under === undefined || this.#options.disk.full) return;
    const chance = this.#options.random.fraction();
    if (under.how === "replace") {
      if (chance < 0.5) this.#options.disk.replace(under.records);
      return;
    }
    const kept = Math.floor(chance * (under.records.length + 1));
    this.#options.disk.append(under.records.slice(0, kept));
  }

  /** One at a time, in the order of the calls. What is written is what was meant at the call. */
  #write(records: readonly unknown[], how: Write["how"]): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (failure?: Error) => (failure === undefined ? resolve() : reject(failure));
      this.#waiting.push({ records: records.map((record) => JSON.stringify(record)), how, settle });
      if (this.#waiting.length === 1) this.#next();
    });
  }

  #next(): void {
    this.#options.clock.after(this.#options.writeMs ?? 1, () => {
      if (this.#gone) return;
      const { disk } = this.#options;
      const { records, how, settle } = this.#waiting.shift()!;
      if (disk.full) settle(new Error("no space left on device"));
      else {
        if (how === "replace") disk.replace(records);
        else disk.append(records, how === "sync");
        settle();
      }
      if (this.#waiting.length > 0) this.#next();
    });
  }
}
