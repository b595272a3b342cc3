import { unreachable } from "#libs/core/assert.js";
import type { Instant } from "#libs/core/time.js";
import type { Machine, Tick } from "#libs/machine/machine.js";
import type { AgentEffect, AgentEvent } from "./events.js";
import { type AgentOptions, Parts } from "./parts.js";
import { recall } from "./recall.js";
import type { JournalRecord } from "./records.js";
import { hasEnded, type Task } from "./task.js";

/**
 * The host agent: the one who decides what runs on its host. It knows three worlds: the cluster (bus and streams), the host
 * (executors, sandboxes, registry) and its own memory (the journal). All three answer by events.
 *
 * This file only connects the parts; each rule stands in the part that keeps it:
 * R1 ledger · R2 offers · R3 admission, refusals · R4 task, tasks · R5 updates, collection · R6 offers · R8 recovery, stopping.
 */
export class Agent implements Machine<AgentEvent, AgentEffect> {
  readonly #options: AgentOptions;
  readonly #parts: Parts;
  #effects: AgentEffect[] = [];

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#parts = new Parts(options, (effect) => this.#emit(effect));
  }

  handle(at: Instant, event: AgentEvent | Tick): readonly AgentEffect[] {
    this.#effects = [];
    this.#take(at, event);
    return this.#effects;
  }

  settle(at: Instant): readonly AgentEffect[] {
    this.#effects = [];
    this.#parts.services.flush(at);
    this.#parts.recorder.flush(at);
    this.#parts.updates.flush();
    this.#parts.stopping.proceed(at);
    this.#parts.news.flush();
    return this.#effects;
  }

  nextDeadline(): number {
    return Math.min(
      this.#parts.executors.nextDeadline(),
      this.#parts.recorder.nextDeadline(),
      this.#parts.updates.nextDeadline(),
      this.#parts.kills.nextDeadline(),
      this.#parts.health.nextDeadline(),
      this.#parts.services.nextDeadline(),
      this.#parts.collection.nextDeadline(),
      this.#parts.contact.nextDeadline(),
      this.#parts.drain.nextDeadline(),
      this.#parts.registration.nextDeadline(),
      this.#parts.recovery.nextDeadline(),
      this.#parts.foreignPorts.nextDeadline(),
      this.#parts.identity.nextDeadline(),
      this.#parts.stopping.nextDeadline(),
    );
  }

  #take(at: Instant, event: AgentEvent | Tick): void {
    switch (event.type) {
      case "tick":
        return this.#tick(at);
      case "acceptAsked":
        return this.#accept(at, event);
      case "killAsked":
        this.#parts.orders.kill(at, event);
        return this.#parts.registration.renewIfCrowded(at);
      case "reconcileAsked":
        return this.#parts.queries.reconcile(at, event);
      case "rescindAsked":
        this.#parts.orders.rescind(at, event);
        return this.#parts.registration.changed(at);
      case "removeAsked":
        return this.#parts.orders.remove(at, event);
      case "drainAsked":
        return this.#parts.orders.drain(at, event);
      case "tasksAsked":
        return this.#parts.queries.query(at, event.reply, event.query);
      case "sandboxAsked":
        return this.#parts.reading.asked(at, event.reply, event.sender, event.request);
      case "whoAsked":
        return this.#parts.identity.asked(event.reply);
      case "loaded":
        return this.#load(at, event.records);
      case "written":
        return this.#parts.recorder.written(at);
      case "writeFailed":
        this.#note("error", "the journal takes no records; trying again", { cause: event.message });
        return this.#parts.recorder.writeFailed(at, event.message);
      case "recovered":
        return this.#parts.recovery.recovered(at, event.kind, event.found);
      case "recoverFailed":
        return this.#parts.recovery.failed(at, event.kind, event.message);
      case "sandboxesFound":
        return this.#parts.collection.found(event.tasks);
      case "connected":
        return this.#connect(at, event.fraction);
      case "disconnected":
        this.#parts.updates.disconnected();
        return this.#parts.registration.disconnected();
      case "leaderAnnounced":
        return this.#parts.hear(at, event.epoch, event.fraction, event.spreadMs);
      case "registered":
        this.#parts.contact.reached(at, at.mono);
        if (event.drain !== undefined) this.#parts.drain.ordered(at, event.drain);
        return this.#parts.registration.registered(at, event.attempt, event.epoch, event.reportIntervalMs);
      case "registrationRefused":
        this.#parts.contact.reached(at, at.mono);
        if (event.error.epoch !== undefined) this.#parts.offers.hear(event.error.epoch);
        return this.#parts.registration.refused(at, event.attempt, event.error);
      case "registrationFailed":
        return this.#parts.registration.failed(at, event.attempt, event.unseen);
      case "othersFound":
        return this.#parts.identity.found(at, event.others);
      case "batchStored":
        return this.#parts.updates.stored(at, event.framework, event.batch);
      case "batchFailed":
        this.#note("debug", "a batch of updates is not stored yet", {
          framework: event.framework,
          cause: event.failure,
        });
        return this.#parts.updates.failed(at, event.framework, event.batch);
      case "clusterReached":
        return this.#parts.contact.reached(at, event.sentAt);
      case "prepared":
        return this.#parts.tasks.prepared(at, event.task);
      case "prepareFailed":
      case "launchFailed":
        this.#parts.tasks.launchFailed(at, event.task, event.fault);
        if (event.fault.reason === "port-in-use") this.#parts.foreignPorts.met(at);
        return;
      case "launched":
        return this.#launched(at, event.task);
      case "exited":
        return this.#parts.tasks.exited(at, event);
      case "probed":
        return this.#parts.health.probed(at, event.task, event.probe, event.healthy, event.message);
      case "executorsDetected":
        return this.#parts.executors.detected(at, event);
      case "messageDropped":
        return void this.#parts.undecoded++;
      case "portsSeen":
        return this.#parts.foreignPorts.seen(at, event.taken);
      case "released":
        return this.#parts.collection.released(event.task);
      case "collected":
        return this.#parts.collection.collected(event.task);
      case "collectFailed":
        this.#note("warn", "a sandbox cannot be removed", { task: event.task, cause: event.message });
        return this.#parts.collection.failed(at, event.task);
      case "diskMeasured":
        return this.#parts.collection.measured(event.freeFraction);
      case "entriesListed":
        return this.#parts.services.listed(at, event.found);
      case "entriesUnknown":
        this.#note("warn", "the registry does not answer", { cause: event.message });
        return this.#parts.services.listFailed();
      case "entryDone":
        return this.#parts.services.done(at, event.id);
      case "entryFailed":
        this.#note("debug", "the registry did not take an entry", { id: event.id, cause: event.message });
        return this.#parts.services.failed(at, event.id);
      case "fileRead":
        return this.#parts.reading.fileRead(at, event.reply, event.file);
      case "directoryListed":
        return this.#parts.reading.listed(event.reply, event.entries);
      case "readingFailed":
        return this.#parts.reading.failed(event.reply, event.message);
      case "fileGrown":
        return this.#parts.reading.grown(event.reply);
      case "stopAsked":
        return this.#parts.stopping.ask(at, event.endTasks);
      default:
        return unreachable(event);
    }
  }

  #tick(at: Instant): void {
    this.#parts.updates.tick(at);
    this.#parts.kills.tick(at);
    this.#parts.health.tick(at);
    this.#parts.services.tick(at);
    this.#parts.collection.tick(at);
    this.#parts.contact.tick(at);
    this.#parts.drain.tick(at);
    this.#parts.registration.tick(at);
    this.#parts.recovery.tick(at);
    this.#parts.foreignPorts.tick(at);
    this.#parts.identity.tick(at);
    this.#parts.executors.tick(at);
  }

  /** The journal is read: what it has counts at once, whatever the executors will say. */
  #load(at: Instant, records: readonly JournalRecord[]): void {
    const memory = recall(records);
    this.#parts.recovery.loaded(memory);
    this.#parts.recorder.loaded(records.length);
    this.#parts.offers.restore(memory);
    for (const [framework, session] of memory.sessions) this.#parts.offers.sees(framework, session);
    this.#parts.executors.begin(at);
    this.#parts.identity.begin(at);
    this.#parts.contact.begin(at);
    this.#parts.services.begin(at);
    this.#parts.cut(() => this.#parts.updates.restore(memory.tasks.values()));
    for (const task of memory.tasks.values()) this.#restore(at, task);
    this.#parts.foreignPorts.begin(at, this.#options.takenPorts);
    if (memory.drain !== undefined) this.#parts.drain.restore(at, memory.drain);
    this.#emit({ type: "findSandboxes" });
    this.#parts.recovery.begin(at);
  }

  #restore(at: Instant, task: Task): void {
    const { framework, role, spec, unstored } = task;
    this.#parts.tasks.restore(task);
    if (hasEnded(task)) {
      if (unstored.length === 0) this.#parts.collection.finished(at, task);
      return;
    }
    this.#parts.ledger.restore(spec.id, { framework, role, resources: spec.resources });
    this.#parts.changed(at, task);
    if (task.killReason !== undefined)
      this.#parts.kills.ask(at, task, { reason: task.killReason, message: task.latest.message ?? "" });
  }

  #connect(at: Instant, fraction: number): void {
    this.#parts.identity.connected();
    this.#parts.updates.connected();
    this.#parts.registration.connected(at, fraction);
  }

  #accept(at: Instant, event: Extract<AgentEvent, { readonly type: "acceptAsked" }>): void {
    this.#parts.accepts.asked(at, event);
    this.#parts.orders.launched(event.framework);
    this.#parts.registration.changed(at);
    this.#parts.registration.renewIfCrowded(at);
  }

  #launched(at: Instant, id: string): void {
    this.#parts.tasks.launched(at, id);
    const task = this.#parts.tasks.get(id);
    if (task !== undefined) this.#parts.kills.reached(task);
  }

  #emit(effect: AgentEffect): void {
    this.#effects.push(effect);
  }

  #note(level: "debug" | "warn" | "error", message: string, fields: object): void {
    this.#emit({ type: "note", level, message, fields });
  }
}
