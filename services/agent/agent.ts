import type { ExecutorInfo } from "#protocol/offer.js";
import type { TaskUpdate } from "#protocol/task.js";
import { unreachable } from "#libs/core/assert.js";
import { isTerminal } from "#libs/core/task-state.js";
import { never, type Instant } from "#libs/core/time.js";
import type { Machine, Tick } from "#libs/machine/machine.js";
import { Accepts } from "./accepts.js";
import type { Grounds } from "./admission.js";
import { type Allowance, userOf } from "./allowance.js";
import { Collection, type CollectionSettings } from "./collection.js";
import { Contact } from "./contact.js";
import { environmentOf } from "./environment.js";
import type { AgentEffect, AgentEvent, FixedInfo, LaunchOrder, ServiceEntry } from "./events.js";
import { Health } from "./health.js";
import { Identity } from "./identity.js";
import { Kills } from "./kills.js";
import { Ledger } from "./ledger.js";
import { News } from "./news.js";
import { Offers } from "./offers.js";
import { Orders } from "./orders.js";
import { Queries } from "./queries.js";
import { Reading } from "./reading.js";
import { recall, taskRecord } from "./recall.js";
import { Recorder } from "./recorder.js";
import type { JournalRecord } from "./records.js";
import { Recovery } from "./recovery.js";
import { Refusals } from "./refusals.js";
import { Registration } from "./registration.js";
import { Services } from "./services.js";
import { Stopping } from "./stopping.js";
import { hasEnded, type Task } from "./task.js";
import { Tasks } from "./tasks.js";
import { Updates } from "./updates.js";

export interface AgentOptions {
  readonly cluster: string;
  readonly info: FixedInfo;
  /** What was detected before the start; events bring it up to date. */
  readonly executors: readonly ExecutorInfo[];
  /** Why there is not more. Those about an executor begin with its kind and a colon. */
  readonly warnings: readonly string[];
  /** Of this process. */
  readonly bootId: string;
  /** Of the host: another one after each of its starts. */
  readonly hostBoot: string;
  readonly allowance: Allowance;
  readonly collection: CollectionSettings;
  /** As the registry's adapter computes it; pure. */
  readonly fingerprint: (entry: ServiceEntry) => string;
}

const detectMs = 60_000;

/**
 * The host agent: the one who decides what runs on its host. It knows three worlds: the cluster (bus and streams), the host
 * (executors, sandboxes, registry) and its own memory (the journal). All three answer by events.
 *
 * This file only connects the parts; each rule stands in the part that keeps it:
 * R1 ledger · R2 offers · R3 admission, refusals · R4 task, tasks · R5 updates, collection · R6 offers · R8 recovery, stopping.
 */
export class Agent implements Machine<AgentEvent, AgentEffect> {
  readonly #options: AgentOptions;
  #effects: AgentEffect[] = [];
  #executors: readonly ExecutorInfo[];
  #warnings: readonly string[];
  #detectAt = never;
  #isRecovered = false;
  #isSettled = false;

  readonly #emit = (effect: AgentEffect): void => void this.#effects.push(effect);
  readonly #orderOf = (task: Task): LaunchOrder => this.#order(task);
  readonly #offers = new Offers();
  readonly #refusals = new Refusals();
  readonly #ledger: Ledger;
  readonly #news: News;
  readonly #recorder: Recorder;
  readonly #updates: Updates;
  readonly #tasks: Tasks;
  readonly #kills: Kills;
  readonly #health: Health;
  readonly #services: Services;
  readonly #collection: Collection;
  readonly #contact: Contact;
  readonly #registration: Registration;
  readonly #recovery: Recovery;
  readonly #identity: Identity;
  readonly #accepts: Accepts;
  readonly #orders: Orders;
  readonly #queries: Queries;
  readonly #reading: Reading;
  readonly #stopping: Stopping;

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#executors = options.executors;
    this.#warnings = options.warnings;
    const { cluster, info, bootId } = options;
    const { id: agent, host } = info;
    const emit = this.#emit;

    this.#ledger = new Ledger(info.totals);
    this.#news = new News(agent, emit);
    const recorder = new Recorder({
      emit,
      snapshot: () => this.#snapshot(),
      snapshotSize: () => this.#tasks.size,
    });
    this.#recorder = recorder;
    this.#updates = new Updates({
      agent,
      emit,
      generation: () => this.#offers.generation,
      stored: (at, updates) => this.#stored(at, updates),
    });
    const tasks = new Tasks({
      emit,
      recorder,
      orderOf: this.#orderOf,
      changed: (at, task) => this.#changed(at, task),
      recorded: (at, task, update) => {
        this.#updates.add(task.framework, update);
        this.#news.taskStepped(at, task, update);
        if (isTerminal(update.state)) this.#collection.ended(task);
      },
    });
    this.#tasks = tasks;
    const kills = new Kills({ emit, tasks, isWithdrawn: (task) => this.#services.isWithdrawn(task) });
    this.#kills = kills;
    this.#health = new Health({
      emit,
      host,
      changed: (at, task, healthy, message) => {
        tasks.step(at, task, { state: "running", healthy, message });
        this.#news.healthChanged(at, task, healthy, message);
      },
      unhealthy: (at, task, message) => kills.ask(at, task, { reason: "unhealthy", message }),
    });
    this.#services = new Services({
      emit,
      cluster,
      agent,
      host,
      fingerprint: options.fingerprint,
      withdrawn: (at, task) => kills.withdrawn(at, task),
    });
    this.#collection = new Collection({ emit, tasks, recorder, settings: options.collection });
    this.#contact = new Contact({
      emit,
      cutOff: (at, task) =>
        kills.ask(at, task, { reason: "cut-off", message: "the agent could not reach the cluster" }),
    });
    const offers = this.#offers;
    const refusals = this.#refusals;
    this.#registration = new Registration({
      emit,
      offers,
      cut: (at, then) => this.#cut(then),
      message: (report) => ({ info: this.#info(), bootId, report }),
      report: () => ({
        agent,
        generation: offers.generation,
        epoch: offers.epoch,
        use: this.#ledger.use(),
        ...offers.window(),
      }),
    });
    this.#recovery = new Recovery({
      emit,
      tasks,
      kills,
      orderOf: this.#orderOf,
      done: (at) => {
        this.#isRecovered = true;
        this.#join(at);
      },
    });
    this.#identity = new Identity({
      agent,
      bootId,
      emit,
      settled: (at) => {
        this.#isSettled = true;
        this.#join(at);
      },
    });
    this.#accepts = new Accepts({
      agent,
      emit,
      grounds: () => this.#grounds(),
      offers,
      ledger: this.#ledger,
      refusals,
      tasks,
      recorder,
    });
    this.#orders = new Orders({
      emit,
      offers,
      refusals,
      tasks,
      kills,
      recorder,
      report: () => this.#registration.report(),
      heard: (at, epoch) => this.#hear(at, epoch, 0),
      renew: (at) => this.#registration.renew(at),
    });
    this.#queries = new Queries({ agent, host, emit, offers, tasks, services: this.#services, recorder });
    this.#reading = new Reading({ emit, tasks });
    this.#stopping = new Stopping({
      emit,
      tasks,
      kills,
      recorder,
      updates: this.#updates,
      collection: this.#collection,
    });
  }

  handle(at: Instant, event: AgentEvent | Tick): readonly AgentEffect[] {
    this.#effects = [];
    this.#take(at, event);
    this.#services.flush(at);
    this.#recorder.flush(at);
    this.#updates.flush();
    this.#stopping.proceed(at);
    return this.#effects;
  }

  nextDeadline(): number {
    return Math.min(
      this.#detectAt,
      this.#recorder.nextDeadline(),
      this.#updates.nextDeadline(),
      this.#kills.nextDeadline(),
      this.#health.nextDeadline(),
      this.#services.nextDeadline(),
      this.#collection.nextDeadline(),
      this.#contact.nextDeadline(),
      this.#registration.nextDeadline(),
      this.#recovery.nextDeadline(),
      this.#identity.nextDeadline(),
      this.#stopping.nextDeadline(),
    );
  }

  #take(at: Instant, event: AgentEvent | Tick): void {
    switch (event.type) {
      case "tick":
        return this.#tick(at);
      case "acceptAsked":
        return this.#accept(at, event);
      case "killAsked":
        this.#orders.kill(at, event);
        return this.#renewIfCrowded(at);
      case "reconcileAsked":
        return this.#queries.reconcile(at, event);
      case "rescindAsked":
        this.#orders.rescind(at, event);
        return this.#registration.changed(at);
      case "removeAsked":
        return this.#orders.remove(at, event);
      case "tasksAsked":
        return this.#queries.query(at, event.reply, event.query);
      case "sandboxAsked":
        return this.#reading.asked(at, event.reply, event.sender, event.request);
      case "whoAsked":
        return this.#identity.asked(event.reply);
      case "loaded":
        return this.#load(at, event.records);
      case "written":
        return this.#recorder.written(at);
      case "writeFailed":
        this.#note("error", "the journal takes no records; trying again", { cause: event.message });
        return this.#recorder.writeFailed(at, event.message);
      case "recovered":
        return this.#recovery.recovered(at, event.kind, event.found);
      case "recoverFailed":
        return this.#recovery.failed(at, event.kind, event.message);
      case "sandboxesFound":
        return this.#collection.found(event.tasks);
      case "connected":
        return this.#connect(at, event.fraction);
      case "disconnected":
        this.#updates.disconnected();
        return this.#registration.disconnected();
      case "leaderAnnounced":
        return this.#hear(at, event.epoch, event.fraction);
      case "registered":
        this.#contact.reached(at, at.mono);
        return this.#registration.registered(at, event.attempt, event.epoch, event.reportIntervalMs);
      case "registrationRefused":
        this.#contact.reached(at, at.mono);
        if (event.error.epoch !== undefined) this.#offers.hear(event.error.epoch);
        return this.#registration.refused(at, event.attempt, event.error);
      case "registrationFailed":
        return this.#registration.failed(at, event.attempt, event.unseen);
      case "othersFound":
        return this.#identity.found(at, event.others);
      case "batchStored":
        return this.#updates.stored(at, event.framework, event.batch);
      case "batchFailed":
        this.#note("debug", "a batch of updates is not stored yet", {
          framework: event.framework,
          cause: event.failure,
        });
        return this.#updates.failed(at, event.framework, event.batch);
      case "clusterReached":
        return this.#contact.reached(at, event.sentAt);
      case "prepared":
        return this.#tasks.prepared(at, event.task);
      case "prepareFailed":
      case "launchFailed":
        return this.#tasks.launchFailed(at, event.task, event.fault);
      case "launched":
        return this.#launched(at, event.task);
      case "exited":
        return this.#tasks.exited(at, event);
      case "probed":
        return this.#health.probed(at, event.task, event.probe, event.healthy, event.message);
      case "executorsDetected":
        return this.#detected(at, event.executors, event.warnings);
      case "released":
        return this.#collection.released(event.task);
      case "collected":
        return this.#collection.collected(event.task);
      case "collectFailed":
        this.#note("warn", "a sandbox cannot be removed", { task: event.task, cause: event.message });
        return this.#collection.failed(at, event.task);
      case "diskMeasured":
        return this.#collection.measured(event.freeFraction);
      case "entriesListed":
        return this.#services.listed(at, event.found);
      case "entriesUnknown":
        this.#note("warn", "the registry does not answer", { cause: event.message });
        return this.#services.listFailed();
      case "entryDone":
        return this.#services.done(at, event.id);
      case "entryFailed":
        this.#note("debug", "the registry did not take an entry", { id: event.id, cause: event.message });
        return this.#services.failed(at, event.id);
      case "fileRead":
        return this.#reading.fileRead(at, event.reply, event.file);
      case "directoryListed":
        return this.#reading.listed(event.reply, event.entries);
      case "readingFailed":
        return this.#reading.failed(event.reply, event.message);
      case "fileGrown":
        return this.#reading.grown(event.reply);
      case "stopAsked":
        return this.#stopping.ask(at, event.endTasks);
      default:
        return unreachable(event);
    }
  }

  #tick(at: Instant): void {
    this.#updates.tick(at);
    this.#kills.tick(at);
    this.#health.tick(at);
    this.#services.tick(at);
    this.#collection.tick(at);
    this.#contact.tick(at);
    this.#registration.tick(at);
    this.#recovery.tick(at);
    this.#identity.tick(at);
    if (at.mono < this.#detectAt) return;
    this.#detectAt = at.mono + detectMs;
    this.#emit({ type: "detectExecutors" });
  }

  // --- the way into the cluster ---

  /** The journal is read: what it has counts at once, whatever the executors will say. */
  #load(at: Instant, records: readonly JournalRecord[]): void {
    const { hostBoot } = this.#options;
    const memory = recall(records);
    this.#recorder.loaded(records.length);
    this.#offers.restore(memory);
    for (const [framework, session] of memory.sessions) this.#offers.sees(framework, session);
    this.#detectAt = at.mono + detectMs;
    this.#identity.begin(at);
    this.#contact.begin(at);
    this.#services.begin(at);
    this.#cut(() => this.#publishAgain(memory.tasks.values()));
    for (const task of memory.tasks.values()) this.#restore(at, task);
    this.#emit({ type: "findSandboxes" });
    this.#recovery.begin(at, memory.hostBoot !== undefined && memory.hostBoot !== hostBoot);
  }

  #restore(at: Instant, task: Task): void {
    const { framework, role, spec, unstored } = task;
    this.#tasks.restore(task);
    if (hasEnded(task)) {
      if (unstored.length === 0) this.#collection.finished(at, task);
      return;
    }
    this.#ledger.restore(spec.id, { framework, role, resources: spec.resources });
    this.#changed(at, task);
    if (task.killReason !== undefined)
      this.#kills.ask(at, task, { reason: task.killReason, message: task.latest.message ?? "" });
  }

  /** What the stream may not have, in the order in which it happened. */
  #publishAgain(tasks: Iterable<Task>): void {
    const unstored = [...tasks].flatMap(({ framework, unstored: updates }) =>
      updates.map((update) => ({ framework, update })),
    );
    for (const { framework, update } of unstored.toSorted((a, b) => a.update.at - b.update.at))
      this.#updates.add(framework, update);
  }

  #connect(at: Instant, fraction: number): void {
    this.#identity.connected();
    this.#updates.connected();
    this.#registration.connected(at, fraction);
  }

  #join(at: Instant): void {
    if (!this.#isRecovered || !this.#isSettled) return;
    const { id, host } = this.#options.info;
    const live = [...this.#tasks.all()].filter((task) => !hasEnded(task)).length;
    this.#news.agent(at, "started", `agent ${id} on ${host} is up; ${live} of its tasks ran on`, { live });
    this.#registration.begin(at);
  }

  #hear(at: Instant, epoch: number, fraction: number): void {
    if (this.#offers.epochRefusal(epoch) !== undefined) return;
    const isNews = this.#offers.hear(epoch);
    this.#contact.reached(at, at.mono);
    this.#registration.announced(at, isNews, fraction);
  }

  #cut(then: (at: Instant) => void): void {
    const generation = this.#offers.cut();
    this.#refusals.forgetAll();
    const { epoch } = this.#offers;
    this.#recorder.add({ type: "cut", generation, epoch, hostBoot: this.#options.hostBoot }, then);
  }

  #renewIfCrowded(at: Instant): void {
    if (this.#offers.isCrowded() || this.#refusals.isCrowded()) this.#registration.renew(at);
  }

  #detected(at: Instant, executors: readonly ExecutorInfo[], warnings: readonly string[]): void {
    const isSame =
      JSON.stringify([executors, warnings]) === JSON.stringify([this.#executors, this.#warnings]);
    this.#executors = executors;
    this.#warnings = warnings;
    if (!isSame) this.#registration.renew(at);
  }

  // --- tasks ---

  #accept(at: Instant, event: Extract<AgentEvent, { readonly type: "acceptAsked" }>): void {
    this.#accepts.asked(at, event);
    this.#orders.launched(event.framework);
    this.#registration.changed(at);
    this.#renewIfCrowded(at);
  }

  #launched(at: Instant, id: string): void {
    this.#tasks.launched(at, id);
    const task = this.#tasks.get(id);
    if (task !== undefined) this.#kills.reached(task);
  }

  #changed(at: Instant, task: Task): void {
    if (task.phase === "ended") {
      this.#ledger.release(task.spec.id);
      this.#reading.taskEnded(task);
      this.#registration.changed(at);
    }
    this.#kills.taskChanged(task);
    this.#health.taskChanged(at, task);
    this.#services.taskChanged(task);
    this.#contact.taskChanged(at, task);
  }

  #stored(at: Instant, updates: readonly TaskUpdate[]): void {
    const numbers = updates.map(({ task, number }) => ({ task, number }));
    this.#recorder.addLazily({ type: "stored", numbers });
    for (const { task: id, number } of numbers) {
      const task = this.#tasks.get(id);
      if (task === undefined) continue;
      task.unstored = task.unstored.filter((update) => update.number > number);
      if (hasEnded(task) && task.unstored.length === 0) this.#collection.finished(at, task);
    }
  }

  // --- what the parts ask of each other ---

  #grounds(): Grounds {
    const { info, allowance } = this.#options;
    return {
      agent: info.id,
      host: info.host,
      executors: this.#executors,
      warnings: this.#warnings,
      free: this.#ledger.free,
      allowance,
      offers: this.#offers,
      ownerOf: (task) => this.#tasks.get(task)?.framework,
      refusalOf: (task) => this.#refusals.get(task),
      isStopping: this.#stopping.isStopping,
    };
  }

  #order(task: Task): LaunchOrder {
    const { info, allowance } = this.#options;
    const { framework, spec } = task;
    const user = userOf(spec, allowance);
    return {
      spec: user === undefined ? spec : { ...spec, user },
      framework,
      host: info.host,
      env: environmentOf(spec, { agent: info.id, host: info.host, framework }),
    };
  }

  #info() {
    return { ...this.#options.info, executors: [...this.#executors], warnings: [...this.#warnings] };
  }

  #snapshot(): JournalRecord[] {
    const { generation, epoch } = this.#offers;
    const { hostBoot } = this.#options;
    return [{ type: "cut", generation, epoch, hostBoot }, ...[...this.#tasks.all()].map(taskRecord)];
  }

  #note(level: "debug" | "warn" | "error", message: string, fields: object): void {
    this.#emit({ type: "note", level, message, fields });
  }
}
