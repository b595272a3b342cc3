import type { App } from "#protocol/app.js";
import { DueTimes } from "#libs/core/due-times.js";
import type { Instant } from "#libs/core/time.js";
import { Graves } from "#libs/framework/graves.js";
import type { Outbox } from "#libs/framework/outbox.js";
import { type FrameworkTask, isLast, type KillOrder } from "#libs/framework/scheduler.js";
import { ManagedApp } from "./managed-app.js";
import { appKey, type Deployment, type Loaded, taskDataOf } from "./record.js";
import { ServiceOwners } from "./service-owners.js";
import { Versions } from "./versions.js";
import { countText, secondsText } from "#libs/core/words.js";

/** What an app is to be, and by which deployment. */
interface Intent {
  readonly app: App;
  readonly deployment: Deployment | undefined;
}

/**
 * All apps, and what their tasks do to them. Work is in proportion to the app that an event concerns, never to all of them.
 *
 * - S1 An app is planned anew after anything of it has changed and when its deadline comes, before anybody looks at it.
 * - S2 A change counts when it is stored, not before; what is only noted (failures, the end of a deployment) is stored after.
 * - S3 A record goes when its app is deleted and no task of it is left; tasks that nobody can reach are buried first.
 */
export class Apps {
  readonly all = new Map<string, ManagedApp>();
  /** Those that lack instances. */
  readonly wanting = new Set<ManagedApp>();
  readonly owners = new ServiceOwners();
  readonly versions = new Versions();
  /** Counts up whenever needs may be others. */
  needsVersion = 0;
  readonly #bucket: string;
  readonly #outbox: Outbox;
  readonly #graves: Graves;
  readonly #changed = new Set<ManagedApp>();
  readonly #due = new DueTimes<ManagedApp>();
  readonly #condemned = new Map<string, KillOrder>();
  #kills: readonly KillOrder[] | undefined;
  /** Changes that are being stored: the next one builds upon them. */
  readonly #intended = new Map<string, Intent>();
  /** What waits for each of them to be stored. */
  readonly #afterIntent = new Map<Intent, ((at: Instant) => void)[]>();
  /** Apps of which a note is being stored, and whether there is more to note by now. */
  readonly #noting = new Map<string, { again: boolean }>();
  #isLossSaid = false;

  /** `bucket`: its identity. */
  constructor({ records, tombstones }: Loaded, bucket: string, outbox: Outbox) {
    this.#bucket = bucket;
    this.#outbox = outbox;
    this.#graves = new Graves(tombstones, outbox);
    for (const { id } of tombstones) this.#graves.letGo(id);
    for (const record of records) this.#add(new ManagedApp(record));
  }

  /** Every task that is stored has been told of. */
  begin(at: Instant): void {
    this.#graves.begin();
    for (const app of this.all.values()) {
      app.resume(at);
      this.#changed.add(app);
    }
  }

  /** The app as the latest request wants it, though it may not be stored yet. */
  intended(id: string): Intent | undefined {
    return this.#intended.get(id) ?? this.all.get(id);
  }

  /** Stores a change, then carries it out, then calls `done` (S2). */
  change(app: App, deployment: Deployment, done: (at: Instant) => void): void {
    const { id } = app.definition;
    const intent = { app, deployment };
    this.#intended.set(id, intent);
    const waiting: ((at: Instant) => void)[] = [done];
    this.#afterIntent.set(intent, waiting);
    this.owners.set(app.definition);
    this.#store(id, intent, (at) => {
      if (this.#intended.get(id) === intent) this.#intended.delete(id);
      this.#afterIntent.delete(intent);
      const managed = this.all.get(id) ?? this.#add(new ManagedApp({ app, deployment, failures: 0 }));
      managed.change(app, deployment);
      this.#changed.add(managed);
      this.needsVersion++;
      for (const then of waiting) then(at);
    });
  }

  /** Calls when the latest request is stored: at once unless it is being stored now (S2). */
  whenStored(at: Instant, id: string, then: (at: Instant) => void): void {
    const intent = this.#intended.get(id);
    const waiting = intent && this.#afterIntent.get(intent);
    if (waiting === undefined) then(at);
    else waiting.push(then);
  }

  taskChanged(at: Instant, task: FrameworkTask): void {
    const { id } = task.spec;
    const hasEnded = isLast(task.phase);
    if (this.#graves.has(id)) {
      if (!hasEnded) return;
      this.#graves.ended(id);
      this.#kills = undefined;
      return;
    }
    const data = taskDataOf(task.spec.data);
    if (data === undefined) {
      return this.#outbox.say("a task does not say which app it belongs to; it is left alone", { task: id });
    }
    const app = this.#ownerOf(at, data.app, task);
    if (app === undefined) return;
    const outcome = app.taskChanged(at, task, data);
    this.#changed.add(app);
    if (hasEnded && this.#condemned.delete(id)) this.#kills = undefined;
    if (outcome === "failed") this.#failed(at, app);
  }

  /** What shall end. The same array until it changes. */
  kills(): readonly KillOrder[] {
    this.#kills ??= [...this.#condemned.values(), ...this.#graves.kills()];
    return this.#kills;
  }

  nextDeadline(): number {
    return this.#due.earliest();
  }

  /** Plans what has changed or is due (S1). */
  plan(at: Instant): void {
    for (const app of this.#due.take(at.mono)) this.#changed.add(app);
    for (const app of this.#changed) if (this.all.get(app.id) === app) this.#planApp(at, app);
    this.#changed.clear();
  }

  #planApp(at: Instant, app: ManagedApp): void {
    // Before the plan, which looks at what has failed.
    if (app.forgive(at)) this.#note(app);
    for (const { id } of app.makePlan(at)) {
      this.#condemned.set(id, { task: id });
      this.#kills = undefined;
    }
    if (app.isDeleted && app.isSpent(at.mono)) return this.#letGo(at, app);
    if (app.askFor(at.mono)) this.needsVersion++;
    if (app.wantingSince === undefined) this.wanting.delete(app);
    else this.wanting.add(app);
    this.#due.set(app, app.nextDeadline(at));
    if (app.isSettled && app.deployment !== undefined) this.#deployed(at, app);
  }

  #add(app: ManagedApp): ManagedApp {
    this.all.set(app.id, app);
    this.owners.set(app.app.definition);
    this.versions.heard(app.app.version);
    return app;
  }

  /**
   * Undefined for the end of a task of an app that is not there: there is nothing left to be done. And for one of which its
   * agent has said nothing yet: its app may have been deleted when the task had ended, beside others of one launch. And for one of
   * our bucket: the record of its app went after its last task had ended (S3), and what we hear is an update from before.
   */
  #ownerOf(at: Instant, app: App, { phase, spec }: FrameworkTask): ManagedApp | undefined {
    const { id } = app.definition;
    const owner = this.all.get(id);
    if (owner === undefined) {
      const isNobodys = isLast(phase) || phase === "launching" || spec.bucket === this.#bucket;
      return isNobodys ? undefined : this.#adopt(at, app);
    }
    // Of several configurations among adopted tasks the newest is the app.
    if (owner.isAdopted && app.version > owner.app.version && !this.#intended.has(id)) {
      owner.change(app, adoption(app, at));
      this.#add(owner);
      this.#note(owner);
    }
    return owner;
  }

  /** Absence is not deletion: the bucket was lost, and the task says what it belongs to. */
  #adopt(at: Instant, app: App): ManagedApp {
    const record = { app, deployment: adoption(app, at), failures: 0 };
    const adopted = this.#add(new ManagedApp(record, { isAdopted: true }));
    this.#note(adopted);
    this.#sayLoss(at);
    this.#outbox.announce(at, {
      type: "adopted",
      about: adopted.id,
      message: `${adopted.id} was not in the store: it is what its tasks say, version ${app.version}`,
    });
    return adopted;
  }

  /** Once a term, with the first app that shows it. */
  #sayLoss(at: Instant): void {
    if (this.#isLossSaid) return;
    this.#isLossSaid = true;
    this.#outbox.say(storeLost, {});
    this.#outbox.announce(at, { type: "store-lost", about: "apps", message: storeLost });
  }

  #failed(at: Instant, app: ManagedApp): void {
    const { lastFailure, backingOff } = app;
    const delayMs = Math.max(0, backingOff.until - at.mono);
    const next = delayMs > 0 ? `; next launch in ${secondsText(delayMs)}` : "";
    this.#note(app);
    this.#outbox.announce(at, {
      type: "task-failed",
      about: app.id,
      message: `${lastFailure?.task} on ${lastFailure?.host}: ${lastFailure?.message}${next}`,
      details: { ...lastFailure, failures: backingOff.failures, delayMs },
    });
  }

  #deployed(at: Instant, app: ManagedApp): void {
    const { id, kind, since } = app.deployment!;
    app.deployment = undefined;
    this.#note(app);
    const instances = countText(app.wanted, "instance");
    this.#outbox.announce(at, {
      type: kind === "scale" ? "scaled" : "deployed",
      about: app.id,
      message: `${app.id} runs as asked: ${instances}, after ${secondsText(at.wall - since)}`,
      details: { deployment: id, version: app.app.version, instances: app.wanted },
    });
  }

  /** Nothing is left of it but what nobody can reach (S3). */
  #letGo(at: Instant, app: ManagedApp): void {
    const { id } = app;
    const left = [...app.instances.keys()];
    if (this.wanting.delete(app)) this.needsVersion++;
    this.#due.delete(app);
    this.all.delete(id);
    // Until the record is gone the app is still being deleted for whoever asks to change it.
    this.#intended.set(id, app);
    const removeRecord = () =>
      this.#outbox.remove(appKey(id), () => {
        this.#intended.delete(id);
        this.owners.delete(id);
      });
    const stored = () => {
      for (const task of left) this.#condemned.delete(task);
      this.#kills = undefined;
      removeRecord();
    };
    if (left.length > 0) this.#graves.bury({ id, at: at.wall, tasks: left }, { stored });
    else removeRecord();
    const buried =
      left.length === 0 ? "" : `; ${countText(left.length, "task")} on unreachable agents will end`;
    this.#outbox.announce(at, { type: "deleted", about: id, message: `${id} is gone${buried}` });
  }

  /** Stores the app as it is; while a note is under way what changes goes with the next, so that failures cannot pile up writes. */
  #note(app: ManagedApp): void {
    const { id } = app;
    const noting = this.#noting.get(id);
    if (noting !== undefined) {
      noting.again = true;
      return;
    }
    const present = { again: false };
    this.#noting.set(id, present);
    this.#store(id, this.#intended.get(id) ?? app, () => {
      this.#noting.delete(id);
      const managed = this.all.get(id);
      if (present.again && managed !== undefined) this.#note(managed);
    });
  }

  #store(id: string, { app, deployment }: Intent, then: (at: Instant) => void): void {
    const record = this.all.get(id)?.record(app, deployment) ?? {
      app,
      failures: 0,
      ...(deployment && { deployment }),
    };
    this.#outbox.store(appKey(id), record, then);
  }
}

const storeLost =
  "the store of apps was lost: apps are made anew from their tasks, as these were launched; what no task tells is to be asked for " +
  "again: apps without a running task (scaled to 0, waiting, backing off), changes and scalings that launched nothing; apps that were being deleted are back";

const adoption = (app: App, at: Instant): Deployment => ({
  id: `adopted-${app.version}`,
  version: app.version,
  kind: "update",
  since: at.wall,
});
