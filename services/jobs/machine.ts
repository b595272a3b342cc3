import { unreachable } from "#libs/core/assert.js";
import type { Instant } from "#libs/core/time.js";
import type { FrameworkEvent } from "#libs/framework/events.js";
import { FrameworkMachine } from "#libs/framework/machine.js";
import { Outbox } from "#libs/framework/outbox.js";
import type { Scheduler } from "#libs/framework/scheduler.js";
import type { ServiceTerm } from "#libs/framework/service.js";
import type { Machine, Tick } from "#libs/machine/machine.js";
import { JobsApi } from "./api.js";
import type { JobsEffect, JobsEvent } from "./events.js";
import { Jobs } from "./jobs.js";
import { loadedFrom } from "./record.js";

/**
 * One term of `jobs`: carries out each run of a job to its end, one attempt after the other. It is a framework like any other:
 * it hands everything that concerns the cluster to a `FrameworkMachine`, whose scheduler it is.
 *
 * Boundary: jobs and runs come from the API and are stored here; what runs comes from the framework's tasks, each of which
 * carries its job and run. Invariants: J (managed-run.ts), K (jobs.ts).
 */
export class JobsMachine implements Machine<JobsEvent, JobsEffect> {
  readonly #outbox = new Outbox({ kind: "job", by: "jobs" });
  readonly #jobs: Jobs;
  readonly #api: JobsApi;
  readonly #framework: FrameworkMachine;
  #hasBegun = false;

  constructor({ framework, epoch, loaded }: Pick<ServiceTerm, "framework" | "epoch" | "loaded">) {
    const stored = loadedFrom(loaded);
    this.#jobs = new Jobs(stored, framework.bucket, this.#outbox);
    this.#framework = new FrameworkMachine(framework, this.#scheduler());
    this.#api = new JobsApi({
      jobs: this.#jobs,
      outbox: this.#outbox,
      framework: framework.id,
      epoch,
      hindered: () => this.#framework.waiting(),
    });
    if (stored.unreadable.length > 0)
      this.#outbox.say("records in the bucket cannot be read; they are left alone", {
        keys: stored.unreadable,
      });
  }

  handle(at: Instant, event: JobsEvent | Tick): readonly JobsEffect[] {
    this.#jobs.load(at);
    switch (event.type) {
      case "framework":
        this.#forward(at, event.event);
        break;
      case "tick":
        if (this.#hasBegun) this.#jobs.due(at);
        this.#forward(at, event);
        break;
      case "stored": {
        this.#outbox.stored(at, event.write);
        const tasks = this.#jobs.takeReleased();
        this.#forward(at, tasks.length > 0 ? { type: "released", tasks } : { type: "woken" });
        break;
      }
      case "called":
        this.#api.called(at, event);
        break;
      default:
        unreachable(event);
    }
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
    const jobs = this.#jobs;
    return {
      needs: (at) => {
        this.#begin(at);
        return jobs.lines.needs();
      },
      place: (_at, offers, ids) => jobs.place(offers, ids),
      kills: (at) => {
        this.#begin(at);
        return jobs.kills();
      },
      taskChanged: (at, task) => jobs.taskChanged(at, task),
      nextDeadline: () => jobs.nextDeadline(),
    };
  }

  /** The FrameworkMachine asks first when it has told of every stored task: before, a run would seem to have none. */
  #begin(at: Instant): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    this.#jobs.begin(at);
  }
}
