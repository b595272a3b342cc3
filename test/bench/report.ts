import { cpus } from "node:os";
import Table from "cli-table3";

/** Which machine the figures are of. */
export const machine = (): string =>
  `${cpus()[0]?.model ?? "?"}, ${cpus().length} cores, Node ${process.version}`;

/** A table for people unless only JSON is asked for, then one line of JSON. */
export function print(
  bench: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
  json: boolean,
): void {
  if (!json) {
    const table = new Table({ head: [...head] });
    for (const row of rows) table.push([...row]);
    process.stdout.write(`${machine()}\n${table.toString()}\n`);
  }
  const results = rows.map((row) =>
    Object.fromEntries(row.map((cell, index) => [head[index] ?? index, cell])),
  );
  process.stdout.write(`${JSON.stringify({ bench, machine: machine(), results })}\n`);
}

/** The value below which this share of them lies (nearest rank). */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
