import assert from "node:assert/strict";
import type { AgentStanding, Draining } from "#protocol/framework.js";
import type { LaunchAnswer } from "#protocol/launch.js";
import { type Offer, offerId, type Session } from "#protocol/offer.js";
import type { Attributes, Resources } from "#protocol/resources.js";
import type { TaskSpec, TaskStatus, TaskUpdate } from "#protocol/task.js";
import { amounts, contains, subtract, sum } from "#libs/core/resources.js";
import { isTerminal } from "#libs/core/task-state.js";

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

/** What becomes of a task. */
export type Change = Omit<TaskUpdate, "task" | "number" | "at">;

/** Agents of one framework: they keep what they are given, and never more than they have. */
export class SmallAgents {
  /** Every task that was launched, in order. */
  readonly launched: TaskSpec[] = [];
  readonly #framework: string;
  readonly #agents = new Map<string, AgentState>();

  constructor(framework: string) {
    this.#framework = framework;
  }

  add(id: string, { cpus = 4, mem = 4096, attributes = {} }: SmallAgent): void {
    this.#agents.set(id, {
      id,
      total: amounts({ cpus, mem, disk: 100_000, ports: [[31000, 31999]] }),
      attributes,
      tasks: new Map(),
      isReachable: true,
      draining: undefined,
      offers: 0,
    });
  }

  remove(id: string): void {
    this.#agents.delete(id);
  }

  reach(id: string, isReachable: boolean): void {
    this.#agents.get(id)!.isReachable = isReachable;
  }

  drain(id: string, draining: Draining | undefined): void {
    this.#agents.get(id)!.draining = draining;
  }

  standing(id: string): AgentStanding {
    const { isReachable, draining } = this.#agents.get(id)!;
    const state = isReachable ? "registered" : "unreachable";
    return { agent: id, state, ...(draining && { draining }) };
  }

  standings(): AgentStanding[] {
    return [...this.#agents.keys()].map((id) => this.standing(id));
  }

  /** Tasks that have not ended, on reachable agents or not, in the order of their launch. */
  alive(): TaskStatus[] {
    const all = [...this.#agents.values()].flatMap(({ tasks }) => [...tasks.values()]);
    const order = new Map(this.launched.map(({ id }, index) => [id, index]));
    return all
      .filter(({ latest }) => !isTerminal(latest.state))
      .toSorted((a, b) => order.get(a.spec.id)! - order.get(b.spec.id)!);
  }

  /** Of all that is free on those that take tasks now. */
  offers(session: Session): Offer[] {
    return [...this.#agents.values()]
      .filter(({ isReachable, draining }) => isReachable && draining === undefined)
      .map((agent) => this.#offerOf(agent, session));
  }

  // --- what a framework asks of an agent; undefined: it cannot be reached ---

  /** Every task that it ever had. */
  tasksOf(id: string): TaskStatus[] | undefined {
    const agent = this.#reached(id);
    return agent && [...agent.tasks.values()];
  }

  /** `refuses` gives the reason for which a task is not taken. */
  accept(
    offer: Offer,
    specs: readonly TaskSpec[],
    refuses: (spec: TaskSpec, agent: string) => string | undefined,
    wall: number,
  ): LaunchAnswer[] | undefined {
    const agent = this.#reached(offer.agent);
    if (agent === undefined) return undefined;
    assert.ok(
      contains(offer.resources, sum(specs.map(({ resources }) => resources))),
      `more than ${offerId(offer)} was asked`,
    );
    return specs.map((spec) => {
      const message = refuses(spec, agent.id);
      if (message !== undefined)
        return { task: spec.id, ok: false, error: { code: "exceeds-free", message } };
      this.#take(agent, spec, wall);
      return { task: spec.id, ok: true };
    });
  }

  // --- what happens on an agent ---

  /** The agent, and its update; undefined: nobody hears of it. */
  change(task: string, change: Change, wall: number): { agent: string; latest: TaskUpdate } | undefined {
    const agent = [...this.#agents.values()].find(({ tasks }) => tasks.has(task));
    assert.ok(agent !== undefined, `no agent has ${task}`);
    const before = agent.tasks.get(task)!;
    const latest = { task, number: before.latest.number + 1, at: wall, ...change };
    const startedAt = before.startedAt ?? (change.state === "running" ? wall : undefined);
    agent.tasks.set(task, { ...before, latest, ...(startedAt !== undefined && { startedAt }) });
    return agent.isReachable ? { agent: agent.id, latest } : undefined;
  }

  #reached(id: string): AgentState | undefined {
    const agent = this.#agents.get(id);
    return agent?.isReachable === true ? agent : undefined;
  }

  #take(agent: AgentState, spec: TaskSpec, wall: number): void {
    assert.ok(contains(free(agent), spec.resources), `agent ${agent.id} is oversubscribed`);
    agent.tasks.set(spec.id, {
      agent: agent.id,
      framework: this.#framework,
      role: this.#framework,
      host: `host-${agent.id}`,
      spec,
      latest: { task: spec.id, number: 1, state: "staging", at: wall },
    });
    this.launched.push(spec);
  }

  #offerOf(agent: AgentState, session: Session): Offer {
    return {
      agent: agent.id,
      generation: 1,
      epoch: session.epoch,
      number: ++agent.offers,
      floor: 1,
      replaces: [],
      framework: this.#framework,
      session,
      role: this.#framework,
      resources: free(agent),
      host: `host-${agent.id}`,
      attributes: agent.attributes,
      executors: (["process", "container", "jvm"] as const).map((kind) => ({
        kind,
        version: "1",
        warnings: [],
      })),
    };
  }
}

function free({ total, tasks }: AgentState): Resources {
  const used = [...tasks.values()].filter(({ latest }) => !isTerminal(latest.state));
  return subtract(total, sum(used.map(({ spec }) => spec.resources)));
}
