import type { Need } from "#protocol/framework.js";
import { amounts } from "#libs/core/resources.js";
import type { BenchOptions } from "./main.js";
import { numbersIn } from "./flags.js";
import { MasterInProcess, type Measured, offersIn } from "./master-in-process.js";
import { met, print, type Row } from "./report.js";

/**
 * Allocation in process: the leading master's machine alone, as in production, without the bus. A pass is the handling of
 * the one event after which everything may be offered: shares, choice, offers and their messages as effects.
 * Sealing and encoding (in `perform`) come on top: about 25 µs an offer. Node has the young generation that the master has.
 */
export async function run({ json, args }: BenchOptions): Promise<void> {
  const size = numbersIn(args, usual);
  const results = scenarios(size.agents).map((scenario) => measure(scenario, size));
  results.push(...oneChange(size));
  const columns = ["what", "offers", "median ms", "best", "worst", "cpu ms", "aim ms", "met"];
  print({ bench: "offers", columns, rows: results.map(rowOf) }, json);
}

const usual = { agents: 10_000, "warm-up": 5, rounds: 25, changes: 1000 };
type Size = Readonly<typeof usual>;

function rowOf({ what, offers, medianMs, bestMs, worstMs, cpuMs, aimMs }: Result): Row {
  const times = [medianMs, bestMs, worstMs, cpuMs].map((ms) => ms.toFixed(3));
  const aim = aimMs === undefined ? ["", ""] : [`${aimMs}`, met(medianMs <= aimMs)];
  return [what, `${offers}`, ...times, ...aim];
}

interface Result {
  readonly what: string;
  readonly offers: number;
  readonly medianMs: number;
  readonly bestMs: number;
  readonly worstMs: number;
  /** Median of the processor time, collecting garbage in other threads included: tells a busy machine from a slow pass. */
  readonly cpuMs: number;
  readonly aimMs?: number;
}

interface Scenario {
  readonly what: string;
  readonly frameworks: number;
  readonly needs: (framework: number) => Need[];
  readonly aimMs?: number;
}

const need = (cpus: number, mem: number, more: Partial<Need> = {}): Need => ({
  resources: amounts({ cpus, mem }),
  constraints: [],
  ...more,
});

const scenarios = (agents: number): Scenario[] => [
  {
    what: `${count(agents)} agents × 100 frameworks, no needs: whole agents`,
    frameworks: 100,
    needs: () => [],
    aimMs: 50,
  },
  {
    what: `${count(agents)} × 100, each wants 0.5 cpus without end`,
    frameworks: 100,
    needs: () => [need(0.5, 256, { portCount: 1 })],
    aimMs: 50,
  },
  {
    what: `${count(agents)} × 100, each wants 100 of its own size on one of 20 racks`,
    frameworks: 100,
    needs: (n) => [
      need(1 + n / 100, 512, {
        count: 100,
        constraints: [{ attribute: "rack", operator: "is", value: `r${n % 20}` }],
      }),
    ],
    aimMs: 50,
  },
  {
    what: `${count(agents)} × 100, nobody's need fits anywhere`,
    frameworks: 100,
    needs: (n) => [need(8, 100_000 + n)],
    aimMs: 50,
  },
  { what: `${count(agents)} × 1,000, no needs`, frameworks: 1000, needs: () => [], aimMs: 100 },
  {
    what: `${count(agents)} × 1,000, each wants 10 of its own size`,
    frameworks: 1000,
    needs: (n) => [need(1 + n / 1000, 512, { count: 10 })],
    aimMs: 100,
  },
];

/** One master: before each pass every agent registers anew, which voids all that was offered before. */
function measure(
  { what, frameworks, needs, aimMs }: Scenario,
  { agents, rounds, "warm-up": warmUp }: Size,
): Result {
  const bench = new MasterInProcess();
  for (let n = 0; n < frameworks; n++) bench.subscribe(`f${n}`, `role${n % 10}`, needs(n));
  const times: Measured[] = [];
  let offers = 0;
  for (let round = 0; round < warmUp + rounds; round++) {
    bench.quietly(() => {
      for (let n = 0; n < agents; n++) bench.register(n);
    });
    const pass = bench.pass();
    offers = offersIn(pass.effects);
    if (round >= warmUp) times.push(pass);
  }
  return { what, offers, ...summary(times), ...(aimMs === undefined ? {} : { aimMs }) };
}

/** One task ends on a full cluster: what it costs until the next is offered, with many idle frameworks and with none. */
function oneChange({ agents, changes }: Size): Result[] {
  return [0, 1000, 10_000].map((idle) => {
    const bench = new MasterInProcess();
    for (let n = 0; n < 100; n++) bench.subscribe(`f${n}`, `role${n % 10}`, [need(16, 512)]);
    for (let n = 0; n < idle; n++) bench.subscribe(`idle${n}`, `role${n % 10}`, [], true);
    bench.quietly(() => {
      for (let n = 0; n < agents; n++) bench.register(n);
    });
    bench.pass();
    const times: Measured[] = [];
    let offers = 0;
    for (let n = 0; n < changes; n++) {
      const change = bench.settleOne(n);
      offers += offersIn(change.effects);
      if (n >= changes / 5) times.push(change);
    }
    const what = `one agent reports all of it free: ${count(agents)} × 100 and ${idle} idle frameworks`;
    return { what, offers: offers / changes, ...summary(times), aimMs: 0.2 };
  });
}

const count = (n: number): string => n.toLocaleString("en");

function summary(all: readonly Measured[]): Pick<Result, "medianMs" | "bestMs" | "worstMs" | "cpuMs"> {
  const sorted = all.map(({ ms }) => ms).toSorted((a, b) => a - b);
  const cpu = all.map(({ cpuMs }) => cpuMs).toSorted((a, b) => a - b);
  const middle = all.length >> 1;
  return { medianMs: sorted[middle]!, bestMs: sorted[0]!, worstMs: sorted.at(-1)!, cpuMs: cpu[middle]! };
}
