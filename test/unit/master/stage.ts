import assert from "node:assert/strict";
import type { DrainOrder, Report, Use } from "#protocol/agent.js";
import type { Need, Subscribe, SubscribeReply } from "#protocol/framework.js";
import type { Offer, Session } from "#protocol/offer.js";
import type { Attributes, Resources } from "#protocol/resources.js";
import { type AmountOptions, amounts } from "#libs/core/resources.js";
import type { Tick } from "#libs/machine/machine.js";
import type { CallOf, MasterCall } from "#services/master/calls.js";
import type { MasterEffect, MasterEvent } from "#services/master/events.js";
import { MasterMachine } from "#services/master/machine.js";
import { emptyRegistry, type Registry } from "#services/master/registry.js";
import { defaultSettings, type MasterSettings } from "#services/master/settings.js";

export type Effect<T extends MasterEffect["type"]> = Extract<MasterEffect, { readonly type: T }>;

export interface StageOptions {
  readonly settings?: Partial<MasterSettings>;
  /** Unless given it is a minute old: agents may have a past. */
  readonly registry?: Partial<Registry>;
  readonly lastReports?: ReadonlyMap<string, Report>;
  readonly epoch?: number;
  /** Where its clocks begin. */
  readonly now?: number;
}

export interface AgentOptions {
  readonly generation?: number;
  readonly bootId?: string;
  readonly use?: readonly Use[];
  readonly attributes?: Attributes;
  readonly executors?: readonly ("process" | "container" | "jvm")[];
  readonly epoch?: number;
  readonly sequence?: number;
  readonly drain?: DrainOrder;
  readonly warnings?: readonly string[];
}

/** A master on its own: events in, effects out, a clock that only `wait` moves. What the world would do at once, it does: storing, preparing. */
export class Stage {
  readonly machine: MasterMachine;
  readonly effects: MasterEffect[] = [];
  readonly stored = new Map<string, object>();
  now: number;
  /** Wall ms, of its registry unless another is given. */
  readonly madeAt: number;
  #asks = 0;
  readonly #sequences = new Map<string, number>();

  constructor({
    settings = {},
    registry = {},
    lastReports = new Map(),
    epoch = 3,
    now = 1_000_000,
  }: StageOptions = {}) {
    this.now = now;
    this.madeAt = this.#instant().wall - 60_000;
    this.machine = new MasterMachine(this.#instant(), {
      epoch,
      master: "m1",
      settings: { ...defaultSettings, ...settings },
      registry: { ...emptyRegistry, madeAt: this.madeAt, ...registry },
      lastReports,
    });
  }

  #instant() {
    return { mono: this.now, wall: 1_700_000_000_000 + this.now };
  }

  /** The effects of the event, and of what follows from them at once. */
  do(event: MasterEvent | Tick): MasterEffect[] {
    const effects = [...this.machine.handle(this.#instant(), event)];
    this.effects.push(...effects);
    for (const effect of effects) {
      if (effect.type === "store") this.stored.set(effect.key, effect.value);
      if (effect.type === "forget") this.stored.delete(effect.key);
      if (effect.type === "prepareFramework") {
        if (effect.record !== undefined) this.stored.set(effect.record.key, effect.record.value);
        effects.push(...this.do(effect.done));
      } else if ((effect.type === "store" || effect.type === "forget") && effect.done !== undefined)
        effects.push(...this.do(effect.done));
    }
    return effects;
  }

  /** Lets time pass, with a tick at each deadline on the way. `hear`: these agents report and these sessions renew every second. */
  wait(
    ms: number,
    hear: { agents?: readonly string[]; sessions?: readonly [string, Session][] } = {},
  ): MasterEffect[] {
    const end = this.now + ms;
    const effects: MasterEffect[] = [];
    let nextWord = this.now + 1000;
    while (this.now < end) {
      this.now = Math.min(end, nextWord, Math.max(this.now, this.machine.nextDeadline()));
      effects.push(...this.do({ type: "tick" }));
      if (this.now < nextWord) continue;
      nextWord += 1000;
      for (const agent of hear.agents ?? []) effects.push(...this.report(agent, this.#reports.get(agent)));
      for (const [framework, session] of hear.sessions ?? [])
        effects.push(
          ...this.do({ type: "sessionRenewed", ask: ++this.#asks, framework, message: { session } }),
        );
    }
    return effects;
  }

  /** Registers; the generation is one more than the last unless given. */
  register(id: string, totals: AmountOptions, options: AgentOptions = {}): MasterEffect[] {
    const { generation = (this.#generations.get(id) ?? 0) + 1, bootId = `boot-of-${id}`, use = [] } = options;
    this.#generations.set(id, generation);
    const report = this.#report(id, { generation, use: [...use], epoch: options.epoch ?? 0 });
    return this.do({
      type: "agentRegistering",
      ask: ++this.#asks,
      agent: id,
      register: {
        bootId,
        report,
        ...(options.drain && { drain: options.drain }),
        info: {
          id,
          host: `host-${id}`,
          version: "1",
          totals: amounts(totals),
          attributes: options.attributes ?? {},
          executors: (options.executors ?? ["process"]).map((kind) => ({ kind, version: "1", warnings: [] })),
          warnings: [...(options.warnings ?? [])],
        },
      },
    });
  }

  readonly #generations = new Map<string, number>();
  readonly #reports = new Map<string, Partial<Report>>();

  report(agent: string, parts: Partial<Report> = {}): MasterEffect[] {
    const { settled: _, refused: __, ...lasting } = parts;
    this.#reports.set(agent, lasting);
    return this.do({ type: "agentReported", agent, report: this.#report(agent, parts) });
  }

  #report(agent: string, parts: Partial<Report>): Report {
    const sequence = (this.#sequences.get(agent) ?? 0) + 1;
    this.#sequences.set(agent, sequence);
    const generation = this.#generations.get(agent) ?? 1;
    this.#reports.set(agent, { ...this.#reports.get(agent), ...(parts.use && { use: parts.use }) });
    return { agent, generation, sequence, epoch: 0, use: [], settled: [], refused: [], ...parts };
  }

  /** The agent answers the rescind; `parts` of its report. */
  answerRescind({ agent, rescind }: Effect<"rescind">, parts: Partial<Report> = {}): MasterEffect[] {
    const report = this.#report(agent, { settled: [...rescind.offers], ...parts });
    return this.do({ type: "rescindAnswered", agent, rescind, report });
  }

  subscribe(
    framework: string,
    options: Partial<Subscribe> = {},
  ): { session: Session; effects: MasterEffect[] } {
    const ask = ++this.#asks;
    const subscribe = { framework, role: "r", needs: [], suppressed: false, ...options };
    const effects = this.do({ type: "frameworkSubscribing", ask, framework, subscribe });
    const reply = answerTo(effects, ask) as SubscribeReply;
    assert(reply.ok, JSON.stringify(reply));
    return { session: reply.session, effects };
  }

  /** The refusal of something that must be refused. */
  say(
    event: {
      type: "sessionRenewed" | "offersDeclined" | "offersRevived" | "offersSuppressed" | "agentsAsked";
    },
    framework: string,
    message: object,
  ): {
    reply: { ok: boolean; error?: { code: string; message: string }; agents?: object[] };
    effects: MasterEffect[];
  } {
    const ask = ++this.#asks;
    const effects = this.do({ ...event, ask, framework, message } as unknown as MasterEvent);
    return { reply: answerTo(effects, ask) as never, effects };
  }

  decline(framework: string, session: Session, offers: readonly Offer[], filterMs = 5000): MasterEffect[] {
    const message = { session, offers: offers.map(nameOf), filterMs };
    return this.say({ type: "offersDeclined" }, framework, message).effects;
  }

  revive(framework: string, session: Session, needs: readonly Need[] = []): MasterEffect[] {
    return this.say({ type: "offersRevived" }, framework, { session, needs }).effects;
  }

  call<N extends MasterCall["name"]>(name: N, request: CallOf<N>["request"]): any {
    const ask = ++this.#asks;
    const effects = this.do({ type: "callAsked", ask, call: { name, request } as MasterCall });
    return answerTo(effects, ask);
  }
}

export const nameOf = ({ epoch, number, agent }: Offer): string => `${epoch}.${number}@${agent}`;

export const need = (options: AmountOptions, count?: number, more: Partial<Need> = {}): Need => ({
  resources: amounts(options),
  constraints: [],
  ...(count === undefined ? {} : { count }),
  ...more,
});

export const use = (framework: string, role: string, options: AmountOptions, tasks = 1): Use => ({
  framework,
  role,
  resources: amounts(options),
  tasks,
});

export const only = <T extends MasterEffect["type"]>(
  effects: readonly MasterEffect[],
  type: T,
): Effect<T>[] => effects.filter((effect): effect is Effect<T> => effect.type === type);

export const offersIn = (effects: readonly MasterEffect[], framework?: string): Offer[] =>
  only(effects, "sendOffers")
    .filter((effect) => framework === undefined || effect.framework === framework)
    .flatMap(({ offers }) => [...offers]);

export const answerTo = (effects: readonly MasterEffect[], ask: number): unknown =>
  only(effects, "answer").find((answer) => answer.ask === ask)?.body;

export const lastAnswer = (effects: readonly MasterEffect[]): any => only(effects, "answer").at(-1)?.body;

/** Where, how much: `a cpus 2`. */
export const brief = (offers: readonly Offer[]): string[] =>
  offers.map(({ agent, resources }) => `${agent} ${briefResources(resources)}`);

export const briefResources = ({ scalars, ports }: Resources): string =>
  [
    ...Object.entries(scalars).map(([name, amount]) => `${name} ${amount / 1000}`),
    ...(ports.length > 0 ? [`ports ${ports.map((range) => range.join("-")).join(" ")}`] : []),
  ].join(" ");
