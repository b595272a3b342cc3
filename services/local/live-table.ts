import Table from "cli-table3";
import type { DemoRow } from "./demo/demo.js";

/** Shows rows as they change: on a terminal a table drawn over itself, else a line a change. */
export class LiveTable {
  readonly #out: NodeJS.WriteStream;
  /** What stands on the terminal now and may be drawn over. */
  #drawn = "";
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
    const table = this.#drawn;
    this.#erase();
    this.#out.write(`${line}\n`);
    this.#write(table);
  }

  /** The table stays as it is; what is said from now on comes below it. */
  leave(): void {
    this.#drawn = "";
  }

  #draw(rows: readonly DemoRow[]): void {
    const table = new Table({
      head: ["", "what", "progress", "where"],
      style: { head: [], border: process.env["NO_COLOR"] ? [] : ["gray"] },
    });
    for (const { name, what, progress, where, done } of rows)
      table.push([`${done ? "✓" : "…"} ${name}`, what, progress, clipped(where, this.#out.columns - 60)]);
    this.#erase();
    this.#write(table.toString());
  }

  #write(table: string): void {
    this.#drawn = table;
    if (table !== "") this.#out.write(`${table}\n`);
  }

  #erase(): void {
    if (this.#drawn !== "") this.#out.write(`\u001b[${this.#drawn.split("\n").length}A\u001b[0J`);
    this.#drawn = "";
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
