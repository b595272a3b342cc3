import Table from "cli-table3";
import type { DemoRow } from "./demo/demo.js";

/** Shows rows as they change: on a terminal a table drawn over itself, else a line a change. */
export class LiveTable {
  readonly #out: NodeJS.WriteStream;
  #drawnLines = 0;
  #shown = new Map<string, string>();

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  show(rows: readonly DemoRow[]): void {
    if (this.#out.isTTY) this.#draw(rows);
    else this.#print(rows);
  }

  /** A line above the table. */
  say(line: string): void {
    this.#erase();
    this.#out.write(`${line}\n`);
  }

  #draw(rows: readonly DemoRow[]): void {
    const table = new Table({
      head: ["", "what", "progress", "where"],
      style: { head: [], border: ["gray"] },
    });
    for (const { name, what, progress, where, done } of rows)
      table.push([`${done ? "✓" : "…"} ${name}`, what, progress, clipped(where, this.#out.columns - 60)]);
    const text = table.toString();
    this.#erase();
    this.#out.write(`${text}\n`);
    this.#drawnLines = text.split("\n").length;
  }

  #erase(): void {
    if (this.#drawnLines > 0) this.#out.write(`\u001b[${this.#drawnLines}A\u001b[0J`);
    this.#drawnLines = 0;
  }

  #print(rows: readonly DemoRow[]): void {
    for (const { name, what, progress, where } of rows) {
      const line = `${name.padEnd(10)}  ${what.padEnd(9)}  ${progress.padEnd(12)}  ${where}`.trimEnd();
      if (this.#shown.get(name) === line) continue;
      this.#shown.set(name, line);
      this.#out.write(`${line}\n`);
    }
  }
}

const clipped = (text: string, width: number): string =>
  text.length > Math.max(20, width) ? `${text.slice(0, Math.max(20, width) - 1)}…` : text;
