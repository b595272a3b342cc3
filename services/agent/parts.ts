import type { TaskUpdate } from "#protocol/task.js";
import type { CatalogEntry } from "#libs/core/catalog-entry.js";
import type { LaunchOrder } from "#libs/core/launch.js";
import { isTerminal } from "#libs/core/task-state.js";
import type { Instant } from "#libs/core/time.js";
import { Accepts } from "./accepts.js";
import type { Grounds } from "./admission.js";
import { type Allowance, userOf } from "./allowance.js";
import { Collection, type CollectionSettings } from "./collection.js";
import { Contact } from "./contact.js";
import { Drain } from "./drain.js";
import { environmentOf } from "./environment.js";
import { type Detected, Executors } from "./executors.js";
import type { AgentEffect, FixedInfo } from "./events.js";
import { ForeignPorts } from "./foreign-ports.js";
import { Health } from "./health.js";
import { Identity } from "./identity.js";
import { Kills } from "./kills.js";
import { Ledger } from "./ledger.js";
import { News } from "./news.js";
import { Offers } from "./offers.js";
import { Orders } from "./orders.js";
import { Queries } from "./queries.js";
import { Reading } from "./reading.js";
import { taskRecord } from "./recall.js";
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

/** Its executors and warnings: as detected before the start. */
export interface AgentOptions extends Detected {
  readonly cluster: string;
  readonly info: FixedInfo;
  /** Ports of the totals on which somebody listened before the start: our own tasks of before, or others. */
  readonly takenPorts: readonly number[];
  /** Of this process. */
  readonly bootId: string;
  /** Of the host: another one after each of its starts. */
  readonly hostBoot: string;
  readonly allowance: Allowance;
  readonly collection: CollectionSettings;
  /** As the registry's adapter computes it; pure. */
  readonly fingerprint: (entry: CatalogEntry) => string;
}

/**
 * The parts of an agent and what each may ask of the others. Whatever happens to a task goes through `changed`, where every part
 * that follows tasks brings itself up to date from the task's state.
 */
export class Parts {
  readonly #options: AgentOptions;
  /** Messages that did not decode since this process began. */
  undecoded = 0;
  #isRecovered = false;
  #isSettled = false;

  readonly offers = new Offers();
  readonly refusals = new Refusals();
  readonly ledger: Ledger;
  readonly foreignPorts: ForeignPorts;
  readonly executors: Executors;
  readonly news: News;
  readonly recorder: Recorder;
  readonly updates: Updates;
  readonly tasks: Tasks;
  readonly kills: Kills;
  readonly health: Health;
  readonly services: Services;
  readonly collection: Collection;
  readonly contact: Contact;
  readonly drain: Drain;
  readonly registration: Registration;
  readonly recovery: Recovery;
  readonly identity: Identity;
  readonly accepts: Accepts;
  readonly orders: Orders;
  readonly queries: Queries;
  readonly reading: Reading;
  readonly stopping: Stopping;

  constructor(options: AgentOptions, emit: (effect: AgentEffect) => void) {
    this.#options = options;
    const { cluster, info, bootId } = options;
    const { id: agent, host } = info;
    const orderOf = (task: Task): LaunchOrder => this.#order(task);

    this.ledger = new Ledger(info.totals);
    this.foreignPorts = new ForeignPorts({
      emit,
      configured: info.totals.ports,
      ledger: this.ledger,
      changed: (at) => this.registration.renew(at),
    });
    this.executors = new Executors({
      emit,
      detected: options,
      changed: (at) => this.registration.renew(at),
    });
    this.news = new News(agent, emit);
    const recorder = new Recorder({
      emit,
      snapshot: () => this.#snapshot(),
      snapshotSize: () => this.tasks.size,
    });
    this.recorder = recorder;
    this.updates = new Updates({
      agent,
      emit,
      generation: () => this.offers.generation,
      stored: (at, updates) => this.#stored(at, updates),
    });
    const tasks = new Tasks({
      emit,
      recorder,
      orderOf,
      userOf: ({ spec }) => userOf(spec, options.allowance),
      changed: (at, task) => this.changed(at, task),
      recorded: (at, task, update) => {
        this.updates.add(task.framework, update);
        this.news.taskStepped(at, task, update);
        if (isTerminal(update.state)) this.collection.ended(task);
      },
    });
    this.tasks = tasks;
    const kills = new Kills({ emit, tasks, isWithdrawn: (task) => this.services.isWithdrawn(task) });
    this.kills = kills;
    this.health = new Health({
      emit,
      host,
      changed: (at, task, healthy, message) => {
        tasks.step(at, task, { state: "running", healthy, message });
        this.news.healthChanged(at, task, healthy, message);
      },
      unhealthy: (at, task, message) => kills.ask(at, task, { reason: "unhealthy", message }),
    });
    this.services = new Services({
      emit,
      cluster,
      agent,
      host,
      fingerprint: options.fingerprint,
      withdrawn: (at, task) => kills.withdrawn(at, task),
    });
    this.collection = new Collection({ emit, tasks, recorder, settings: options.collection });
    this.contact = new Contact({
      emit,
      cutOff: (at, task) =>
        kills.ask(at, task, { reason: "cut-off", message: "the agent could not reach the cluster" }),
    });
    this.drain = new Drain({ tasks, kills, recorder, news: this.news });
    const offers = this.offers;
    const refusals = this.refusals;
    this.registration = new Registration({
      emit,
      offers,
      refusals,
      cut: (_, then) => this.cut(then),
      recorded: (at, then) => this.recorder.after(at, then),
      message: (at, report) => {
        const drain = this.drain.order(at);
        return { info: this.#info(), bootId, report, ...(drain && { drain }) };
      },
      report: () => ({
        agent,
        generation: offers.generation,
        epoch: offers.epoch,
        use: this.ledger.use(),
        ...offers.window(),
        ...(this.undecoded > 0 && { undecoded: this.undecoded }),
      }),
    });
    this.recovery = new Recovery({
      emit,
      tasks,
      kills,
      orderOf,
      hostBoot: options.hostBoot,
      done: (at) => {
        this.#isRecovered = true;
        this.#join(at);
      },
    });
    this.identity = new Identity({
      agent,
      bootId,
      emit,
      settled: (at) => {
        this.#isSettled = true;
        this.#join(at);
      },
    });
    this.accepts = new Accepts({
      agent,
      emit,
      grounds: () => this.#grounds(),
      offers,
      ledger: this.ledger,
      refusals,
      tasks,
      recorder,
    });
    this.orders = new Orders({
      emit,
      offers,
      refusals,
      tasks,
      kills,
      recorder,
      drain: this.drain,
      report: () => this.registration.report(),
      heard: (at, epoch) => this.hear(at, epoch, 0),
      renew: (at) => this.registration.renew(at),
    });
    this.queries = new Queries({ agent, host, emit, offers, tasks, services: this.services, recorder });
    this.reading = new Reading({ emit, tasks });
    this.stopping = new Stopping({
      emit,
      tasks,
      kills,
      recorder,
      updates: this.updates,
      collection: this.collection,
    });
  }

  /** A task has come or taken a step. */
  changed(at: Instant, task: Task): void {
    if (task.phase === "ended") {
      this.ledger.release(task.spec.id);
      this.reading.taskEnded(task);
      this.registration.changed(at);
    }
    this.kills.taskChanged(task);
    this.health.taskChanged(at, task);
    this.services.taskChanged(task);
    this.contact.taskChanged(at, task);
  }

  #stored(at: Instant, updates: readonly TaskUpdate[]): void {
    const numbers = updates.map(({ task, number }) => ({ task, number }));
    this.recorder.addLazily({ type: "stored", numbers });
    for (const { task: id, number } of numbers) {
      const task = this.tasks.get(id);
      if (task === undefined) continue;
      task.unstored = task.unstored.filter((update) => update.number > number);
      if (hasEnded(task) && task.unstored.length === 0) this.collection.finished(at, task);
    }
  }

  /** A leader speaks in this epoch. */
  hear(at: Instant, epoch: number, fraction: number, spreadMs?: number): void {
    if (this.offers.epochRefusal(epoch) !== undefined) return;
    const isNews = this.offers.hear(epoch);
    this.contact.reached(at, at.mono);
    this.registration.announced(at, isNews, fraction, spreadMs);
  }

  /** Begins a generation: all offers of before are void, and what was refused may be forgotten. `then`: when it is in the journal. */
  cut(then: (at: Instant) => void): void {
    const generation = this.offers.cut();
    this.refusals.forgetAll();
    const { epoch } = this.offers;
    this.recorder.add({ type: "cut", generation, epoch, hostBoot: this.#options.hostBoot }, then);
  }

  /** Into the cluster, when our tasks are found and nobody else has our id. */
  #join(at: Instant): void {
    if (!this.#isRecovered || !this.#isSettled) return;
    const { id, host } = this.#options.info;
    const live = [...this.tasks.all()].filter((task) => !hasEnded(task)).length;
    this.news.agent(at, "started", `agent ${id} on ${host} is up; ${live} of its tasks ran on`, { live });
    this.registration.begin(at);
  }

  #grounds(): Grounds {
    const { info, allowance } = this.#options;
    return {
      agent: info.id,
      host: info.host,
      executors: this.executors.all,
      warnings: this.executors.warnings,
      free: this.ledger.free,
      allowance,
      offers: this.offers,
      ownerOf: (task) => this.tasks.get(task)?.framework,
      refusalOf: (framework, task) => this.refusals.get(framework, task),
      isStopping: this.stopping.isStopping,
      isDraining: this.drain.isDraining,
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
    return {
      ...this.#options.info,
      totals: this.ledger.totals,
      executors: [...this.executors.all],
      warnings: [...this.executors.warnings, ...this.foreignPorts.warnings()],
    };
  }

  #snapshot(): JournalRecord[] {
    const { generation, epoch } = this.offers;
    const { hostBoot } = this.#options;
    const drain = this.drain.record;
    return [
      { type: "cut", generation, epoch, hostBoot },
      ...(drain === undefined ? [] : [drain]),
      ...[...this.tasks.all()].map(taskRecord),
    ];
  }
}
