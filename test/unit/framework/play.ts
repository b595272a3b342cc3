import assert from "node:assert/strict";
import type { AgentStanding, Need } from "#protocol/framework.js";
import { type Offer, offerId } from "#protocol/offer.js";
import type { TaskSpec, TaskState, TaskStatus, TaskUpdate } from "#protocol/task.js";
import type { FrameworkEffect, LaunchRecord } from "#libs/framework/effects.js";
import type { FrameworkEvent, HeldOffer, LeaderWord } from "#libs/framework/events.js";
import { FrameworkMachine } from "#libs/framework/machine.js";
import type { FrameworkTask, KillOrder, Launch, Scheduler, TaskIds } from "#libs/framework/scheduler.js";
import type { FrameworkSettings } from "#libs/framework/settings.js";
import { amounts } from "#libs/core/resources.js";
import { never } from "#libs/core/time.js";

/** A scheduler that says what the test lets it say, and writes down what it is told. */
export class Told implements Scheduler {
  needed: readonly Need[] = [];
  killing: readonly KillOrder[] = [];
  holds = false;
  /** What to do with offers: nothing unless set. */
  placing: (offers: readonly Offer[], ids: TaskIds) => readonly Launch[] = () => [];
  readonly changes: FrameworkTask[] = [];

  needs = (): readonly Need[] => this.needed;
  kills = (): readonly KillOrder[] => this.killing;
  place = (_: unknown, offers: readonly Offer[], ids: TaskIds): readonly Launch[] =>
    this.placing(offers, ids);
  taskChanged(_: unknown, task: FrameworkTask): void | "hold" {
    this.changes.push(task);
    if (this.holds) return "hold";
  }
  nextDeadline = (): number => never;

  /** `task phase` of each change since the last call. */
  news(): string[] {
    return this.changes.splice(0).map(({ spec, phase }) => `${spec.id} ${phase}`);
  }
}

export const need: Need = { resources: amounts({ cpus: 1 }), constraints: [], count: 1 };

export const spec = (id: string, more: Partial<TaskSpec> = {}): TaskSpec => ({
  id,
  name: "test",
  workload: { kind: "process", command: "true" },
  resources: amounts({ cpus: 1 }),
  bucket: "bucket-1",
  ...more,
});

export const offer = (agent: string, number = 1, more: Partial<Offer> = {}): HeldOffer => {
  const content: Offer = {
    agent,
    generation: 1,
    epoch: 7,
    number,
    floor: 1,
    replaces: [],
    framework: "fw",
    session: { epoch: 7, counter: 1 },
    role: "role",
    resources: amounts({ cpus: 4 }),
    host: `host-${agent}`,
    attributes: {},
    executors: [],
    ...more,
  };
  return { offer: content, sealed: { body: JSON.stringify(content), seal: "5".repeat(64) } };
};

export const update = (task: string, number: number, state: TaskState): TaskUpdate => ({
  task,
  number,
  state,
  at: 1000 + number,
});

export const status = (
  task: string,
  state: TaskState,
  more: Partial<TaskSpec> = {},
  number = 1,
): TaskStatus => ({
  agent: "a",
  framework: "fw",
  role: "role",
  host: "host-a",
  spec: spec(task, more),
  latest: update(task, number, state),
});

/** One FrameworkMachine, its scheduler and its clock. Our term's epoch is 3, the leader's session 7-1. */
export class Play {
  readonly told = new Told();
  readonly machine: FrameworkMachine;
  mono = 1000;
  #tickets = 0;

  constructor(settings: Partial<FrameworkSettings> = {}) {
    this.machine = new FrameworkMachine(
      { id: "fw", role: "role", name: "Fw", epoch: 3, bucket: "bucket-1", loaded: new Map(), ...settings },
      this.told,
    );
  }

  on(event: FrameworkEvent | { type: "tick" }): readonly FrameworkEffect[] {
    return this.machine.handle({ mono: this.mono, wall: 1_000_000 + this.mono }, event);
  }

  /** Lets the time pass, with the ticks that the machine asks for. */
  pass(ms: number): FrameworkEffect[] {
    const end = this.mono + ms;
    const effects: FrameworkEffect[] = [];
    for (let ticks = 0; this.machine.nextDeadline() <= end; ticks++) {
      assert.ok(ticks < 1000, "the machine asks for ticks without end");
      this.mono = Math.max(this.mono, this.machine.nextDeadline());
      effects.push(...this.on({ type: "tick" }));
    }
    this.mono = end;
    return effects;
  }

  /** Started and subscribed; nothing to reconcile unless agents are given. */
  open(agents: readonly AgentStanding[] = [], counter = 1, more = false): readonly FrameworkEffect[] {
    const subscribe = only("subscribe", this.on({ type: "started" }));
    return this.subscribed(subscribe.attempt, agents, counter, more);
  }

  /** `more`: the leader names further agents when it is asked. */
  subscribed(attempt: number, agents: readonly AgentStanding[] = [], counter = 1, more = false) {
    const session = { epoch: 7, counter };
    return this.on({
      type: "subscribeAnswered",
      attempt,
      answer: { ok: true, value: { ok: true, session, agents: [...agents], more, renewMs: 5000 } },
    });
  }

  said(word: LeaderWord, session = "7-1"): readonly FrameworkEffect[] {
    return this.on({ type: "leaderSaid", ticket: ++this.#tickets, session, word });
  }

  offered(...offers: HeldOffer[]): readonly FrameworkEffect[] {
    return this.said({ type: "offers", offers });
  }

  /** The agent's whole answer to the reconcile that is under way. */
  reconciled(agent: string, tasks: readonly TaskStatus[], round = 1): readonly FrameworkEffect[] {
    const value = { ok: true as const, generation: 1, tasks: [...tasks], more: false };
    return this.on({ type: "reconcileAnswered", agent, round, answer: { ok: true, value } });
  }

  /** Nobody answers for the agent upon the reconcile that is under way. */
  unanswered(agent: string): readonly FrameworkEffect[] {
    const answer = { ok: false as const, error: "absent" as const };
    return this.on({ type: "reconcileAnswered", agent, round: 1, answer });
  }

  /** So many tasks for agent a, whose record is not stored yet. The first of them is `task`. */
  storing(tasks = 1): { readonly task: string; readonly launch: string; readonly record: LaunchRecord } {
    this.told.needed = [need];
    this.told.placing = ([first], ids) => [
      { offer: first!, tasks: Array.from({ length: tasks }, () => spec(ids.next("t"))) },
    ];
    const { launch, record } = only("storeLaunch", this.offered(offer("a")));
    return { task: record.tasks[0]!.id, launch, record };
  }

  /** One task on agent a, up to the effect after its record is stored. */
  launched(): {
    readonly task: string;
    readonly launch: string;
    readonly effects: readonly FrameworkEffect[];
  } {
    const { task, launch } = this.storing();
    this.told.needed = [];
    return { task, launch, effects: this.on({ type: "launchStored", launch }) };
  }

  /** As `launched`, and the agent has taken it. */
  running(): string {
    const { task, launch } = this.launched();
    this.accepted(launch, [task]);
    this.on({ type: "updated", delivery: 1, agent: "a", updates: [update(task, 1, "running")] });
    this.told.news();
    return task;
  }

  accepted(launch: string, tasks: readonly string[]): readonly FrameworkEffect[] {
    const answers = tasks.map((task) => ({ task, ok: true as const }));
    return this.on({
      type: "acceptAnswered",
      launch,
      answer: { ok: true, value: { agent: "a", generation: 1, answers } },
    });
  }
}

type Kind = FrameworkEffect["type"];
type Of<K extends Kind> = Extract<FrameworkEffect, { readonly type: K }>;

export const all = <K extends Kind>(kind: K, effects: readonly FrameworkEffect[]): Of<K>[] =>
  effects.filter((effect): effect is Of<K> => effect.type === kind);

export function only<K extends Kind>(kind: K, effects: readonly FrameworkEffect[]): Of<K> {
  const found = all(kind, effects);
  assert.equal(found.length, 1, `${found.length} effects "${kind}" among ${JSON.stringify(effects)}`);
  return found[0]!;
}

/** Kinds of the effects, but for words. */
export const kinds = (effects: readonly FrameworkEffect[]): string[] =>
  effects.filter(({ type }) => type !== "say").map(({ type }) => type);

export const registered = (agent: string): AgentStanding => ({ agent, state: "registered" });
export const idOf = ({ offer: content }: HeldOffer): string => offerId(content);
