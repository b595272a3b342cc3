import type { AgentInfo } from "#protocol/agent.js";
import type { Need } from "#protocol/framework.js";
import { offerId } from "#protocol/offer.js";
import { amounts } from "#libs/core/resources.js";
import type { MasterEffect, MasterEvent } from "#services/master/events.js";
import { MasterMachine } from "#services/master/machine.js";
import { emptyRegistry } from "#services/master/registry.js";
import { defaultSettings } from "#services/master/settings.js";

export interface Measured {
  readonly ms: number;
  readonly cpuMs: number;
  readonly effects: readonly MasterEffect[];
}

export const offersIn = (effects: readonly MasterEffect[]): number =>
  effects.reduce((sum, effect) => sum + (effect.type === "sendOffers" ? effect.offers.length : 0), 0);

const agentName = (n: number): string => `agent-${String(n).padStart(5, "0")}`;

/** The leading master's machine alone, as in production, without the bus. The clock stands unless it is moved. */
export class MasterInProcess {
  readonly #machine: MasterMachine;
  #mono = 0;
  #asks = 0;
  #generation = 0;
  #sequence = 10;

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

  /** So many agents, each anew: all that was offered before is void. */
  registerAll(agents: number): this {
    this.quietly(() => {
      for (let n = 0; n < agents; n++) this.register(n);
    });
    return this;
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

  pass(): Measured {
    this.#mono += 100;
    return this.timed(() => this.#machine.handle(this.#at(), { type: "tick" }));
  }

  settleOne(n: number): Measured {
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
    return this.timed(() => this.#machine.handle(this.#at(), { type: "agentReported", agent: id, report }));
  }

  /** What was offered goes back, each framework in one message; the agents agree, and all of it may be offered anew. */
  decline(made: readonly MasterEffect[], filterMs: number): Measured {
    const declined = new Map<string, Extract<MasterEffect, { type: "sendOffers" }>[]>();
    for (const effect of made)
      if (effect.type === "sendOffers")
        declined.set(effect.framework, [...(declined.get(effect.framework) ?? []), effect]);
    this.#mono += 100;
    return this.timed(() => {
      const effects: MasterEffect[] = [];
      for (const [framework, messages] of declined) {
        const { session } = messages[0]!;
        const offers = messages.flatMap((message) => message.offers.map(offerId));
        const message = { session, offers, filterMs };
        effects.push(...this.#do({ type: "offersDeclined", ask: ++this.#asks, framework, message }));
      }
      for (const effect of effects) if (effect.type === "rescind") effects.push(...this.#agree(effect));
      this.#mono += 10;
      effects.push(...this.#machine.handle(this.#at(), { type: "tick" }));
      return effects;
    });
  }

  /** The agent voids what it is asked to. */
  #agree({ agent, rescind }: Extract<MasterEffect, { type: "rescind" }>): readonly MasterEffect[] {
    const { generation, offers } = rescind;
    const sequence = ++this.#sequence;
    const report = { agent, generation, sequence, epoch: 1, use: [], settled: [...offers], refused: [] };
    return this.#do({ type: "rescindAnswered", agent, rescind, report });
  }

  timed(work: () => readonly MasterEffect[]): Measured {
    const cpu = process.cpuUsage();
    const start = process.hrtime.bigint();
    const effects = work();
    const ms = Number(process.hrtime.bigint() - start) / 1e6;
    const { user, system } = process.cpuUsage(cpu);
    return { ms, cpuMs: (user + system) / 1000, effects };
  }
}
