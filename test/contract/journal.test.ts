import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SystemClock } from "#libs/adapters/clock.js";
import { FileJournal } from "#libs/adapters/journal.js";
import { SystemRandom } from "#libs/adapters/random.js";
import type { Journal } from "#libs/ports/journal.js";
import { SimDisk, SimJournal } from "#libs/sim/journal.js";

/** A disk on which one process after the other opens the same journal. */
interface Disk {
  open(): Journal;
  close(): Promise<void>;
}

function journalContract(make: () => Disk): void {
  let disk: Disk;
  beforeEach(() => (disk = make()));
  afterEach(() => disk.close());

  it("a new one is empty", async () => {
    const journal = disk.open();
    assert.deepEqual(await journal.load(), []);
    assert.equal(journal.length, 0);
  });

  it("what was appended is read by the next process, in order", async () => {
    const journal = disk.open();
    await journal.load();
    await journal.append([{ a: 1 }, { b: "two\nlines" }]);
    await journal.append(["three", 4, null]);
    assert.equal(journal.length, 5);
    const next = disk.open();
    assert.deepEqual(await next.load(), [{ a: 1 }, { b: "two\nlines" }, "three", 4, null]);
    assert.equal(next.length, 5);
  });

  it("appending without waiting keeps the order of the calls", async () => {
    const journal = disk.open();
    await journal.load();
    const numbers = [...Array(50).keys()];
    await Promise.all(numbers.map((number) => journal.append([number])));
    assert.deepEqual(await disk.open().load(), numbers);
  });

  it("what is appended is what it was at the call", async () => {
    const journal = disk.open();
    await journal.load();
    const record = { state: "before" };
    const appended = journal.append([record]);
    record.state = "after";
    await appended;
    assert.deepEqual(await disk.open().load(), [{ state: "before" }]);
  });

  it("compacting puts others in the place of all; appending goes on behind them", async () => {
    const journal = disk.open();
    await journal.load();
    await journal.append([1, 2, 3]);
    const compacted = journal.compact(["sum", 6]);
    const appended = journal.append([7]);
    await Promise.all([compacted, appended]);
    assert.equal(journal.length, 3);
    assert.deepEqual(await disk.open().load(), ["sum", 6, 7]);
  });

  it("what the disk is waited for is there like all else", async () => {
    const journal = disk.open();
    await journal.append([1], { sync: true });
    await journal.append([2]);
    assert.deepEqual(await disk.open().load(), [1, 2]);
  });

  it("appending nothing does nothing", async () => {
    const journal = disk.open();
    await journal.load();
    await journal.append([]);
    assert.deepEqual(await disk.open().load(), []);
  });
}

describe("journal in memory", () => {
  const ports = { clock: new SystemClock(), random: new SystemRandom() };
  journalContract(() => {
    const disk = new SimDisk();
    return { open: () => new SimJournal({ disk, ...ports }), close: async () => {} };
  });

  it("a full disk takes nothing, and says so", async () => {
    const disk = new SimDisk();
    const journal = new SimJournal({ disk, ...ports });
    await journal.append([1]);
    disk.full = true;
    await assert.rejects(journal.append([2]), /no space/);
    disk.full = false;
    await journal.append([3]);
    assert.deepEqual(await journal.load(), [1, 3]);
  });

  it("with the power a disk loses the last of what nobody waited for, and nothing that somebody did", async () => {
    const disk = new SimDisk();
    const journal = new SimJournal({ disk, ...ports });
    await journal.append([1, 2], { sync: true });
    await journal.append([3, 4, 5]);
    // 0.4 × 4 possible lengths = 1.6: one of the three
    disk.losePower({ fraction: () => 0.4, token: () => "" });
    assert.deepEqual(await journal.load(), [1, 2, 3]);
    await journal.compact(["sum", 6]);
    disk.losePower({ fraction: () => 0, token: () => "" });
    assert.deepEqual(await journal.load(), ["sum", 6]);
  });

  it("of the write under way when the process dies a prefix counts, of later ones nothing", async () => {
    const disk = new SimDisk();
    const journal = new SimJournal({
      disk,
      clock: ports.clock,
      random: { fraction: () => 0.7, token: () => "" },
    });
    void journal.append([1, 2, 3]);
    void journal.append([4]);
    journal.crash();
    // 0.7 × 4 possible lengths = 2.8: two of the three
    assert.deepEqual(await new SimJournal({ disk, ...ports }).load(), [1, 2]);
  });
});

describe("journal in a file", () => {
  let dir: string;
  const opened: FileJournal[] = [];
  const open = (): FileJournal => {
    const journal = new FileJournal(join(dir, "below", "journal"));
    opened.push(journal);
    return journal;
  };
  const close = async () => {
    for (const journal of opened.splice(0)) await journal.close();
    rmSync(dir, { recursive: true, force: true });
  };

  journalContract(() => {
    dir = mkdtempSync(join(tmpdir(), "emporion-journal-"));
    return { open, close };
  });

  describe("on a disk that fails", () => {
    beforeEach(() => (dir = mkdtempSync(join(tmpdir(), "emporion-journal-"))));
    afterEach(close);
    const file = () => join(dir, "below", "journal");

    it("a last record that was cut off is not read, and the next one is not glued to it", async () => {
      const journal = open();
      await journal.load();
      await journal.append([{ whole: 1 }]);
      appendFileSync(file(), '{"torn":');
      const next = open();
      assert.deepEqual(await next.load(), [{ whole: 1 }]);
      await next.append([{ whole: 2 }]);
      assert.deepEqual(await open().load(), [{ whole: 1 }, { whole: 2 }]);
    });

    it("a broken record in the middle is no reason to start with half a memory", async () => {
      const journal = open();
      await journal.append([1]);
      writeFileSync(file(), '1\n{"broken\n3\n');
      await assert.rejects(open().load(), /journal: record 2 is no JSON: \{"broken/);
    });

    it("a disk that is full in the middle of a write: it throws, and none of it counts", async function () {
      const journal = open();
      await journal.load();
      await journal.append(["first"]);
      await fillUp(journal);
      await assert.rejects(journal.append(["x".repeat(10_000)]), /ENOSPC|full/);
      assert.equal(journal.length, 1);
      assert.equal(readFileSync(file(), "utf8"), '"first"\n');
      restore(journal);
      await journal.append(["second"]);
      assert.deepEqual(await open().load(), ["first", "second"]);
    });

    it("a full disk has room kept for what has happened, but not for more to do", async () => {
      const small = join(dir, "small");
      mkdirSync(small);
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", small]);
      try {
        const filler = join(small, "filler");
        const journal = new FileJournal(join(small, "journal"));
        await journal.load();
        await journal.append(["accepted"]);
        assert.throws(() => writeFileSync(filler, Buffer.alloc(4 << 20)), /ENOSPC/);
        const long = "x".repeat(10_000);
        await assert.rejects(journal.append([`more ${long}`]), /ENOSPC/);
        await journal.append([`ended ${long}`], { mayUseReserve: true });
        rmSync(filler);
        await journal.append(["more"]);
        assert.ok(readdirSync(small).includes("journal.reserve"), "kept again");
        await journal.close();
        const next = new FileJournal(join(small, "journal"));
        assert.deepEqual(await next.load(), ["accepted", `ended ${long}`, "more"]);
        await next.close();
      } finally {
        execFileSync("umount", ["-l", small]);
      }
    });

    it("a compaction that fails leaves all as it was", async () => {
      const journal = open();
      await journal.load();
      await journal.append([1, 2]);
      await assert.rejects(
        journal.compact([
          {
            toJSON: () => {
              throw new Error("no JSON");
            },
          },
        ]),
        /no JSON/,
      );
      await journal.append([3]);
      assert.deepEqual(await open().load(), [1, 2, 3]);
      assert.deepEqual(readdirSync(join(dir, "below")), ["journal", "journal.reserve"]);
    });
  });

  /** No disk is filled here: the file takes half of what is written and then says what a full disk says. */
  interface Inner {
    handle: {
      appendFile: unknown;
      writeFile: (bytes: Buffer) => Promise<void>;
      write: (b: Buffer) => Promise<unknown>;
    };
  }
  let original: Inner["handle"]["writeFile"];
  async function fillUp(journal: FileJournal): Promise<void> {
    const { handle } = journal as unknown as Inner;
    original = handle.writeFile.bind(handle);
    handle.writeFile = async (bytes) => {
      await handle.write(bytes.subarray(0, bytes.length >> 1));
      throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    };
  }
  function restore(journal: FileJournal): void {
    (journal as unknown as Inner).handle.writeFile = original;
  }
});
