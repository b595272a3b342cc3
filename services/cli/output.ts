import { styleText } from "node:util";
import Table from "cli-table3";

import { plainUnits } from "#libs/core/plain-units.js";

export type OutputFormat = "table" | "json";

type Cell = string | number | undefined;

/** Tables for people; colour only where somebody looks. */
export class Output {
  readonly #format: OutputFormat;
  readonly #colour: boolean;

  constructor(format: OutputFormat) {
    this.#format = format;
    this.#colour = process.stdout.isTTY && process.env["NO_COLOR"] === undefined;
  }

  get isJson(): boolean {
    return this.#format === "json";
  }

  /** `json` is what programs get; `rows` what people see. */
  list(head: readonly string[], rows: readonly (readonly Cell[])[], json: unknown): void {
    if (this.isJson) return this.json(json);
    if (rows.length === 0) return this.line(this.paint("gray", "nothing"));
    const bare = {
      top: "",
      "top-mid": "",
      "top-left": "",
      "top-right": "",
      bottom: "",
      "bottom-mid": "",
      "bottom-left": "",
      "bottom-right": "",
      left: "",
      "left-mid": "",
      mid: "",
      "mid-mid": "",
      right: "",
      "right-mid": "",
      middle: "  ",
    };
    const table = new Table({
      head: head.map((each) => this.paint("bold", each)),
      chars: bare,
      style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
    });
    for (const row of rows) table.push(row.map((cell) => this.#cell(cell)));
    for (const line of table.toString().split("\n")) this.line(line.trimEnd());
  }

  json(value: unknown): void {
    this.line(JSON.stringify(value, plainUnits, 2));
  }

  line(text: string): void {
    process.stdout.write(`${text}\n`);
  }

  paint(style: "bold" | "gray" | "green" | "red" | "yellow", text: string): string {
    return this.#colour ? styleText(style, text) : text;
  }

  #cell(cell: Cell): string {
    const text = cell === undefined ? "-" : String(cell);
    if (/^(running|registered|connected|healthy|SUCCESS|TASK_RUNNING)$/.test(text))
      return this.paint("green", text);
    if (/^(failed|unreachable|lost|FAILED|TASK_FAILED|TASK_LOST|unhealthy)$/.test(text))
      return this.paint("red", text);
    return text;
  }
}

/** `12s`, `3m`, `5h`, `2d` */
export function ageText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)}h` : `${Math.round(seconds / 86_400)}d`;
}
