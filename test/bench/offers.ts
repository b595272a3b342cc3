import type { AgentInfo } from "#protocol/agent.js";
import type { Need } from "#protocol/framework.js";
import { amounts } from "#libs/core/resources.js";
import type { MasterEffect, MasterEvent } from "#services/master/events.js";
import { MasterMachine } from "#services/master/machine.js";
import { emptyRegistry } from "#services/master/registry.js";
import { defaultSettings } from "#services/master/settings.js";
import type { BenchOptions } from "./main.js";
import { met, print, type Row } from "./report.js";

/**
 * Allocation in process: the leading master's machine alone, as in production, without the bus. A pass is the handling of
 * the one event after which everything may be offered: shares, choice, offers and their messages as effects.
 * Sealing and encoding (in `perform`) come on top: about 25 µs an offer. Node has the young generation that the master has.
 */
export async function run({ json }: BenchOptions): Promise<void> {
  const results: Result[] = [];
  for (const scenario of scenarios) results.push(measure(scenario));
  results.push(...oneChange());
  const columns = ["what", "offers", "median ms", "best", "worst", "cpu ms", "aim ms", "met"];
  print({ bench: "offers", columns, rows: results.map(rowOf) }, json);
}

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
  readonly agents: number;
  readonly frameworks: number;
  readonly needs: (framework: number) => Need[];
  readonly aimMs?: number;
}

const need = (cpus: number, mem: number, more: Partial<Need> = {}): Need => ({
  resources: amounts({ cpus, mem }),
  constraints: [],
  ...more,
});

const scenarios: Scenario[] = [
  {
    what: "10,000 agents × 100 frameworks, no needs: whole agents",
    agents: 10_000,
    frameworks: 100,
    needs: () => [],
    aimMs: 50,
  },
  {
    what: "10,000 × 100, each wants 0.5 cpus without end",
    agents: 10_000,
    frameworks: 100,
    needs: () => [need(0.5, 256, { portCount: 1 })],
    aimMs: 50,
  },
  {
    what: "10,000 × 100, each wants 100 of its own size on one of 20 racks",
    agents: 10_000,
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
    what: "10,000 × 100, nobody's need fits anywhere",
    agents: 10_000,
    frameworks: 100,
    needs: (n) => [need(8, 100_000 + n)],
    aimMs: 50,
  },
  { what: "10,000 × 1,000, no needs", agents: 10_000, frameworks: 1000, needs: () => [], aimMs: 100 },
  {
    what: "10,000 × 1,000, each wants 10 of its own size",
    agents: 10_000,
    frameworks: 1000,
    needs: (n) => [need(1 + n / 1000, 512, { count: 10 })],
    aimMs: 100,
  },
];

const warmUp = 5;
const rounds = 25;

/** One master: before each pass every agent registers anew, which voids all that was offered before. */
function measure({ what, agents, frameworks, needs, aimMs }: Scenario): Result {
  const bench = new Bench();
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
function oneChange(): Result[] {
  return [0, 1000, 10_000].map((idle) => {
    const bench = new Bench();
    for (let n = 0; n < 100; n++) bench.subscribe(`f${n}`, `role${n % 10}`, [need(16, 512)]);
    for (let n = 0; n < idle; n++) bench.subscribe(`idle${n}`, `role${n % 10}`, [], true);
    bench.quietly(() => {
      for (let n = 0; n < 10_000; n++) bench.register(n);
    });
    bench.pass();
    const times: Measured[] = [];
    let offers = 0;
    for (let n = 0; n < 1000; n++) {
      const change = bench.settleOne(n);
      offers += offersIn(change.effects);
      if (n >= 200) times.push(change);
    }
    const what = `one agent reports all of it free: 10,000 × 100 and ${idle} idle frameworks`;
    return { what, offers: offers / 1000, ...summary(times), aimMs: 0.2 };
  });
}

interface Measured {
  readonly ms: number;
  readonly cpuMs: number;
}

function summary(all: readonly Measured[]): Pick<Result, "medianMs" | "bestMs" | "worstMs" | "cpuMs"> {
  const sorted = all.map(({ ms }) => ms).toSorted((a, b) => a - b);
  const cpu = all.map(({ cpuMs }) => cpuMs).toSorted((a, b) => a - b);
  const middle = all.length >> 1;
  return { medianMs: sorted[middle]!, bestMs: sorted[0]!, worstMs: sorted.at(-1)!, cpuMs: cpu[middle]! };
}

const offersIn = (effects: readonly MasterEffect[]): number =>
  effects.reduce((sum, effect) => sum + (effect.type === "sendOffers" ? effect.offers.length : 0), 0);

const agentName = (n: number): string => `agent-${String(n).padStart(5, "0")}`;

class Bench {
  readonly #machine: MasterMachine;
  #mono = 0;
  #asks = 0;
  #generation = 0;

  constructor() {
    this.#machine = new MasterMachine(this.#at(), {
      epoch: 1,
      master: "bench",
      settings: { ...defaultSettings, agentTimeoutMs: 1e12, sessionTimeoutMs: 1e12 },
      registry: emptyRegistry,
      lastReports: new Map(),
    });
  }

  #at = () => ({ mono: this.#mono, wall: this.#mono });

  #do(event: MasterEvent): readonly MasterEffect[] {
    const effects = this.#machine.handle(this.#at(), event);
    for (const effect of effects) {
      if (effect.type === "store" && effect.done !== undefined) this.#do(effect.done);
      if (effect.type === "prepareFramework") this.#do(effect.done);
    }
    return effects;
  }

  subscribe(framework: string, role: string, needs: Need[], suppressed = false): void {
    const subscribe = { framework, role, needs, suppressed };
    this.#do({ type: "frameworkSubscribing", ask: ++this.#asks, framework, subscribe });
  }

  /** Nothing is offered meanwhile: the clock stands, and the pass that the first agent causes was just now. */
  quietly(work: () => void): void {
    this.#mono += 100;
    this.#generation++;
    this.register(-1);
    work();
  }

  register(n: number): void {
    const id = agentName(n);
    const generation = this.#generation;
    const report = { agent: id, generation, sequence: 1, epoch: 1, use: [], settled: [], refused: [] };
    const ask = ++this.#asks;
    const register = { info: this.#info(n), bootId: "b", report };
    this.#do({ type: "agentRegistering", ask, agent: id, register });
  }

  readonly #infos = new Map<number, AgentInfo>();
  #info(n: number): AgentInfo {
    let info = this.#infos.get(n);
    if (info === undefined) {
      info = {
        id: agentName(n),
        host: `10.0.${n >> 8}.${n & 255}`,
        version: "1",
        totals: amounts({ cpus: 16, mem: 65_536, disk: 500_000, ports: [[31_000, 32_000]] }),
        attributes: { rack: `r${n % 20}`, zone: `z${n % 3}` },
        executors: [{ kind: "process" as const, version: "cgroup-v2", warnings: [] }],
        warnings: [],
      };
      this.#infos.set(n, info);
    }
    return info;
  }

  pass(): Measured & { effects: readonly MasterEffect[] } {
    this.#mono += 100;
    return this.#timed({ type: "tick" } as never);
  }

  settleOne(n: number): Measured & { effects: readonly MasterEffect[] } {
    this.#mono += 10;
    const id = agentName(n);
    const report = {
      agent: id,
      generation: this.#generation,
      sequence: 2,
      epoch: 1,
      use: [],
      settled: [1],
      refused: [],
    };
    return this.#timed({ type: "agentReported", agent: id, report });
  }

  #timed(event: MasterEvent): Measured & { effects: readonly MasterEffect[] } {
    const at = this.#at();
    const cpu = process.cpuUsage();
    const start = process.hrtime.bigint();
    const effects = this.#machine.handle(at, event);
    const ms = Number(process.hrtime.bigint() - start) / 1e6;
    const { user, system } = process.cpuUsage(cpu);
    return { ms, cpuMs: (user + system) / 1000, effects };
  }
}
