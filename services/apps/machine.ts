import { unreachable } from "#libs/core/assert.js";
import type { Instant } from "#libs/core/time.js";
import type { FrameworkEvent } from "#libs/framework/events.js";
import { FrameworkMachine } from "#libs/framework/machine.js";
import { Outbox } from "#libs/framework/outbox.js";
import type { Scheduler } from "#libs/framework/scheduler.js";
import type { ServiceTerm } from "#libs/framework/service.js";
import type { Machine, Tick } from "#libs/machine/machine.js";
import type { Need } from "#protocol/framework.js";
import { AppsApi } from "./api.js";
import { Apps } from "./apps.js";
import type { AppsEffect, AppsEvent } from "./events.js";
import { Launcher } from "./launcher.js";
import { loadedFrom } from "./record.js";

/**
 * One term of `apps`: keeps as many instances of each app running as asked. It is a framework like any other: it hands
 * everything that concerns the cluster to a `FrameworkMachine`, whose scheduler it is.
 *
 * Boundary: what an app is to be comes from the API and is stored here; what runs comes from the framework's tasks, each of
 * which carries its app; nothing else is remembered. Invariants: A (managed-app.ts), S (apps.ts).
 */
export class AppsMachine implements Machine<AppsEvent, AppsEffect> {
  readonly #outbox = new Outbox({ kind: "app", by: "apps" });
  readonly #apps: Apps;
  readonly #api: AppsApi;
  readonly #launcher = new Launcher();
  readonly #framework: FrameworkMachine;
  #hasBegun = false;
  #needs: { readonly version: number; readonly needs: readonly Need[] } = { version: -1, needs: [] };

  constructor({ framework, epoch, loaded }: Pick<ServiceTerm, "framework" | "epoch" | "loaded">) {
    const stored = loadedFrom(loaded);
    this.#apps = new Apps(stored, framework.bucket, this.#outbox);
    this.#framework = new FrameworkMachine(framework, this.#scheduler());
    this.#api = new AppsApi({
      apps: this.#apps,
      outbox: this.#outbox,
      framework: framework.id,
      epoch,
      hindered: () => this.#framework.waiting(),
      seen: (at) => this.#launcher.seen(at),
    });
    if (stored.unreadable.length > 0)
      this.#outbox.say("records in the bucket cannot be read; they are left alone", {
        keys: stored.unreadable,
      });
  }

  handle(at: Instant, event: AppsEvent | Tick): readonly AppsEffect[] {
    switch (event.type) {
      case "framework":
        this.#forward(at, event.event);
        break;
      case "tick":
        this.#forward(at, event);
        break;
      case "stored":
        this.#outbox.stored(at, event.write);
        this.#forward(at, { type: "woken" });
        break;
      case "called":
        this.#plan(at);
        this.#api.called(at, event);
        break;
      default:
        unreachable(event);
    }
    this.#plan(at);
    return this.#outbox.take();
  }

  nextDeadline(): number {
    return this.#framework.nextDeadline();
  }

  #forward(at: Instant, event: FrameworkEvent | Tick): void {
    this.#outbox.framework(this.#framework.handle(at, event));
  }

  /** What the FrameworkMachine asks of us. */
  #scheduler(): Scheduler {
    const apps = this.#apps;
    return {
      needs: (at) => {
        this.#begin(at);
        this.#plan(at);
        const { needsVersion: version } = apps;
        if (this.#needs.version !== version)
          this.#needs = { version, needs: this.#launcher.needs(apps.wanting) };
        return this.#needs.needs;
      },
      place: (at, offers, ids) => {
        this.#plan(at);
        return this.#launcher.place(at, offers, apps.wanting, ids);
      },
      kills: (at) => {
        this.#begin(at);
        this.#plan(at);
        return apps.kills();
      },
      taskChanged: (at, task) => apps.taskChanged(at, task),
      nextDeadline: () => apps.nextDeadline(),
    };
  }

  /** The FrameworkMachine asks first when it has told of every stored task: before, an app would seem to have none. */
  #begin(at: Instant): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    this.#apps.begin(at);
  }

  #plan(at: Instant): void {
    if (this.#hasBegun) this.#apps.plan(at);
  }
}
