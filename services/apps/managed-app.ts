import type { App } from "#protocol/app.js";
import type { Attributes } from "#protocol/resources.js";
import { type Instant, never } from "#libs/core/time.js";
import { endText, type FrameworkTask, isLast } from "#libs/framework/scheduler.js";
import {
  afterEnd,
  afterStart,
  type BackingOff,
  endOf,
  forgivenAt,
  notBackingOff,
  provenAt,
  resumed,
} from "./backing-off.js";
import { Counted } from "./counting.js";
import { givenUpAt, type Instance, instanceOf } from "./instance.js";
import { type Plan, planFor } from "./plan.js";
import type { AppRecord, Deployment, LastFailure, TaskData } from "./record.js";
import { type Shape, shapeOf } from "./shape.js";

/**
 * One app: what is asked of it, what is there, and the plan that leads from one to the other.
 *
 * - A1 An instance that was asked to end once stays condemned, whatever becomes of the others: a plan that is made anew
 *   before the agent has answered condemns nobody in its place.
 * - A2 Backing off belongs to a configuration: another one starts anew, a change of `instances` does not.
 */
export class ManagedApp {
  app: App;
  deployment: Deployment | undefined;
  lastFailure: LastFailure | undefined;
  backingOff: BackingOff = notBackingOff;
  shape: Shape;
  readonly instances = new Map<string, Instance>();
  readonly #condemned = new Set<string>();
  plan: Plan | undefined;
  /** Monotonic ms until when what runs is on trial, for others of it have failed; undefined when it is not. */
  provenAt: number | undefined;
  /** Monotonic ms since when instances are to be launched. */
  wantingSince: number | undefined;
  /** How many offers of its kind are asked for. */
  asked = 0;
  /** Why the last offers were no good. */
  refusals: readonly string[] = [];
  /** It was made from what its tasks carry, in this term. */
  readonly isAdopted: boolean;
  readonly #failuresBefore: number;

  constructor({ app, deployment, lastFailure, failures }: AppRecord, { isAdopted = false } = {}) {
    this.#failuresBefore = failures;
    this.app = app;
    this.deployment = deployment;
    this.lastFailure = lastFailure;
    this.shape = shapeOf(app.definition);
    this.isAdopted = isAdopted;
  }

  get id(): string {
    return this.app.definition.id;
  }

  get isDeleted(): boolean {
    return this.app.deletedAt !== undefined;
  }

  /** How many there shall be. */
  get wanted(): number {
    return this.isDeleted ? 0 : this.app.definition.instances;
  }

  get replaceAfterMs(): number {
    return this.app.definition.replaceAfterSeconds * 1000;
  }

  get isSettled(): boolean {
    return this.plan?.settled === true && this.provenAt === undefined && !this.isDeleted;
  }

  /** Instances of the present configuration that are to stay where they are, as the rules on counts see them. `seen`: agents that could be had lately. */
  counted(seen: readonly Attributes[]): Counted {
    const { instances, app } = this;
    const present = [...instances.values()].filter(
      ({ configVersion, isLeaving }) => configVersion === app.configVersion && !isLeaving,
    );
    const placed = present.map(({ attributes }) => attributes);
    return new Counted({ instances: app.definition.instances, placed, seen });
  }

  /** How it is stored when it is to be this, by that deployment. */
  record(app: App, deployment: Deployment | undefined): AppRecord {
    return {
      app,
      failures: app.configVersion === this.app.configVersion ? this.backingOff.failures : 0,
      ...(deployment !== undefined && { deployment }),
      ...(this.lastFailure !== undefined && { lastFailure: this.lastFailure }),
    };
  }

  /** Taken over from the store: it goes on backing off. */
  resume(at: Instant): void {
    const lastFailureAt = this.lastFailure?.at ?? at.wall;
    this.backingOff = resumed(this.#failuresBefore, lastFailureAt, this.app.definition, at);
  }

  change(app: App, deployment: Deployment): void {
    if (app.configVersion !== this.app.configVersion) {
      this.backingOff = notBackingOff;
      this.shape = shapeOf(app.definition);
      this.refusals = [];
    }
    this.app = app;
    this.deployment = deployment;
  }

  /** What its end, if it has ended, says about the app. */
  taskChanged(at: Instant, task: FrameworkTask, data: TaskData): "failed" | undefined {
    const { id } = task.spec;
    if (!isLast(task.phase)) {
      this.instances.set(id, instanceOf(task, data, this.#condemned.has(id)));
      if (task.phase === "running" && data.app.configVersion === this.app.configVersion)
        this.backingOff = afterStart(this.backingOff);
      return undefined;
    }
    this.instances.delete(id);
    this.#condemned.delete(id);
    if (data.app.configVersion !== this.app.configVersion || this.isDeleted) return undefined;
    return this.#ended(at, task);
  }

  #ended(at: Instant, task: FrameworkTask): "failed" | undefined {
    const times = this.app.definition;
    this.forgive(at);
    const end = endOf(task, times, this.backingOff);
    this.backingOff = afterEnd(this.backingOff, end, times, at.mono);
    if (end === "blameless") return undefined;
    this.lastFailure = {
      task: task.spec.id,
      state: task.phase,
      message: endText(task),
      host: task.host,
      at: task.latest?.at ?? at.wall,
    };
    return "failed";
  }

  /** True when its failures are forgotten from now on, which is to be stored. */
  forgive(at: Instant): boolean {
    if (at.mono < this.#forgivenAt()) return false;
    this.backingOff = notBackingOff;
    return true;
  }

  #forgivenAt(): number {
    return forgivenAt(this.backingOff, this.instances.values(), this.app.definition);
  }

  /** Makes the plan; returns the instances that it condemns. */
  makePlan({ mono }: Instant): readonly Instance[] {
    const proven = provenAt(this.backingOff, this.instances.values());
    this.provenAt = proven > mono ? proven : undefined;
    this.plan = planFor(
      {
        wanted: this.wanted,
        isDeleted: this.isDeleted,
        configVersion: this.app.configVersion,
        replaceAfterMs: this.replaceAfterMs,
        groups: this.shape.groups,
        instances: [...this.instances.values()],
      },
      mono,
    );
    for (const instance of this.plan.kill) {
      this.#condemned.add(instance.id);
      this.instances.set(instance.id, { ...instance, isEnding: true });
    }
    return this.plan.kill;
  }

  /** Nothing is left of it but what nobody can reach. */
  isSpent(now: number): boolean {
    for (const instance of this.instances.values())
      if (givenUpAt(instance, this.replaceAfterMs) > now) return false;
    return true;
  }

  /** Makes up its mind about offers; true when it asks for others than before. */
  askFor(now: number): boolean {
    const launch = this.plan?.launch ?? 0;
    if (launch > 0) this.wantingSince ??= now;
    else {
      this.wantingSince = undefined;
      this.refusals = [];
    }
    const launchable = this.launchable(now);
    const asked = launchable === 0 ? 0 : launchable + this.#choiceWanted();
    const isOther = asked !== this.asked;
    this.asked = asked;
    return isOther;
  }

  /**
   * Beyond what is to be launched, so many offers more: so that one instance more finds an agent where none of the app is
   * yet, even if the first agents that are offered have one.
   */
  #choiceWanted(): number {
    if (this.app.definition.placement !== "spread" || this.shape.counting.length > 0) return 20;
    return Math.min(20, new Set(Array.from(this.instances.values(), ({ agent }) => agent)).size);
  }

  /** How many may be launched now. */
  launchable(now: number): number {
    return this.backingOff.until > now ? 0 : (this.plan?.launch ?? 0);
  }

  /** Monotonic ms at which the plan, what may be launched, is forgiven or settled can change without an event. */
  nextDeadline({ mono }: Instant): number {
    const { launch = 0, nextAt = never } = this.plan ?? {};
    const waitsForDelay = launch > 0 && this.backingOff.until > mono;
    const startAt = waitsForDelay ? this.backingOff.until : never;
    return Math.min(nextAt, startAt, this.#forgivenAt(), this.provenAt ?? never);
  }
}
