import assert from "node:assert/strict";
import type { DemoRow } from "#services/local/demo/demo.js";
import { LiveTable } from "#services/local/live-table.js";

const row = (progress: string, where = "", done = false): DemoRow => ({
  name: "/demo/web",
  what: "process",
  progress,
  where,
  done,
});

const escape = "\u001b";
const colour = new RegExp(`${escape}\\[\\d+m`, "g");
const clearFrom = new RegExp(`${escape}\\[(\\d+)A${escape}\\[0J`);

/** What is written to it, and what a reader of the terminal then sees: it knows the one sequence that is used. */
class Out {
  text = "";
  constructor(
    readonly isTTY: boolean,
    readonly columns = 100,
  ) {}

  write(text: string): boolean {
    this.text += text;
    return true;
  }

  get screen(): string[] {
    const lines: string[] = [];
    // The text between two sequences, and how many lines each goes up to clear all below, in turn.
    for (const [at, piece] of this.text.replaceAll(colour, "").split(clearFrom).entries())
      if (at % 2 === 0) lines.push(...piece.split("\n").slice(0, -1));
      else lines.splice(lines.length - Number(piece));
    return lines;
  }
}

describe("the live table", () => {
  const tableOn = (out: Out) => new LiveTable(out as unknown as NodeJS.WriteStream);

  describe("on a terminal", () => {
    it("is drawn over itself, so that it is there once, as it is last", () => {
      const out = new Out(true);
      const table = tableOn(out);
      table.show([row("0/3 running")]);
      table.show([row("3/3 running", "127.0.0.1:31000", true)]);
      assert.equal(out.screen.filter((line) => line.includes("/demo/web")).length, 1);
      assert.match(out.screen.join("\n"), /✓ \/demo\/web .* 3\/3 running .* 127\.0\.0\.1:31000/);
      assert.equal(out.screen.filter((line) => line.includes("progress")).length, 1);
    });

    it("what is said stands above it, and below it once it is left", () => {
      const out = new Out(true);
      const table = tableOn(out);
      table.say("first");
      table.show([row("0/3 running")]);
      table.say("second");
      table.leave();
      table.say("ready");
      const at = (word: string) => out.screen.findIndex((line) => line.includes(word));
      assert.deepEqual([at("first"), at("second")], [0, 1]);
      assert.ok(at("… /demo/web") > at("second"));
      assert.equal(out.screen.at(-1), "ready");
    });

    it("a line that is too long for it is cut, so that no row takes two lines", () => {
      const out = new Out(true, 100);
      tableOn(out).show([row("3/3 running", "x".repeat(200))]);
      assert.deepEqual(
        out.screen.filter((line) => line.length > 100),
        [],
      );
      assert.match(out.screen.join("\n"), /x{39}…/);
    });
  });

  describe("into a file or a pipe", () => {
    it("is a line a change, without control characters, and nothing where nothing changed", () => {
      const out = new Out(false);
      const table = tableOn(out);
      table.show([row("0/3 running")]);
      table.show([row("0/3 running")]);
      table.say("something");
      table.show([row("3/3 running", "127.0.0.1:31000", true)]);
      table.leave();
      assert.equal(
        out.text,
        "/demo/web   process    0/3 running\nsomething\n/demo/web   process    3/3 running   127.0.0.1:31000\n",
      );
    });
  });
});
