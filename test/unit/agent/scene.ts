import assert from "node:assert/strict";
import type { ExecutorInfo, Offer, Session } from "#protocol/offer.js";
import { statusMessageId } from "#protocol/status.js";
import type { TaskSpec } from "#protocol/task.js";
import { amounts } from "#libs/core/resources.js";
import type { Instant } from "#libs/core/time.js";
import { Agent } from "#services/agent/agent.js";
import type { AgentOptions } from "#services/agent/parts.js";
import type { AgentEffect, AgentEvent, Answer, Found } from "#services/agent/events.js";
import type { JournalRecord } from "#services/agent/records.js";

export const session: Session = { epoch: 1, counter: 1 };

export const processExecutor: ExecutorInfo = { kind: "process", version: "cgroup-v1", warnings: [] };
export const containerExecutor: ExecutorInfo = { kind: "container", version: "20.10.24", warnings: [] };

/** One core, 512 MiB and the ports 31000 to 31009. */
export const totals = amounts({ cpus: 1, mem: 512, ports: [[31000, 31009]] });

export const taskSpec = (id: string, more: Partial<TaskSpec> = {}): TaskSpec => ({
  id,
  name: "web",
  workload: { kind: "process", command: "sleep 1000" },
  resources: amounts({ cpus: 0.1, mem: 32 }),
  ...more,
});

/** All that agent-a has, to apps. */
export const offerOf = (more: Pick<Offer, "generation" | "number"> & Partial<Offer>): Offer => ({
  agent: "agent-a",
  epoch: 1,
  floor: 1,
  replaces: [],
  framework: "apps",
  session,
  role: "web",
  resources: totals,
  host: "10.0.0.1",
  attributes: {},
  executors: [],
  ...more,
});

export type EffectOf<T> = Extract<AgentEffect, { readonly type: T }>;

/**
 * An agent on a stage: events go in, effects come out, time stands still between them. The journal answers by itself and is
 * kept, so that a second agent can go on from it.
 */
export class Scene {
  agent: Agent;
  at: Instant = { mono: 1000, wall: 1_700_000_000_000 };
  /** Since the last `take`. */
  effects: AgentEffect[] = [];
  journal: JournalRecord[] = [];
  /** False: writes are left unanswered until `written`. */
  journalAnswers = true;
  /** False: a turn lasts, with all events that come, until `endTurn`, or until time passes. */
  turnsEndAtOnce = true;
  readonly options: AgentOptions;
  #isTurnOpen = false;
  #replies = 0;
  #offers = 0;

  constructor(options: Partial<AgentOptions> = {}) {
    this.options = {
      cluster: "test",
      info: { id: "agent-a", host: "10.0.0.1", version: "0.1.0", totals, attributes: { rack: "a" } },
      executors: [processExecutor, containerExecutor],
      warnings: [],
      takenPorts: [],
      bootId: "boot-1",
      hostBoot: "host-1",
      allowance: { root: false, privileged: false, hostMounts: [], defaultUser: "nobody" },
      collection: { keptMs: 7 * 86_400_000, keptMax: 1000, diskFreeMin: 0.1 },
      fingerprint: (entry) => JSON.stringify(entry),
      ...options,
    };
    this.agent = new Agent(this.options);
  }

  /** One that is registered and has offers out. */
  static registered(options: Partial<AgentOptions> = {}): Scene {
    const scene = new Scene(options);
    scene.start();
    return scene;
  }

  /** Reads the journal, connects, finds nobody else, registers. */
  start(): void {
    this.do({ type: "loaded", records: this.journal });
    this.connect();
    this.tick();
    this.register();
    this.do({ type: "entriesListed", found: new Map() });
    this.take();
  }

  /** And finds nobody else of its id. */
  connect(): void {
    this.do({ type: "connected", fraction: 0 });
    this.do({ type: "othersFound", others: [] });
  }

  /** What the executor of processes has found again of the tasks that it was asked for. */
  recovered(found: Readonly<Record<string, Found>>): void {
    this.do({ type: "recovered", kind: "process", found: new Map(Object.entries(found)) });
  }

  /** The leader takes the registration that is under way. */
  register(epoch = 1): void {
    const { attempt } = this.last("register");
    this.do({ type: "registered", attempt, epoch, master: "master-1", reportIntervalMs: 5000 });
  }

  /** The agent's process dies and another one begins with what is in the journal. */
  restart(options: Partial<AgentOptions> = {}): void {
    this.effects = [];
    this.#isTurnOpen = false;
    this.at = { mono: 50, wall: this.at.wall + 1000 };
    this.agent = new Agent({ ...this.options, bootId: "boot-2", ...options });
    this.do({ type: "loaded", records: this.journal });
  }

  do(event: AgentEvent | { readonly type: "tick" }): readonly AgentEffect[] {
    const handled = this.agent.handle(this.at, event);
    this.#isTurnOpen = !this.turnsEndAtOnce;
    return this.#did(this.#isTurnOpen ? handled : [...handled, ...this.agent.settle(this.at)]);
  }

  /** The turn is over, and so is each that what it brings begins. */
  endTurn(): void {
    while (this.#isTurnOpen) {
      this.#isTurnOpen = false;
      this.#did(this.agent.settle(this.at));
    }
  }

  #did(effects: readonly AgentEffect[]): readonly AgentEffect[] {
    this.effects.push(...effects);
    for (const effect of effects) {
      if (effect.type === "appendRecords") this.journal.push(...structuredClone(effect.records));
      if (effect.type === "compactRecords") this.journal = structuredClone([...effect.records]);
      if ((effect.type === "appendRecords" || effect.type === "compactRecords") && this.journalAnswers)
        this.do({ type: "written" });
    }
    return effects;
  }

  written(): void {
    this.do({ type: "written" });
  }

  /** Time passes, with a tick at every deadline. */
  pass(ms: number): void {
    this.endTurn();
    const until = this.at.mono + ms;
    for (let ticks = 0, since = this.at.mono; ; ticks++) {
      if (this.at.mono > since) [ticks, since] = [0, this.at.mono];
      assert(ticks < 100, `a tick leaves no deadline behind it: ${this.agent.nextDeadline()} at ${since}`);
      const next = Math.min(until, Math.max(this.at.mono, this.agent.nextDeadline()));
      const reached = next === until;
      this.at = { mono: next, wall: this.at.wall + next - this.at.mono };
      if (this.agent.nextDeadline() <= next) this.do({ type: "tick" });
      this.endTurn();
      if (reached) return;
    }
  }

  tick(): void {
    this.do({ type: "tick" });
  }

  offer(more: Partial<Offer> = {}): Offer {
    return offerOf({ generation: this.#generation(), number: ++this.#offers, ...more });
  }

  accept(
    tasks: readonly TaskSpec[],
    more: {
      readonly offer?: Offer;
      readonly framework?: string;
      readonly session?: Session;
      readonly filterMs?: number;
    } = {},
  ): number {
    const reply = ++this.#replies;
    const offer = more.offer ?? this.offer();
    this.do({
      type: "acceptAsked",
      reply,
      framework: more.framework ?? offer.framework,
      session: more.session ?? offer.session,
      offer: { holds: true, offer },
      tasks,
      filterMs: more.filterMs ?? 0,
    });
    return reply;
  }

  kill(task: string, more: { readonly graceMs?: number; readonly session?: Session } = {}): number {
    const reply = ++this.#replies;
    this.do({ type: "killAsked", reply, framework: "apps", session, task, ...more });
    return reply;
  }

  /** Accepted, launched, and all that is stored. */
  run(spec: TaskSpec): void {
    this.accept([spec]);
    this.do({ type: "prepared", task: spec.id });
    this.do({ type: "launched", task: spec.id });
    this.storeAll();
  }

  /** The stream takes every batch that is under way. */
  storeAll(): void {
    for (let batch = this.#unstored(); batch !== undefined; batch = this.#unstored()) {
      this.#stored.add(statusMessageId(batch));
      this.do({ type: "batchStored", framework: batch.framework, batch: batch.batch });
    }
  }
  readonly #stored = new Set<string>();

  exit(task: string, exitCode = 0): void {
    this.do({ type: "exited", task, exitCode, reason: "exited" });
  }

  all<T extends AgentEffect["type"]>(type: T): EffectOf<T>[] {
    return this.effects.filter((effect): effect is EffectOf<T> => effect.type === type);
  }

  last<T extends AgentEffect["type"]>(type: T): EffectOf<T> {
    const found = this.all(type).at(-1);
    assert(
      found !== undefined,
      `no effect ${type} among ${this.effects.map((effect) => effect.type).join(", ")}`,
    );
    return found;
  }

  answerTo(reply: number): Answer | undefined {
    return this.all("answer").find((effect) => effect.reply === reply)?.answer;
  }

  /** What was said to each task: `ok`, or the code of the refusal. */
  wordsTo(reply: number): Record<string, string> | undefined {
    const answer = this.answerTo(reply);
    if (answer === undefined || !("answers" in answer)) return undefined;
    return Object.fromEntries(answer.answers.map((each) => [each.task, each.ok ? "ok" : each.error.code]));
  }

  /** States of the task's updates that were published since the last `take`. */
  published(task: string): string[] {
    const seen = new Map<number, string>();
    for (const { batch } of this.all("publishBatch"))
      for (const update of batch.updates) if (update.task === task) seen.set(update.number, update.state);
    return [...seen.values()];
  }

  /** Forgets the effects up to now, and returns them. */
  take(): AgentEffect[] {
    const { effects } = this;
    this.effects = [];
    return effects;
  }

  #generation(): number {
    return this.journal.reduce((highest, record) => (record.type === "cut" ? record.generation : highest), 0);
  }

  #unstored() {
    return this.all("publishBatch").find(({ batch }) => !this.#stored.has(statusMessageId(batch)))?.batch;
  }
}
