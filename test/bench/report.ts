import { cpus, loadavg, release, totalmem } from "node:os";
import Table from "cli-table3";

/** Which machine the figures are of, and how busy it was: on a shared one only ratios within a run count. */
export const machine = (): string => {
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  return `${cpus()[0]?.model ?? "?"}, ${cpus().length} cores, ${memory}, Linux ${release()}, Node ${process.version}`;
};

/** A row of a result: what is shown, in the order of the columns. */
export type Row = readonly string[];

export interface Report {
  readonly bench: string;
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
  /** What else was used: the version of an engine, say. */
  readonly beside?: Readonly<Record<string, string>>;
}

/** A table for people unless only JSON is asked for, then one line of JSON. */
export function print({ bench, columns, rows, beside = {} }: Report, json: boolean): void {
  const about = {
    machine: machine(),
    ...beside,
    load: loadavg()[0]!.toFixed(1),
    at: new Date().toISOString(),
  };
  if (!json) {
    const table = new Table({ head: [...columns], style: { head: [], border: [] } });
    for (const row of rows) table.push([...row]);
    const lines = Object.entries(about).map(([name, value]) => `${name}: ${value}\n`);
    process.stdout.write(`${lines.join("")}${table.toString()}\n`);
  }
  const results = rows.map((row) =>
    Object.fromEntries(row.map((cell, index) => [columns[index] ?? index, cell])),
  );
  process.stdout.write(`${JSON.stringify({ bench, ...about, results })}\n`);
}

/** The value below which this share of them lies (nearest rank). */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

export const met = (is: boolean): string => (is ? "yes" : "no");
