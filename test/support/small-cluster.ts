import assert from "node:assert/strict";
import type { AgentStanding, Draining } from "#protocol/framework.js";
import type { ClusterEvent } from "#protocol/event.js";
import type { Refusal } from "#protocol/errors.js";
import type { Kill } from "#protocol/launch.js";
import { type Offer, offerId, type Session } from "#protocol/offer.js";
import type { Attributes, Resources } from "#protocol/resources.js";
import type { Result } from "#protocol/result.js";
import type { TaskSpec, TaskStatus, TaskUpdate } from "#protocol/task.js";
import { isTerminal } from "#libs/core/task-state.js";
import { amounts, contains, subtract, sum } from "#libs/core/resources.js";
import type { FrameworkEffect } from "#libs/framework/effects.js";
import type { FrameworkEvent } from "#libs/framework/events.js";
import type { ServiceEffect, Stored } from "#libs/framework/own.js";
import type { FrameworkCame, ServiceTerm } from "#libs/framework/service.js";
import type { Machine, Tick } from "#libs/machine/machine.js";

type Call = {
  readonly type: "called";
  readonly call: string;
  readonly request: unknown;
  readonly ticket: number;
};
type ServiceEvent = FrameworkCame | Stored | Call;
export type ServiceMachine = Machine<never, ServiceEffect>;
type Term = Pick<ServiceTerm, "framework" | "epoch" | "loaded">;

export interface SmallAgent {
  readonly cpus?: number;
  readonly mem?: number;
  readonly attributes?: Attributes;
}

interface AgentState {
  readonly id: string;
  readonly total: Resources;
  readonly attributes: Attributes;
  readonly tasks: Map<string, TaskStatus>;
  isReachable: boolean;
  draining: Draining | undefined;
  offers: number;
}

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
  readonly bucket = new Map<string, unknown>();
  readonly events: ClusterEvent[] = [];
  /** Every task that was launched, in order. */
  readonly launched: TaskSpec[] = [];
  readonly killed: string[] = [];
  mono = 1_000_000;
  /** How much somebody has set the wall clock. */
  wallAheadMs = 0;
  /** Writes are answered only when it says so. */
  holdsWrites = false;
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
  readonly #agents = new Map<string, AgentState>();
  readonly #replies = new Map<number, Result<unknown, Refusal>>();
  readonly #queue: ServiceEvent[] = [];
  readonly #heldWrites: { readonly key: string; readonly write: () => void }[] = [];
  readonly #unacknowledged = new Map<number, FrameworkEvent>();
  #machine!: ServiceMachine;
  #bucketIdentity = "bucket-1";
  #epoch = 0;
  #session: Session = { epoch: 7, counter: 0 };
  #isSuppressed = true;
  #hasNews = false;
  #tickets = 0;
  #deliveries = 0;

  constructor(
    framework: string,
    make: (term: Term) => Machine<never, ServiceEffect>,
    agents: Readonly<Record<string, SmallAgent>>,
  ) {
    this.#framework = framework;
    this.#make = make;
    for (const [id, agent] of Object.entries(agents)) this.addAgent(id, agent);
    this.failover();
  }

  get wall(): number {
    return Date.UTC(2026, 0, 1) + this.mono + this.wallAheadMs;
  }

  addAgent(id: string, { cpus = 4, mem = 4096, attributes = {} }: SmallAgent = {}): void {
    this.#agents.set(id, {
      id,
      total: amounts({ cpus, mem, disk: 100_000, ports: [[31000, 31999]] }),
      attributes,
      tasks: new Map(),
      isReachable: true,
      draining: undefined,
      offers: 0,
    });
    this.#hasNews = true;
  }

  /** The leader of the service dies, and another one takes over from what is stored. */
  failover(): void {
    this.#queue.length = 0;
    this.#heldWrites.length = 0;
    const epoch = ++this.#epoch;
    const loaded = new Map(structuredClone([...this.bucket]));
    const id = this.#framework;
    const framework = { id, role: id, name: id, epoch, bucket: this.#bucketIdentity, loaded };
    this.#machine = this.#make({ framework, epoch, loaded });
    this.#emit({ type: "started" });
    for (const event of this.#unacknowledged.values()) this.#emit(event);
    this.settle();
  }

  loseBucket(): void {
    this.bucket.clear();
    this.#bucketIdentity = `bucket-${this.#epoch + 1}`;
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

  /** Those that have not ended, on reachable agents or not, in the order of their launch. */
  get alive(): TaskStatus[] {
    const all = [...this.#agents.values()].flatMap(({ tasks }) => [...tasks.values()]);
    const order = new Map(this.launched.map(({ id }, index) => [id, index]));
    return all
      .filter(({ latest }) => !isTerminal(latest.state))
      .toSorted((a, b) => order.get(a.spec.id)! - order.get(b.spec.id)!);
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
    this.#agents.get(agent)!.isReachable = false;
    this.#leaderSays(this.#standing(agent));
  }

  comesBack(agent: string): void {
    this.#agents.get(agent)!.isReachable = true;
    this.#hasNews = true;
    this.#leaderSays(this.#standing(agent));
  }

  drain(agent: string, draining: Draining = {}): void {
    this.#agents.get(agent)!.draining = draining;
    this.#leaderSays(this.#standing(agent));
  }

  activate(agent: string): void {
    this.#agents.get(agent)!.draining = undefined;
    this.#hasNews = true;
    this.#leaderSays(this.#standing(agent));
  }

  /** The deadline of its drain has come. */
  endsAllOn(agent: string): void {
    for (const { agent: where, spec } of this.alive)
      if (where === agent) this.ends(spec.id, { state: "killed", reason: "drained" });
  }

  /** An operator gives it up. */
  isGone(agent: string): void {
    this.#agents.delete(agent);
    this.#leaderSays({ agent, state: "gone" });
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

  /** Carries out one held write: the first, or the first of these keys, for only writes of one key keep their order. */
  storeOne(keys = ""): void {
    const at = this.#heldWrites.findIndex(({ key }) => key.startsWith(keys));
    if (at >= 0) this.#heldWrites.splice(at, 1)[0]!.write();
    this.settle();
  }

  storeAll(): void {
    this.holdsWrites = false;
    while (this.#heldWrites.length > 0) this.storeOne();
  }

  /** Until nothing more follows. */
  settle(): void {
    for (let steps = 0; ; steps++) {
      assert.ok(steps < 100_000, "events without end");
      const event = this.#queue.shift();
      if (event !== undefined) this.#handle(event);
      else if (this.#hasNews && !this.#isSuppressed) this.#offer();
      else return;
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
        return this.#write(effect.key, () => {
          this.bucket.set(effect.key, effect.value);
          this.#queue.push({ type: "stored", write: effect.write });
        });
      case "remove":
        return this.#write(effect.key, () => {
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

  #write(key: string, write: () => void): void {
    if (this.holdsWrites || this.#heldWrites.length > 0) this.#heldWrites.push({ key, write });
    else write();
  }

  #performFramework(effect: FrameworkEffect): void {
    switch (effect.type) {
      case "subscribe":
        this.#session = { epoch: 7, counter: this.#session.counter + 1 };
        this.#isSuppressed = effect.message.suppressed;
        this.#hasNews = true;
        return this.#emit({
          type: "subscribeAnswered",
          attempt: effect.attempt,
          answer: {
            ok: true,
            value: { ok: true, session: this.#session, agents: this.#standings(), renewMs: 5000 },
          },
        });
      case "renew":
        return this.#emit({ type: "renewAnswered", session: effect.session, answer: okay });
      case "revive":
        this.#isSuppressed = false;
        this.#hasNews = true;
        return this.#emit({ type: "demandAnswered", session: effect.session, answer: okay });
      case "suppress":
        this.#isSuppressed = true;
        return this.#emit({ type: "demandAnswered", session: effect.session, answer: okay });
      case "decline": {
        const { session, offers } = effect;
        return this.#emit({ type: "declineAnswered", session, offers, answer: okay });
      }
      case "askAgents": {
        const { session, agents: asked } = effect;
        const value = { agents: this.#standings().filter(({ agent }) => asked.includes(agent)) };
        return this.#emit({ type: "agentsAnswered", session, asked, answer: { ok: true, value } });
      }
      case "askAgentsAfter":
        throw new Error("the answer to subscribe names all agents of a small cluster");
      case "storeLaunch":
        this.bucket.set(effect.launch, effect.record);
        return this.#emit({ type: "launchStored", launch: effect.launch });
      case "removeLaunch":
        this.bucket.delete(effect.launch);
        return;
      case "accept":
        return this.#accept(effect.launch, effect.agent, effect.message.tasks, effect.message.offer.body);
      case "kill":
        return this.#kill(effect.agent, effect.message);
      case "reconcile": {
        const agent = this.#agents.get(effect.agent);
        if (agent?.isReachable !== true)
          return this.#emit({
            type: "reconcileAnswered",
            agent: effect.agent,
            round: effect.round,
            answer: { ok: false, error: "absent" },
          });
        const value = { ok: true as const, generation: 1, tasks: [...agent.tasks.values()], more: false };
        return this.#emit({
          type: "reconcileAnswered",
          agent: effect.agent,
          round: effect.round,
          answer: { ok: true, value },
        });
      }
      case "acknowledge":
        for (const delivery of effect.deliveries) this.#unacknowledged.delete(delivery);
        return;
      case "resign":
        return assert.fail(`resigned: ${effect.reason}`);
      case "answerLeader":
      case "say":
        return;
    }
  }

  #standings(): AgentStanding[] {
    return [...this.#agents.keys()].map((id) => this.#standing(id));
  }

  #standing(id: string): AgentStanding {
    const { isReachable, draining } = this.#agents.get(id)!;
    const state = isReachable ? "registered" : "unreachable";
    return { agent: id, state, ...(draining && { draining }) };
  }

  #leaderSays(agent: AgentStanding): void {
    this.#emit({
      type: "leaderSaid",
      ticket: ++this.#tickets,
      session: `${this.#session.epoch}-${this.#session.counter}`,
      word: { type: "agent-changed", agent },
    });
    this.settle();
  }

  #free({ total, tasks }: AgentState): Resources {
    const used = [...tasks.values()].filter(({ latest }) => !isTerminal(latest.state));
    return subtract(total, sum(used.map(({ spec }) => spec.resources)));
  }

  #offer(): void {
    this.#hasNews = false;
    const offers = [...this.#agents.values()]
      .filter(({ isReachable, draining }) => isReachable && draining === undefined)
      .map((agent) => this.#offerOf(agent));
    this.#emit({
      type: "leaderSaid",
      ticket: ++this.#tickets,
      session: `${this.#session.epoch}-${this.#session.counter}`,
      word: {
        type: "offers",
        offers: offers.map((offer) => ({
          offer,
          sealed: { body: JSON.stringify(offer), seal: "5".repeat(64) },
        })),
      },
    });
  }

  #offerOf(agent: AgentState): Offer {
    return {
      agent: agent.id,
      generation: 1,
      epoch: this.#session.epoch,
      number: ++agent.offers,
      floor: 1,
      replaces: [],
      framework: this.#framework,
      session: this.#session,
      role: this.#framework,
      resources: this.#free(agent),
      host: `host-${agent.id}`,
      attributes: agent.attributes,
      executors: (["process", "container", "jvm"] as const).map((kind) => ({
        kind,
        version: "1",
        warnings: [],
      })),
    };
  }

  #accept(launch: string, agentId: string, specs: readonly TaskSpec[], body: string): void {
    const agent = this.#agents.get(agentId);
    if (agent?.isReachable !== true)
      return this.#emit({ type: "acceptAnswered", launch, answer: { ok: false, error: "absent" } });
    const offer = JSON.parse(body) as Offer;
    assert.ok(
      contains(offer.resources, sum(specs.map(({ resources }) => resources))),
      `more than ${offerId(offer)} was asked`,
    );
    const answers = specs.map((spec) => {
      const reason = this.refuses(spec, agentId);
      if (reason !== undefined)
        return {
          task: spec.id,
          ok: false as const,
          error: { code: "exceeds-free" as const, message: reason },
        };
      assert.ok(contains(this.#free(agent), spec.resources), `agent ${agentId} is oversubscribed`);
      agent.tasks.set(spec.id, this.#taken(agent, spec));
      this.launched.push(spec);
      return { task: spec.id, ok: true as const };
    });
    this.#hasNews = true;
    this.#emit({
      type: "acceptAnswered",
      launch,
      answer: { ok: true, value: { agent: agentId, generation: 1, answers } },
    });
    if (this.startsByHand) return;
    for (const { id } of specs) if (agent.tasks.has(id)) this.#change(id, { state: "running" }, false);
  }

  #taken(agent: AgentState, spec: TaskSpec): TaskStatus {
    return {
      agent: agent.id,
      framework: this.#framework,
      role: this.#framework,
      host: `host-${agent.id}`,
      spec,
      latest: { task: spec.id, number: 1, state: "staging", at: this.wall },
    };
  }

  #kill(agentId: string, { task, session }: Kill): void {
    const agent = this.#agents.get(agentId);
    if (agent?.isReachable !== true)
      return this.#emit({ type: "killAnswered", task, session, answer: { ok: false, error: "absent" } });
    const known = agent.tasks.get(task);
    if (!this.losesKills)
      this.#emit({
        type: "killAnswered",
        task,
        session,
        answer: { ok: true, value: { ok: true, known: known !== undefined } },
      });
    if (known === undefined || isTerminal(known.latest.state)) return;
    if (!this.killed.includes(task)) this.killed.push(task);
    if (this.losesKills) return;
    if (this.endsByHand) this.#change(task, { state: "killing" }, false);
    else this.#change(task, { state: "killed", reason: "kill-requested" }, false);
  }

  #change(task: string, change: Omit<TaskUpdate, "task" | "number" | "at">, settles = true): void {
    const agent = [...this.#agents.values()].find(({ tasks }) => tasks.has(task));
    assert.ok(agent !== undefined, `no agent has ${task}`);
    const before = agent.tasks.get(task)!;
    const latest = { task, number: before.latest.number + 1, at: this.wall, ...change };
    const startedAt = before.startedAt ?? (change.state === "running" ? this.wall : undefined);
    agent.tasks.set(task, { ...before, latest, ...(startedAt !== undefined && { startedAt }) });
    if (isTerminal(change.state)) this.#hasNews = true;
    if (agent.isReachable) {
      const delivery = ++this.#deliveries;
      const event = { type: "updated", delivery, agent: agent.id, updates: [latest] } as const;
      this.#unacknowledged.set(delivery, event);
      this.#emit(event);
    }
    if (settles) this.settle();
  }
}

const okay = { ok: true, value: undefined } as const;
