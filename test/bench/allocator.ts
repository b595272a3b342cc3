import type { MasterEffect } from "#services/master/events.js";
import { numbersIn } from "./flags.js";
import type { BenchOptions } from "./main.js";
import { MasterInProcess, type Measured, offersIn } from "./master-in-process.js";
import { median, met, print, type Row } from "./report.js";

const sizes = [1000, 5000, 10_000, 50_000];
const crowds = [1, 100, 1000];

/**
 * How the master's work grows with agents and frameworks: the leading machine in process, nobody says how much he needs, so whole
 * agents are offered. `full`: after all of them came anew. `one change`: an agent reports all of it free. `decline all`: every
 * offer comes back, its agent agrees, and it is offered to others. `99 % suppressed`: full, when one in a hundred wants offers.
 */
export async function run({ json, args }: BenchOptions): Promise<void> {
  const {
    agents: most,
    frameworks: crowd,
    rounds,
  } = numbersIn(args, {
    /** The largest of the sizes. */
    agents: 50_000,
    frameworks: 1000,
    rounds: 15,
  });
  const rows: Row[] = [];
  for (const agents of upTo(sizes, most))
    for (const frameworks of upTo(crowds, crowd)) rows.push(rowOf(agents, frameworks, rounds));
  let withNoneIdle: number | undefined;
  for (const idle of upTo([0, 1000, 10_000], crowd * 10)) {
    const agents = Math.min(10_000, most);
    const { full, change } = besideIdle(agents, idle, rounds);
    withNoneIdle ??= change;
    const isFlat = change <= 0.2 && change <= withNoneIdle * flatMost;
    const what = `${count(agents)} × 100, and ${count(idle)} idle`;
    rows.push([what, full.toFixed(1), change.toFixed(3), "", "", "one change ≤ 0.2, flat", met(isFlat)]);
  }
  const columns = [
    "agents × frameworks",
    "full ms",
    "one change ms",
    "decline all ms",
    "99 % suppressed ms",
    "aim",
    "met",
  ];
  print({ bench: "allocator", columns, rows }, json);
}

/** Those that are not larger; the most itself when all are. */
const upTo = (values: readonly number[], most: number): number[] => {
  const fitting = values.filter((value) => value <= most);
  return fitting.length === 0 ? [most] : fitting;
};

function rowOf(agents: number, frameworks: number, rounds: number): Row {
  const all = masterOf(frameworks, () => false);
  const full = repeated(rounds, () => all.registerAll(agents).pass());
  const change = changes(
    masterOf(frameworks, () => false),
    agents,
  );
  const declined = repeated(rounds, () => all.decline(offered(all.registerAll(agents).pass()), filterMs));
  const few = masterOf(frameworks, (n) => n % 100 !== 0);
  const suppressed = repeated(rounds, () => few.registerAll(agents).pass());
  const isAimed = agents === 10_000 && frameworks === 1000;
  const aim = isAimed ? ["full ≤ 100, one change ≤ 0.2", met(full <= 100 && change <= 0.2)] : ["", ""];
  const times = [full.toFixed(1), change.toFixed(3), declined.toFixed(1), suppressed.toFixed(1)];
  return [`${count(agents)} × ${count(frameworks)}`, ...times, ...aim];
}

/** One change while a hundred want offers, and so many more none. */
function besideIdle(agents: number, idle: number, rounds: number): { full: number; change: number } {
  const crowd = () => masterOf(100 + idle, (n) => n >= 100);
  const all = crowd();
  const full = repeated(rounds, () => all.registerAll(agents).pass());
  return { full, change: changes(crowd(), agents) };
}

/** Of what one change takes while none is idle: more is not noise. */
const flatMost = 1.5;

function masterOf(frameworks: number, isSuppressed: (n: number) => boolean): MasterInProcess {
  const master = new MasterInProcess();
  for (let n = 0; n < frameworks; n++)
    master.subscribe(`f${String(n).padStart(5, "0")}`, `role${n % 10}`, [], isSuppressed(n));
  return master;
}

/** Over before the next round begins. */
const filterMs = 50;
const warmUps = 3;

/** Median ms. */
function repeated(rounds: number, work: () => Measured): number {
  const times: number[] = [];
  for (let round = 0; round < warmUps + rounds; round++) {
    const { ms } = work();
    if (round >= warmUps) times.push(ms);
  }
  return median(times);
}

/** Median ms from an agent's report to the offer that follows. Throws when none does. */
function changes(master: MasterInProcess, agents: number): number {
  master.registerAll(agents).pass();
  const times: number[] = [];
  let offers = 0;
  for (let n = 0; n < Math.min(1000, agents); n++) {
    const change = master.settleOne(n);
    offers += offersIn(change.effects);
    times.push(change.ms);
  }
  if (offers === 0) throw new Error("nothing was offered after a change");
  return median(times.slice(times.length >> 2));
}

function offered({ effects }: Measured): readonly MasterEffect[] {
  if (offersIn(effects) === 0) throw new Error("nothing was offered");
  return effects;
}

const count = (value: number): string => value.toLocaleString("en");
