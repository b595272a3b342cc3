import { codec } from "#protocol/codec.js";
import { type Fault, type Refusal, refusal } from "#protocol/errors.js";
import { JobDefinition, type JobView, type jobsApi } from "#protocol/job.js";
import { fail, ok, type Result } from "#protocol/result.js";
import { unreachable } from "#libs/core/assert.js";
import type { Instant } from "#libs/core/time.js";
import { countText } from "#libs/core/words.js";
import type { Outbox } from "#libs/framework/outbox.js";
import type { Called } from "#libs/framework/service.js";
import type { Jobs } from "./jobs.js";
import { ManagedJob } from "./managed-job.js";
import { ManagedRun } from "./managed-run.js";
import { jobKey } from "./record.js";
import { runId } from "./run-id.js";
import { definitionFaults } from "./validation.js";
import { demandOf, jobView } from "./views.js";

export type JobsCall = Called<typeof jobsApi>;

export interface JobsApiOptions {
  readonly jobs: Jobs;
  readonly outbox: Outbox;
  /** Id of the framework. */
  readonly framework: string;
  /** Of our term: runs are numbered in it. */
  readonly epoch: number;
  /** Why nothing can be launched now, for people. */
  readonly hindered: () => readonly string[];
}

type ListRequest = Extract<JobsCall, { readonly call: "list" }>["request"];

type UpdateRequest = Extract<JobsCall, { readonly call: "update" }>["request"];

/** One answer holds so many runs of each kind, spread over its jobs. */
const runsInAnAnswer = 1000;

const exists = refusal("conflict", "Job with this id already exists");

const definitions = codec(JobDefinition);

function faultsOf(definition: JobDefinition): readonly Fault[] {
  const checked = definitions.check(definition);
  return checked.ok ? definitionFaults(definition) : checked.error.faults;
}

/** Answers the calls of `jobsApi`. What changes anything is answered when it is stored. */
export class JobsApi {
  readonly #options: JobsApiOptions;
  /** Jobs that are being stored, and who was refused for them: he is told when there is such a job. */
  readonly #creating = new Map<string, number[]>();
  /** Runs that are being stored, and who asked for the same ones meanwhile. */
  readonly #starting = new Map<ManagedRun, number[]>();
  /** Jobs whose removal is being stored, and who asked for it: before that nobody is told that there is none. */
  readonly #removing = new Map<string, number[]>();
  #runs = 0;

  constructor(options: JobsApiOptions) {
    this.#options = options;
  }

  called(at: Instant, { call, request, ticket }: JobsCall): void {
    switch (call) {
      case "list":
        return this.#answer(ticket, ok(this.#list(request)));
      case "get":
        return this.#ofJob(ticket, request.id, (job) =>
          this.#answer(ticket, ok(jobView(job, runsInAnAnswer))),
        );
      case "demand":
        return this.#ofJob(ticket, request.id, (job) => this.#answer(ticket, ok([this.#demand(at, job)])));
      case "create":
        return this.#create(at, ticket, request);
      case "update":
        return this.#ofJob(ticket, request.definition.id, (job) => this.#update(ticket, job, request));
      case "remove": {
        const others = this.#removing.get(request.id);
        if (others !== undefined) return void others.push(ticket);
        return this.#ofJob(ticket, request.id, (job) =>
          this.#remove(at, ticket, job, request.stopCurrentJobRuns),
        );
      }
      case "start":
        return this.#ofJob(ticket, request.id, (job) => this.#start(at, ticket, job, request.key));
      case "run":
        return this.#ofRun(ticket, request, (run) => this.#answer(ticket, ok(run.run)));
      case "stop":
        return this.#ofRun(ticket, request, (run) => this.#stop(ticket, run));
      default:
        return unreachable(call);
    }
  }

  #list({ after = "", most }: ListRequest): JobView[] {
    const jobs = [...this.#options.jobs.all.values()]
      .filter(({ id }) => id > after)
      .toSorted((a, b) => (a.id < b.id ? -1 : 1))
      .slice(0, most);
    const each = Math.max(1, Math.floor(runsInAnAnswer / Math.max(1, jobs.length)));
    return jobs.map((job) => jobView(job, each));
  }

  #create(at: Instant, ticket: number, definition: JobDefinition): void {
    const { jobs, outbox } = this.#options;
    const faults = faultsOf(definition);
    if (faults.length > 0)
      return this.#answer(ticket, fail(refusal("invalid", "Object is not valid", faults)));
    const { id } = definition;
    if (jobs.all.has(id)) return this.#answer(ticket, fail(exists));
    const refused = this.#creating.get(id);
    if (refused !== undefined) return void refused.push(ticket);
    if (jobs.isGoing(id))
      return this.#answer(
        ticket,
        fail(refusal("conflict", `Job ${id} is being deleted: try again in a moment`)),
      );
    this.#creating.set(id, []);
    const job = new ManagedJob({ definition, createdAt: jobs.creationTime(id, at.wall) });
    outbox.store(jobKey(id), job.record, (stored) => {
      const refused = this.#creating.get(id) ?? [];
      this.#creating.delete(id);
      jobs.add(job);
      outbox.announce(stored, { type: "created", about: id, message: `job ${id} can be run` });
      this.#answer(ticket, ok(definition));
      for (const each of refused) this.#answer(each, fail(exists));
    });
  }

  /** Runs that are active keep what they were started with. */
  #update(ticket: number, job: ManagedJob, { definition, dryRun }: UpdateRequest): void {
    const { outbox } = this.#options;
    const faults = faultsOf(definition);
    if (faults.length > 0)
      return this.#answer(ticket, fail(refusal("invalid", "Object is not valid", faults)));
    if (dryRun === true) return this.#answer(ticket, ok(definition));
    job.intended = definition;
    outbox.store(jobKey(job.id), job.record, (stored) => {
      job.change(definition);
      const message = `job ${job.id} has another definition: it counts for runs from now on`;
      outbox.announce(stored, { type: "updated", about: job.id, message });
      this.#answer(ticket, ok(definition));
    });
  }

  #remove(at: Instant, ticket: number, job: ManagedJob, stopsRuns: boolean): void {
    const { jobs, outbox } = this.#options;
    const active = job.active.size;
    if (active > 0 && !stopsRuns)
      return this.#answer(
        ticket,
        fail(
          refusal("conflict", `There are active job runs (${active}). Override with stopCurrentJobRuns=true`),
        ),
      );
    const asked = [ticket];
    this.#removing.set(job.id, asked);
    jobs.remove(at, job, (stored) => {
      this.#removing.delete(job.id);
      const ended = active === 0 ? "" : `; ${countText(active, "run")} are ended`;
      outbox.announce(stored, { type: "deleted", about: job.id, message: `job ${job.id} is gone${ended}` });
      for (const each of asked) this.#answer(each, ok(job.definition));
    });
  }

  #start(at: Instant, ticket: number, job: ManagedJob, key: string | undefined): void {
    const { jobs, outbox } = this.#options;
    const same = key === undefined ? undefined : job.runOfKey(key);
    if (same !== undefined) {
      const waiting = this.#starting.get(same);
      if (waiting === undefined) return this.#answer(ticket, ok(same.run));
      waiting.push(ticket);
      return;
    }
    const run = this.#newRun(at, job, key);
    this.#starting.set(run, [ticket]);
    jobs.start(job, run, (stored) => {
      for (const each of this.#starting.get(run) ?? []) this.#answer(each, ok(run.run));
      this.#starting.delete(run);
      outbox.announce(stored, {
        type: "run-started",
        about: job.id,
        message: `run ${run.id} waits for an agent`,
        details: { run: run.id },
      });
    });
  }

  #newRun(at: Instant, job: ManagedJob, key: string | undefined): ManagedRun {
    let id: string;
    do id = runId(at.wall, this.#options.epoch, ++this.#runs);
    while (job.run(id) !== undefined || job.hasForgotten(id));
    const createdAt = Math.max(at.wall, job.createdAt);
    return new ManagedRun(
      {
        run: { id, job: job.id, status: "INITIAL", createdAt, attempts: [], stopRequested: false },
        spec: job.definition.run,
        failures: 0,
        mishaps: 0,
        ...(key !== undefined && { key }),
      },
      at,
    );
  }

  #stop(ticket: number, run: ManagedRun): void {
    if (run.hasEnded) return this.#answer(ticket, ok(run.run));
    this.#options.jobs.stop(run, () => this.#answer(ticket, ok(run.run)));
  }

  #ofJob(ticket: number, id: string, then: (job: ManagedJob) => void): void {
    const job = this.#options.jobs.all.get(id);
    if (job === undefined) return this.#answer(ticket, fail(refusal("not-found", `Job ${id} not found`)));
    then(job);
  }

  #ofRun(
    ticket: number,
    { id, run: runId }: { readonly id: string; readonly run: string },
    then: (run: ManagedRun) => void,
  ): void {
    this.#ofJob(ticket, id, (job) => {
      const run = job.run(runId);
      if (run !== undefined) return then(run);
      const kept = job.hasForgotten(runId) ? " (old runs are forgotten)" : "";
      this.#answer(ticket, fail(refusal("not-found", `Job Run ${runId} of ${id} not found${kept}`)));
    });
  }

  #demand(at: Instant, job: ManagedJob) {
    const { framework, hindered, jobs } = this.#options;
    return demandOf(job, { at, framework, lines: jobs.lines, hindered: hindered() });
  }

  #answer(ticket: number, reply: Result<unknown, Refusal>): void {
    this.#options.outbox.answer(ticket, reply);
  }
}
