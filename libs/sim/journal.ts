import type { Clock } from "#libs/ports/clock.js";
import type { Journal } from "#libs/ports/journal.js";
import type { Random } from "#libs/ports/random.js";

/** The part of a journal that outlives the process. */
export class SimDisk {
  records: string[] = [];
  /** The disk takes no more: appending and compacting throw. */
  full = false;
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
  readonly replace: boolean;
  readonly settle: (failure?: Error) => void;
}

/** One process's view of a disk. `crash` it with the process, and make another on the same disk. */
export class SimJournal implements Journal {
  private readonly waiting: Write[] = [];
  private gone = false;

  constructor(private readonly options: SimJournalOptions) {}

  get length(): number {
    return this.options.disk.records.length;
  }

  async load(): Promise<readonly unknown[]> {
    return this.options.disk.records.map((record) => JSON.parse(record) as unknown);
  }

  append(records: readonly unknown[]): Promise<void> {
    return this.write(records, false);
  }

  compact(records: readonly unknown[]): Promise<void> {
    return this.write(records, true);
  }

  /** Of the write under way a prefix counts, as chance has it; of those behind it nothing. */
  crash(): void {
    this.gone = true;
    const [under] = this.waiting;
    if (under === undefined || this.options.disk.full) return;
    const chance = this.options.random.fraction();
    if (under.replace) {
      if (chance < 0.5) this.options.disk.records = [...under.records];
      return;
    }
    const kept = Math.floor(chance * (under.records.length + 1));
    this.options.disk.records.push(...under.records.slice(0, kept));
  }

  /** One at a time, in the order of the calls. What is written is what was meant at the call. */
  private write(records: readonly unknown[], replace: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (failure?: Error) => (failure === undefined ? resolve() : reject(failure));
      this.waiting.push({ records: records.map((record) => JSON.stringify(record)), replace, settle });
      if (this.waiting.length === 1) this.next();
    });
  }

  private next(): void {
    this.options.clock.after(this.options.writeMs ?? 1, () => {
      if (this.gone) return;
      const { disk } = this.options;
      const { records, replace, settle } = this.waiting.shift()!;
      if (disk.full) settle(new Error("no space left on device"));
      else {
        disk.records = replace ? [...records] : [...disk.records, ...records];
        settle();
      }
      if (this.waiting.length > 0) this.next();
    });
  }
}
