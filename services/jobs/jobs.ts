import type { JobDefinition } from "#protocol/job.js";
import { DueTimes } from "#libs/core/due-times.js";
import type { Instant } from "#libs/core/time.js";
import type { Held } from "#libs/framework/events.js";
import { Graves } from "#libs/framework/graves.js";
import type { Outbox } from "#libs/framework/outbox.js";
import {
  type FrameworkTask,
  isLast,
  type KillOrder,
  type Launch,
  type TaskIds,
} from "#libs/framework/scheduler.js";
import type { Offer } from "#protocol/offer.js";
import { Lines } from "./lines.js";
import { ManagedJob } from "./managed-job.js";
import { ManagedRun } from "./managed-run.js";
import { jobKey, type Loaded, runKey, type TaskData, taskDataOf } from "./record.js";
import { adoptedRun, fateOf, takenOver } from "./taking-over.js";
import { taskSpec } from "./task-spec.js";

/**
 * All jobs and their runs, and what their tasks do to them. Work is in proportion to what an event concerns, never to all runs.
 *
 * - K1 What a run has become is stored before the update that made it so is acknowledged, and before the next attempt.
 * - K2 A job goes in this order: its tombstone is stored, with the tasks it has; its records go; its tasks end; the tombstone goes.
 * - K3 A task is ended only on a stored record: its run has ended, or made another attempt, or was forgotten, or its job deleted.
 */
export class Jobs {
  readonly all = new Map<string, ManagedJob>();
  readonly lines = new Lines();
  readonly #bucket: string;
  readonly #outbox: Outbox;
  readonly #graves: Graves;
  readonly #due = new DueTimes<ManagedRun>();
  /** Live tasks only. */
  readonly #runOf = new Map<string, ManagedRun>();
  readonly #condemned = new Map<string, KillOrder>();
  #kills: readonly KillOrder[] | undefined;
  /** Of jobs that are being deleted. */
  readonly #going = new Set<string>();
  #released: Held[] = [];
  #loaded: Loaded | undefined;
  #isLossSaid = false;

  /** `bucket`: its identity. */
  constructor(loaded: Loaded, bucket: string, outbox: Outbox) {
    this.#bucket = bucket;
    this.#outbox = outbox;
    this.#graves = new Graves(loaded.tombstones, outbox);
    this.#loaded = loaded;
  }

  /** First of all. */
  load(at: Instant): void {
    if (this.#loaded === undefined) return;
    const { jobs, forgotten, leftOver, jobless } = takenOver(this.#loaded, at);
    this.#loaded = undefined;
    for (const job of jobs.values()) this.add(job);
    for (const { job, run } of forgotten) this.#outbox.remove(runKey(job.id, run), () => job.removed(run));
    for (const run of jobless) this.#outbox.say("a run without its job is left alone", run);
    for (const [id, keys] of leftOver) this.#removeAll(id, keys);
  }

  /** Every stored task has been told of. */
  begin(at: Instant): void {
    this.#graves.begin();
    for (const job of this.all.values())
      for (const run of job.active.values()) {
        run.begin();
        if (run.isEnding && run.stop(at)) this.#save(run);
        this.#refresh(at, run);
      }
  }

  // --- what callers want ---

  isGoing = (id: string): boolean => this.#going.has(id);

  /** Later than its last deletion, so that the two can be told apart. */
  creationTime = (id: string, wall: number): number => Math.max(wall, (this.#graves.deletedAt(id) ?? -1) + 1);

  add(job: ManagedJob): void {
    this.all.set(job.id, job);
  }

  /** Stores a new run, then has it wait for offers, then calls `done`. */
  start(job: ManagedJob, run: ManagedRun, done: (at: Instant) => void): void {
    job.add(run);
    this.#save(run, (at) => {
      done(at);
      run.begin();
    });
  }

  /** Stores that the run is to stop, then stops it, then calls `done`. */
  stop(run: ManagedRun, done: (at: Instant) => void): void {
    run.askToStop();
    this.#save(run, (at) => {
      if (!run.hasEnded && run.stop(at)) this.#save(run);
      done(at);
    });
  }

  remove(at: Instant, job: ManagedJob, done: (at: Instant) => void): void {
    const { id } = job;
    const runs = [...job.runs()];
    this.all.delete(id);
    this.#going.add(id);
    const tasks = runs.flatMap((run) => [...run.tasks]);
    for (const run of runs) {
      this.lines.leave(run);
      this.#due.delete(run);
      for (const task of run.tasks) this.#forgetTask(task, run);
    }
    const keys = [jobKey(id), ...runs.map((run) => runKey(id, run.id))];
    const tombstone = { id, at: Math.max(at.wall, job.createdAt), tasks };
    const stored = (then: Instant) => {
      this.#kills = undefined;
      this.#removeAll(id, keys);
      done(then);
    };
    this.#graves.bury(tombstone, { isKept: true, stored });
  }

  /** The tombstone is stored: now the records go, and with the last of them what is going is gone. */
  #removeAll(id: string, keys: readonly string[]): void {
    const gone = () => {
      this.#going.delete(id);
      this.#graves.letGo(id);
    };
    if (keys.length === 0) return gone();
    this.#going.add(id);
    let left = keys.length;
    const removed = () => {
      if (--left === 0) gone();
    };
    for (const key of keys) this.#outbox.remove(key, removed);
  }

  // --- what tasks do ---

  taskChanged(at: Instant, task: FrameworkTask): "hold" | undefined {
    const { id } = task.spec;
    if (this.#graves.has(id)) {
      if (isLast(task.phase)) this.#graves.ended(id);
      this.#kills = undefined;
      return undefined;
    }
    const run = this.#runOf.get(id) ?? this.#ownerOf(at, task);
    if (run === undefined) return undefined;
    if (isLast(task.phase)) this.#forgetTask(id, run);
    else {
      this.#runOf.set(id, run);
      run.tasks.add(id);
    }
    return run.owns(task) ? this.#ownChanged(at, run, task) : this.#otherChanged(at, run, task);
  }

  #ownChanged(at: Instant, run: ManagedRun, task: FrameworkTask): "hold" | undefined {
    const former = run.task;
    if (former !== undefined && former.spec.id !== task.spec.id) this.#condemn(former.spec.id);
    const mustStore = run.taskChanged(at, task);
    if (mustStore) {
      if (!run.hasEnded) this.#attemptFailed(at, run);
      this.#save(run, () => this.#released.push({ task: task.spec.id, change: task.change }));
    }
    this.#refresh(at, run);
    return mustStore ? "hold" : undefined;
  }

  /** A task of a run that is not its present attempt: to be ended, unless it did the work after all. */
  #otherChanged(at: Instant, run: ManagedRun, task: FrameworkTask): "hold" | undefined {
    const { id } = task.spec;
    if (!isLast(task.phase)) {
      this.#condemn(id);
      return undefined;
    }
    if (task.phase !== "finished" || run.hasEnded || run.isEnding) return undefined;
    run.succeedWith(at, task);
    this.#save(run, () => this.#released.push({ task: id, change: task.change }));
    this.#refresh(at, run);
    return "hold";
  }

  /** Tasks whose holds are stored by now, once. */
  takeReleased(): readonly Held[] {
    const released = this.#released;
    this.#released = [];
    return released;
  }

  /** What shall end. The same array until it changes. */
  kills(): readonly KillOrder[] {
    this.#kills ??= [...this.#condemned.values(), ...this.#graves.kills()];
    return this.#kills;
  }

  place(offers: readonly Offer[], ids: TaskIds): Launch[] {
    return this.lines.place(offers, (run) => {
      const { definition, createdAt } = this.all.get(run.job)!;
      const { id, key, spec } = run;
      const data: TaskData = {
        job: { ...definition, run: spec },
        jobCreatedAt: createdAt,
        run: { id, createdAt: run.run.createdAt, ...(key !== undefined && { key }) },
      };
      const { attempts, earlierAttempts = 0 } = run.run;
      const attempt = attempts.length + earlierAttempts + 1;
      return taskSpec(spec, data, { id: ids.next(`${run.job}.${run.id}`.slice(-96)), attempt });
    });
  }

  nextDeadline(): number {
    return this.#due.earliest();
  }

  /** Deadlines that have come. */
  due(at: Instant): void {
    for (const run of this.#due.take(at.mono)) {
      const task = run.task?.spec.id;
      const what = run.due(at);
      if (what === "givenUp" || what === "ended") {
        if (task !== undefined) this.#condemn(task);
        this.#save(run);
      }
      this.#refresh(at, run);
    }
  }

  /** Where the run stands now: in line, under a deadline, to be ended, or over. */
  #refresh(at: Instant, run: ManagedRun): void {
    const job = this.all.get(run.job);
    if (job?.run(run.id) !== run) return;
    if (run.isWaiting(at.mono)) this.lines.join(run);
    else this.lines.leave(run);
    if (run.task !== undefined && (run.isEnding || run.hasEnded)) this.#condemn(run.task.spec.id);
    this.#due.set(run, run.nextDeadline(at.mono));
    if (run.hasEnded && job.active.has(run.id)) this.#ended(at, job, run);
  }

  #ended(at: Instant, job: ManagedJob, run: ManagedRun): void {
    job.ended(run);
    const { status, reason, createdAt, attempts, earlierAttempts = 0 } = run.run;
    const last = attempts.at(-1);
    this.#outbox.announce(at, {
      type: status === "SUCCESS" ? "run-finished" : "run-failed",
      about: job.id,
      message: `run ${run.id} ${status === "SUCCESS" ? "succeeded" : `failed: ${reason}`}`,
      details: {
        run: run.id,
        attempts: attempts.length + earlierAttempts,
        ms: at.wall - createdAt,
        ...(last !== undefined && { task: last.task, host: last.host }),
        ...(last?.exitCode !== undefined && { exitCode: last.exitCode }),
      },
    });
    const forgotten = job.forget();
    if (forgotten.length === 0) return;
    this.#outbox.store(jobKey(job.id), job.record, () => {
      for (const { id } of forgotten) this.#outbox.remove(runKey(job.id, id), () => job.removed(id));
    });
  }

  #attemptFailed(at: Instant, run: ManagedRun): void {
    const last = run.run.attempts.at(-1);
    this.#outbox.announce(at, {
      type: "attempt-failed",
      about: run.job,
      message: `run ${run.id}: ${last?.task} on ${last?.host} ${last?.state}: ${last?.message ?? "no words"}; another attempt follows`,
      details: { run: run.id, ...last, ...(run.run.retryAt !== undefined && { retryAt: run.run.retryAt }) },
    });
  }

  #save(run: ManagedRun, then?: (at: Instant) => void): void {
    run.writes++;
    this.#outbox.store(runKey(run.job, run.id), run.record, (at) => {
      run.writes--;
      then?.(at);
      this.#refresh(at, run);
    });
  }

  // --- whose a task is ---

  /** Undefined: nobody's that is known, and it is to be left alone, or has been condemned. */
  #ownerOf(at: Instant, task: FrameworkTask): ManagedRun | undefined {
    const { id, data: text } = task.spec;
    const data = taskDataOf(text);
    if (data === undefined) {
      this.#outbox.say("a task does not say which run it belongs to; it is left alone", { task: id });
      return undefined;
    }
    const job = this.all.get(data.job.id);
    const run = job?.run(data.run.id);
    if (run !== undefined) return run;
    const fate = fateOf(task, { job, run: data.run.id, bucket: this.#bucket });
    if (fate === "adopt") return this.#adopt(at, data);
    if (fate === "end") this.#condemn(id);
    return undefined;
  }

  #adopt(at: Instant, data: TaskData): ManagedRun {
    const job = this.all.get(data.job.id) ?? this.#adoptJob(data.job, data.jobCreatedAt);
    const run = new ManagedRun(adoptedRun(data), at);
    job.add(run);
    this.#save(run);
    if (!this.#isLossSaid) {
      this.#isLossSaid = true;
      this.#outbox.say(storeLost, {});
      this.#outbox.announce(at, { type: "store-lost", about: "jobs", message: storeLost });
    }
    this.#outbox.announce(at, {
      type: "adopted",
      about: job.id,
      message: `run ${run.id} was not in the store: it is what its task says`,
      details: { run: run.id },
    });
    return run;
  }

  #adoptJob(definition: JobDefinition, createdAt: number): ManagedJob {
    const job = new ManagedJob({ definition, createdAt });
    this.all.set(job.id, job);
    this.#outbox.store(jobKey(job.id), job.record);
    return job;
  }

  #condemn(task: string): void {
    if (this.#condemned.has(task)) return;
    this.#condemned.set(task, { task });
    this.#kills = undefined;
  }

  #forgetTask(task: string, run: ManagedRun): void {
    this.#runOf.delete(task);
    run.tasks.delete(task);
    if (this.#condemned.delete(task)) this.#kills = undefined;
  }
}

/** Said once a term, with the first run that shows it. */
const storeLost =
  "the store of jobs was lost: jobs and runs are made anew from the tasks that run; what no task tells is to be asked for again: " +
  "jobs without a running task, runs that waited; runs that had ended and their results are gone, the attempts of those that run " +
  "are counted anew, and jobs that were being deleted are back";
