import { assert, unreachable } from "#libs/core/assert.js";
import { type Instant, never } from "#libs/core/time.js";
import type { Machine, Tick } from "#libs/machine/machine.js";
import type { Session } from "#protocol/offer.js";
import type { TaskUpdate } from "#protocol/task.js";
import { Deliveries } from "./deliveries.js";
import { Demand } from "./demand.js";
import type { FrameworkEffect } from "./effects.js";
import type { FrameworkEvent } from "./events.js";
import { TermIds } from "./ids.js";
import { Findings } from "./findings.js";
import { Kills } from "./kills.js";
import { Launches } from "./launches.js";
import { Leader } from "./leader.js";
import { Offers } from "./offers.js";
import { Reconciling } from "./reconciling.js";
import { type FrameworkTask, isLast, type Scheduler } from "./scheduler.js";
import type { FrameworkViews, WatchFramework } from "./service.js";
import type { FrameworkSettings } from "./settings.js";
import { Tasks } from "./tasks.js";

const usualFilterMs = 5000;

/**
 * One term of a framework: everything between a `Scheduler`, which decides what to run where, and the cluster.
 *
 * - F1 Nothing is launched before every agent that may have something of ours was asked in the present session (Q1).
 * - F2 A task's id and spec are stored before they are sent, for one agent, and never used again (L1).
 * - F3 A task ends for the scheduler once, in one last phase (T2); `refused` and `lost` only when that is sure, or when an
 *   operator has given its agent up.
 * - F4 An update is acknowledged when it is applied and, where the scheduler holds it, stored (R5).
 * - F5 An unknown task is killed only when its deletion is stored; one of a lost bucket is adopted.
 * - F6 After each event the scheduler is asked for kills and needs, and with offers at hand for placements. No event costs work in
 *   proportion to all tasks.
 */
export class FrameworkMachine implements Machine<FrameworkEvent, FrameworkEffect>, FrameworkViews {
  readonly #scheduler: Scheduler;
  readonly #filterMs: number;
  readonly #watch: ReturnType<WatchFramework> | undefined;
  readonly #ids: TermIds;
  readonly #deliveries = new Deliveries();
  readonly #tasks: Tasks;
  readonly #leader: Leader;
  readonly #offers: Offers;
  readonly #demand: Demand;
  readonly #launches: Launches;
  readonly #kills: Kills;
  readonly #agents: Reconciling;
  /** Tasks that were lost without a word of their agent, until they are let go. */
  readonly #givenUp = new Set<string>();
  #effects: FrameworkEffect[] = [];
  #streamMadeAt: number | undefined;
  #isStarted = false;
  #isHandling = false;

  constructor(settings: FrameworkSettings, scheduler: Scheduler) {
    this.#scheduler = scheduler;
    this.#filterMs = settings.filterMs ?? usualFilterMs;
    this.#ids = new TermIds(settings.epoch);
    const send = (effect: FrameworkEffect) => void this.#effects.push(effect);
    const decline = (ids: readonly string[], filterMs: number) => this.#offers.decline(ids, filterMs);
    const isUnreachable = (agent: string) => this.#agents.isUnreachable(agent);
    const doubt = (agent: string) => this.#agents.doubt(agent);
    const fenced = () => this.#leader.renew();

    this.#tasks = new Tasks({
      scheduler,
      deliveries: this.#deliveries,
      letGo: (task) => this.#letGo(task),
      drainingOf: (agent) => this.#agents.draining(agent),
    });
    this.#offers = new Offers(send);
    this.#demand = new Demand(send);
    this.#launches = new Launches({
      settings,
      ids: this.#ids,
      tasks: this.#tasks,
      filterMs: this.#filterMs,
      wantsMore: () => this.#demand.needs.length > 0,
      send,
      decline,
      isUnreachable,
      doubt,
    });
    const cancel = (at: Instant, task: string) => this.#launches.cancel(at, task);
    this.#kills = new Kills({ tasks: this.#tasks, send, isUnreachable, doubt, cancel, fenced });
    const findings = new Findings({
      bucket: settings.bucket,
      ids: this.#ids,
      tasks: this.#tasks,
      launches: this.#launches,
      send,
      kill: (agent, task) => this.#killOrphan(agent, task),
      resign: (reason, epoch) => this.#resign(reason, epoch),
    });
    this.#agents = new Reconciling({
      send,
      fenced,
      expectedOn: (agent) => findings.expectedOn(agent),
      hasAny: (agent) => this.#tasks.onAgent(agent).size > 0 || this.#launches.deletedOn(agent).size > 0,
      found: (at, agent, statuses) => findings.found(at, agent, statuses),
      told: (at, agent, missing, seen) => findings.told(at, agent, missing, seen),
      reached: (at, agent, since) => this.#reached(at, agent, since),
      drained: (at, agent, draining) => {
        if (draining !== undefined) this.#offers.dropAgent(agent);
        this.#tasks.drain(at, agent, draining);
      },
      gone: (at, agent) => this.#gone(at, agent),
    });
    this.#watch = settings.watch?.(this);
    this.#leader = new Leader({
      settings,
      filterMs: this.#filterMs,
      offers: this.#offers,
      demand: this.#demand,
      agents: this.#agents,
      launches: this.#launches,
      kills: this.#kills,
      taskAgents: () => this.#tasks.agents(),
      send,
      resign: (reason) => this.#resign(reason),
    });
  }

  get tasks(): ReadonlyMap<string, FrameworkTask> {
    return this.#tasks.all;
  }

  waiting(): readonly string[] {
    if (this.#leader.absence !== undefined) return [this.#leader.absence];
    if (this.#agents.isSettled) return [];
    const { agents, of } = this.#agents.unsettled;
    return agents > 0
      ? [`${agents} of ${of} agents have not yet said what they run`]
      : ["the leader has not yet named all agents with something of ours"];
  }

  handle(at: Instant, event: FrameworkEvent | Tick): readonly FrameworkEffect[] {
    assert(!this.#isHandling, "a scheduler's answer must not hand an event to its FrameworkMachine");
    this.#isHandling = true;
    this.#on(at, event);
    if (this.#isStarted) this.#act(at);
    this.#isHandling = false;
    const effects = this.#effects;
    this.#effects = [];
    this.#watch?.(event, effects);
    return effects;
  }

  nextDeadline(): number {
    return Math.min(
      this.#leader.nextDeadline(),
      this.#agents.nextDeadline(),
      this.#launches.nextDeadline(),
      this.#kills.nextDeadline(this.#leader.session),
      this.#demand.nextDeadline(),
      this.#offers.nextDeadline(),
      this.#scheduler.nextDeadline?.() ?? never,
    );
  }

  #on(at: Instant, event: FrameworkEvent | Tick): void {
    switch (event.type) {
      case "started":
        return this.#start(at);
      case "woken":
        return;
      case "tick":
        this.#leader.due(at);
        this.#agents.due(at);
        return this.#launches.due(at);
      case "released":
        for (const held of event.tasks) this.#tasks.release(held);
        return;
      case "reconnected":
        this.#leader.renew();
        return this.#agents.all(at);
      case "streamSeen":
        return this.#streamSeen(at, event.madeAt);
      case "launchStored":
        return this.#launches.stored(at, event.launch, this.#leader.session);
      case "acceptAnswered":
        return this.#launches.answered(at, event.launch, event.answer);
      case "killAnswered":
        return this.#kills.answered(at, event.task, event.answer);
      case "reconcileAnswered":
        return this.#agents.answered(at, event.agent, event.round, event.answer);
      case "updated":
        return this.#updated(at, event.delivery, event.agent, event.updates);
      case "leaderAnnounced":
      case "subscribeAnswered":
      case "renewAnswered":
      case "leaderSaid":
      case "declineAnswered":
      case "demandAnswered":
      case "agentsAnswered":
      case "agentsAfterAnswered":
        return this.#leader.handle(at, event);
      default:
        return unreachable(event);
    }
  }

  #start(at: Instant): void {
    assert(!this.#isStarted, "a term starts once");
    this.#isStarted = true;
    this.#launches.load(at);
    this.#demand.look(at, this.#scheduler.needs(at));
    this.#leader.begin();
  }

  /** What follows from any event. */
  #act(at: Instant): void {
    const { session } = this.#leader;
    this.#kills.order(at, this.#scheduler.kills?.(at) ?? []);
    this.#demand.look(at, this.#scheduler.needs(at));
    if (session !== undefined && !this.#offers.isEmpty && this.#agents.isSettled) {
      this.#place(at, session);
      this.#demand.look(at, this.#scheduler.needs(at));
    }
    this.#kills.act(at, session);
    this.#demand.act(at, session);
    this.#agents.act(at);
    this.#offers.flush(at, session);
    const deliveries = this.#deliveries.take();
    if (deliveries.length > 0) this.#effects.push({ type: "acknowledge", deliveries });
  }

  #place(at: Instant, session: Session): void {
    const offers = this.#offers.take();
    const placements =
      this.#demand.needs.length === 0
        ? []
        : this.#scheduler.place(
            at,
            [...offers.values()].map(({ offer }) => offer),
            this.#ids,
          );
    const used = this.#launches.place(at, placements, offers, session);
    for (const id of used.keys()) this.#agents.watch(at, offers.get(id)!.offer.agent);
    this.#offers.decline(
      [...offers.keys()].filter((id) => !used.has(id)),
      this.#filterMs,
    );
  }

  #resign(reason: string, epoch?: number): void {
    this.#effects.push(epoch === undefined ? { type: "resign", reason } : { type: "resign", reason, epoch });
  }

  // --- tasks ---

  #updated(at: Instant, number: number, agent: string, updates: readonly TaskUpdate[]): void {
    const delivery = this.#deliveries.begin(number);
    if (delivery === undefined) return;
    for (const update of updates)
      if (this.#tasks.all.get(update.task)?.agent === agent)
        this.#tasks.update(at, update, undefined, delivery);
    this.#deliveries.done(delivery);
  }

  /** The stream was made anew: what it held is lost. */
  #streamSeen(at: Instant, madeAt: number): void {
    const isNew = this.#streamMadeAt !== undefined && this.#streamMadeAt !== madeAt;
    this.#streamMadeAt = madeAt;
    if (!isNew) return;
    this.#deliveries.forget();
    this.#agents.all(at);
  }

  #letGo(task: FrameworkTask): void {
    const { id } = task.spec;
    this.#kills.ended(id);
    this.#launches.letGo(task, this.#givenUp.delete(id));
  }

  // --- agents ---

  /** It was given up while nobody could be asked; now it turns up. Said again with each reconciling, until it has ended. */
  #killOrphan(agent: string, task: string): void {
    const { session } = this.#leader;
    if (session !== undefined) this.#effects.push({ type: "kill", agent, message: { session, task } });
  }

  #reached(at: Instant, agent: string, since: number | undefined): void {
    this.#tasks.reach(at, agent, since);
    if (since !== undefined) return this.#offers.dropAgent(agent);
    this.#launches.agentBack(at, agent);
    this.#kills.agentBack(at, agent);
  }

  /** An operator says that it will not come back. */
  #gone(at: Instant, agent: string): void {
    for (const id of this.#tasks.onAgent(agent)) {
      if (isLast(this.#tasks.all.get(id)!.phase)) continue;
      this.#givenUp.add(id);
      this.#tasks.change(at, id, { phase: "lost", message: `agent ${agent} was declared gone` });
    }
  }
}
