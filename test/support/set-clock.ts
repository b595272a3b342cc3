import { mkdtempSync, renameSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The wall clock of Node processes that are started with `env`, as an operator or NTP would set it while they run. */
export interface SettableClock {
  readonly env: Readonly<Record<string, string>>;
  /** How far it is off from now on, ms. Seen within 20 ms. */
  set(offsetMs: number): void;
}

/** Loaded into each process before anything else: whatever asks Date is told of the clock that was set. The monotonic clock stays. */
const preload = (file: string): string => `
const { readFileSync } = require("node:fs");
const Real = Date;
let offset = 0;
let readAt = -Infinity;
const now = () => {
  const mono = performance.now();
  if (mono - readAt > 20) {
    offset = Number(readFileSync(${JSON.stringify(file)}, "utf8"));
    readAt = mono;
  }
  return Real.now() + offset;
};
globalThis.Date = class Date extends Real {
  constructor(...args) {
    super(...(args.length === 0 ? [now()] : args));
  }
  static now() {
    return now();
  }
};
`;

export function settableClock(): SettableClock {
  const dir = mkdtempSync(join(tmpdir(), "emporion-clock-"));
  const [script, file] = [join(dir, "clock.cjs"), join(dir, "offset")];
  const set = (offsetMs: number) => {
    writeFileSync(`${file}.new`, String(offsetMs));
    renameSync(`${file}.new`, file);
  };
  set(0);
  writeFileSync(script, preload(file));
  return { env: { NODE_OPTIONS: `--require=${script}` }, set };
}
