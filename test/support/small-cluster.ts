import assert from "node:assert/strict";
import type { AgentStanding, Draining } from "#protocol/framework.js";
import type { ClusterEvent } from "#protocol/event.js";
import type { Refusal } from "#protocol/errors.js";
import type { Accept, Kill } from "#protocol/launch.js";
import type { Offer } from "#protocol/offer.js";
import { fail, ok, type Result } from "#protocol/result.js";
import type { TaskSpec, TaskStatus, TaskUpdate } from "#protocol/task.js";
import { isTerminal } from "#libs/core/task-state.js";
import type { FrameworkEffect } from "#libs/framework/effects.js";
import type { FrameworkEvent } from "#libs/framework/events.js";
import type { ServiceEffect, Stored } from "#libs/framework/own.js";
import type { FrameworkCame, ServiceTerm } from "#libs/framework/service.js";
import type { Machine, Tick } from "#libs/machine/machine.js";
import { type Change, type SmallAgent, SmallAgents } from "./small-agents.js";
import { SmallBucket } from "./small-bucket.js";
import { SmallLeader } from "./small-leader.js";

type Call = {
  readonly type: "called";
  readonly call: string;
  readonly request: unknown;
  readonly ticket: number;
};
type ServiceEvent = FrameworkCame | Stored | Call;
export type ServiceMachine = Machine<never, ServiceEffect>;
type Term = Pick<ServiceTerm, "framework" | "epoch" | "loaded">;

export interface Ending {
  readonly state?: "finished" | "failed" | "killed";
  readonly exitCode?: number;
  readonly reason?: NonNullable<TaskUpdate["reason"]>;
  readonly message?: string;
}

/**
 * Leader, agents, bucket and callers for one service's machine, all at once and without delay: every effect is answered
 * before the time moves on. Agents run what they are given; what becomes of it, the test says.
 */
export class SmallCluster {
  readonly events: ClusterEvent[] = [];
  readonly killed: string[] = [];
  mono = 1_000_000;
  /** How much somebody has set the wall clock. */
  wallAheadMs = 0;
  /** What an agent answers to a launch; undefined: it takes it. */
  refuses: (task: TaskSpec, agent: string) => string | undefined = () => undefined;
  /** Tasks stay in staging until `runs` is called. */
  startsByHand = false;
  /** Kills are not carried out until `ends` is called. */
  endsByHand = false;
  /** Nothing is heard of a kill. */
  losesKills = false;

  readonly #make: (term: Term) => ServiceMachine;
  readonly #framework: string;
  readonly #agents: SmallAgents;
  readonly #leader: SmallLeader;
  readonly #bucket = new SmallBucket();
  readonly #replies = new Map<number, Result<unknown, Refusal>>();
  readonly #queue: ServiceEvent[] = [];
  readonly #unacknowledged = new Map<number, FrameworkEvent>();
  #machine!: ServiceMachine;
  #epoch = 0;
  #tickets = 0;
  #deliveries = 0;

  constructor(
    framework: string,
    make: (term: Term) => Machine<never, ServiceEffect>,
    agents: Readonly<Record<string, SmallAgent>>,
  ) {
    this.#framework = framework;
    this.#agents = new SmallAgents(framework);
    this.#leader = new SmallLeader(this.#agents, (event) => this.#emit(event));
    this.#make = make;
    for (const [id, agent] of Object.entries(agents)) this.addAgent(id, agent);
    this.failover();
  }

  get wall(): number {
    return Date.UTC(2026, 0, 1) + this.mono + this.wallAheadMs;
  }

  addAgent(id: string, agent: SmallAgent = {}): void {
    this.#agents.add(id, agent);
    this.#leader.hearsOfNews();
  }

  /** The leader of the service dies, and another one takes over from what is stored. */
  failover(): void {
    this.#queue.length = 0;
    this.#bucket.drop();
    const epoch = ++this.#epoch;
    const loaded = new Map(structuredClone([...this.bucket]));
    const id = this.#framework;
    const framework = { id, role: id, name: id, epoch, bucket: this.#bucket.identity, loaded };
    this.#machine = this.#make({ framework, epoch, loaded });
    this.#emit({ type: "started" });
    for (const event of this.#unacknowledged.values()) this.#emit(event);
    this.settle();
  }

  // --- the bucket ---

  get bucket(): Map<string, unknown> {
    return this.#bucket.values;
  }

  /** Writes are answered only when it says so. */
  set holdsWrites(holds: boolean) {
    this.#bucket.holdsWrites = holds;
  }

  storeOne(keys = ""): void {
    this.#bucket.storeOne(keys);
    this.settle();
  }

  storeAll(): void {
    this.holdsWrites = false;
    while (this.#bucket.hasHeld) this.storeOne();
  }

  loseBucket(): void {
    this.bucket.clear();
    this.#bucket.identity = `bucket-${this.#epoch + 1}`;
  }

  // --- callers ---

  /** The reply, if it has come by now. */
  call(call: string, request: unknown): () => Result<unknown, Refusal> | undefined {
    const ticket = ++this.#tickets;
    this.#queue.push({ type: "called", call, request, ticket });
    this.settle();
    return () => this.#replies.get(ticket);
  }

  ask<T>(call: string, request: unknown): T {
    const reply = this.call(call, request)();
    assert.ok(reply?.ok, `${call}: ${JSON.stringify(reply)}`);
    return reply.value as T;
  }

  refusalOf(call: string, request: unknown): Refusal {
    const reply = this.call(call, request)();
    assert.ok(reply !== undefined && !reply.ok, `${call} was not refused: ${JSON.stringify(reply)}`);
    return reply.error;
  }

  // --- tasks ---

  /** Every one that was launched, in order. */
  get launched(): readonly TaskSpec[] {
    return this.#agents.launched;
  }

  /** Those that have not ended, on reachable agents or not, in the order of their launch. */
  get alive(): TaskStatus[] {
    return this.#agents.alive();
  }

  aliveOn = (agent: string): number => this.alive.filter((task) => task.agent === agent).length;

  runs(task: string): void {
    this.#change(task, { state: "running" });
  }

  isHealthy(task: string, healthy: boolean): void {
    this.#change(task, { state: "running", healthy });
  }

  ends(task: string, { state = "failed", ...more }: Ending = {}): void {
    this.#change(task, { state, ...more });
  }

  // --- agents ---

  cutOff(agent: string): void {
    this.#agents.reach(agent, false);
    this.#leaderTells(this.#agents.standing(agent));
  }

  comesBack(agent: string): void {
    this.#agents.reach(agent, true);
    this.#leader.hearsOfNews();
    this.#leaderTells(this.#agents.standing(agent));
  }

  drain(agent: string, draining: Draining = {}): void {
    this.#agents.drain(agent, draining);
    this.#leaderTells(this.#agents.standing(agent));
  }

  activate(agent: string): void {
    this.#agents.drain(agent, undefined);
    this.#leader.hearsOfNews();
    this.#leaderTells(this.#agents.standing(agent));
  }

  /** The deadline of its drain has come. */
  endsAllOn(agent: string): void {
    for (const { agent: where, spec } of this.alive)
      if (where === agent) this.ends(spec.id, { state: "killed", reason: "drained" });
  }

  /** An operator gives it up. */
  isGone(agent: string): void {
    this.#agents.remove(agent);
    this.#leaderTells({ agent, state: "gone" });
  }

  // --- time ---

  pass(ms: number): void {
    const end = this.mono + ms;
    this.settle();
    for (let ticks = 0; this.#machine.nextDeadline() <= end; ticks++) {
      assert.ok(ticks < 10_000, "the machine asks for ticks without end");
      this.mono = Math.max(this.mono, this.#machine.nextDeadline());
      this.#handle({ type: "tick" });
      this.settle();
    }
    this.mono = end;
  }

  /** Until nothing more follows. */
  settle(): void {
    for (let steps = 0; ; steps++) {
      assert.ok(steps < 100_000, "events without end");
      const event = this.#queue.shift();
      if (event !== undefined) this.#handle(event);
      else if (!this.#leader.offers()) return;
    }
  }

  #handle(event: ServiceEvent | Tick): void {
    const at = { mono: this.mono, wall: this.wall };
    for (const effect of this.#machine.handle(at, event as never)) this.#perform(structuredClone(effect));
  }

  #emit(event: FrameworkEvent): void {
    this.#queue.push({ type: "framework", event });
  }

  #perform(effect: ServiceEffect): void {
    switch (effect.type) {
      case "framework":
        return this.#performFramework(effect.effect);
      case "store":
        return this.#bucket.write(effect.key, () => {
          this.bucket.set(effect.key, effect.value);
          this.#queue.push({ type: "stored", write: effect.write });
        });
      case "remove":
        return this.#bucket.write(effect.key, () => {
          this.bucket.delete(effect.key);
          this.#queue.push({ type: "stored", write: effect.write });
        });
      case "answer":
        assert.ok(!this.#replies.has(effect.ticket), "answered twice");
        this.#replies.set(effect.ticket, effect.reply);
        return;
      case "announce":
        this.events.push(effect.event);
        return;
      case "say":
        return;
    }
  }

  #performFramework(effect: FrameworkEffect): void {
    switch (effect.type) {
      case "subscribe":
      case "renew":
      case "revive":
      case "suppress":
      case "decline":
      case "askAgents":
      case "askAgentsAfter":
      case "answerLeader":
        return this.#leader.perform(effect);
      case "storeLaunch":
        this.bucket.set(effect.launch, effect.record);
        return this.#emit({ type: "launchStored", launch: effect.launch });
      case "removeLaunch":
        this.bucket.delete(effect.launch);
        return;
      case "accept":
        return this.#accept(effect.launch, effect.message);
      case "kill":
        return this.#kill(effect.agent, effect.message);
      case "reconcile": {
        const { agent, round } = effect;
        const tasks = this.#agents.tasksOf(agent);
        const answer =
          tasks === undefined ? absent : ok({ ok: true as const, generation: 1, tasks, more: false });
        return this.#emit({ type: "reconcileAnswered", agent, round, answer });
      }
      case "acknowledge":
        for (const delivery of effect.deliveries) this.#unacknowledged.delete(delivery);
        return;
      case "resign":
        return assert.fail(`resigned: ${effect.reason}`);
      case "say":
        return;
    }
  }

  #leaderTells(agent: AgentStanding): void {
    this.#leader.tells(agent);
    this.settle();
  }

  #accept(launch: string, { offer: { body }, tasks }: Accept): void {
    const offer = JSON.parse(body) as Offer;
    const answers = this.#agents.accept(offer, tasks, this.refuses, this.wall);
    if (answers === undefined) return this.#emit({ type: "acceptAnswered", launch, answer: absent });
    this.#leader.hearsOfNews();
    const value = { agent: offer.agent, generation: 1, answers };
    this.#emit({ type: "acceptAnswered", launch, answer: ok(value) });
    if (this.startsByHand) return;
    for (const answer of answers) if (answer.ok) this.#change(answer.task, { state: "running" }, false);
  }

  #kill(agent: string, { task, session }: Kill): void {
    const tasks = this.#agents.tasksOf(agent);
    if (tasks === undefined) return this.#emit({ type: "killAnswered", task, session, answer: absent });
    const known = tasks.find(({ spec }) => spec.id === task);
    const answer = ok({ ok: true as const, known: known !== undefined });
    if (!this.losesKills) this.#emit({ type: "killAnswered", task, session, answer });
    if (known === undefined || isTerminal(known.latest.state)) return;
    if (!this.killed.includes(task)) this.killed.push(task);
    if (this.losesKills) return;
    if (this.endsByHand) this.#change(task, { state: "killing" }, false);
    else this.#change(task, { state: "killed", reason: "kill-requested" }, false);
  }

  #change(task: string, change: Change, settles = true): void {
    const told = this.#agents.change(task, change, this.wall);
    if (isTerminal(change.state)) this.#leader.hearsOfNews();
    if (told !== undefined) {
      const { agent, latest } = told;
      const delivery = ++this.#deliveries;
      const event = { type: "updated", delivery, agent, updates: [latest] } as const;
      this.#unacknowledged.set(delivery, event);
      this.#emit(event);
    }
    if (settles) this.settle();
  }
}

const absent = fail("absent" as const);
