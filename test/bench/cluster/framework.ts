import type { Offer } from "#protocol/offer.js";
import type { Instant } from "#libs/core/time.js";
import { needOf } from "#libs/framework/carve.js";
import {
  type FrameworkTask,
  isLast,
  type Launch,
  type Scheduler,
  type TaskIds,
} from "#libs/framework/scheduler.js";
import { startFramework } from "#libs/framework/start.js";
import { configOf, say } from "./processes.js";
import { service, taskSize } from "./sizes.js";

/**
 * A framework on the SDK, as anybody would write it: it fills the cluster with tasks of one size. Told `go` it begins; told
 * `watch` it wants offers without using them, and says when the first of a new leader comes.
 */
export interface FrameworkConfig {
  readonly id: string;
  readonly tasks: number;
  /** Tasks that may be on their way to running. */
  readonly window: number;
  /** Tasks that it wants to launch with one offer. */
  readonly batch: number;
}

export interface Filled {
  readonly type: "filled";
  readonly tasks: number;
  /** From `go` to the last task's update. */
  readonly ms: number;
  /** From the decision to accept to the update that it runs. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** How many accepts it took. */
  readonly accepts: number;
  readonly ended: number;
  /** More than one: it lost its lease meanwhile and took over from itself. */
  readonly terms: number;
}

export interface OfferSeen {
  readonly type: "offer";
  readonly epoch: number;
  readonly wall: number;
}

const config = configOf<FrameworkConfig>();
const batchSize = { cpus: taskSize.cpus * config.batch, mem: taskSize.mem * config.batch };

/** Outlive a term. */
let beganAt: number | undefined;
let isWatching = false;
let terms = 0;
let woken = () => {};

class Filler implements Scheduler {
  readonly #latencies = new Float64Array(config.tasks);
  #launched = 0;
  #running = 0;
  #ended = 0;
  #accepts = 0;
  #needs: ReturnType<Scheduler["needs"]> = [];
  #asked = 0;
  #epochSeen = 0;

  /** In batches: an offer with room for fewer is of no use. */
  needs(): ReturnType<Scheduler["needs"]> {
    const wanted = isWatching ? 1 : Math.ceil(this.#room() / config.batch);
    if (wanted !== this.#asked)
      this.#needs = wanted === 0 ? [] : [needOf(isWatching ? taskSize : batchSize, { count: wanted })];
    this.#asked = wanted;
    return this.#needs;
  }

  place(_: Instant, offers: readonly Offer[], ids: TaskIds): Launch[] {
    if (isWatching) return this.#see(offers);
    const launches: Launch[] = [];
    let left = this.#room();
    for (const offer of offers)
      for (let batches = batchesIn(offer); batches > 0 && left > 0; batches--) {
        const tasks = Array.from({ length: Math.min(config.batch, left) }, () =>
          service(ids.next("service")),
        );
        left -= tasks.length;
        launches.push({ offer, tasks });
      }
    this.#accepts += new Set(launches.map(({ offer }) => offer)).size;
    return launches;
  }

  taskChanged(at: Instant, { phase, launchedAt, change }: FrameworkTask): void {
    if (change === 1) this.#launched++;
    // Nothing is said of a task that runs but that it does: no checks, no agent that is lost.
    if (phase === "running") {
      this.#latencies[this.#running++] = at.mono - launchedAt.mono;
      if (this.#running % 1000 === 0) say({ type: "progress", running: this.#running });
    } else if (isLast(phase)) this.#ended++;
    if (beganAt !== undefined && this.#running + this.#ended === config.tasks) this.#tell(beganAt);
  }

  #room(): number {
    if (beganAt === undefined) return 0;
    const underway = this.#launched - this.#running - this.#ended;
    return Math.max(0, Math.min(config.window - underway, config.tasks - this.#launched));
  }

  #see(offers: readonly Offer[]): Launch[] {
    const epoch = Math.max(...offers.map((offer) => offer.epoch));
    if (epoch > this.#epochSeen) say<OfferSeen>({ type: "offer", epoch, wall: Date.now() });
    this.#epochSeen = epoch;
    return [];
  }

  #tell(began: number): void {
    const ms = performance.now() - began;
    const sorted = this.#latencies.slice(0, this.#running).toSorted();
    const quantile = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
    const [p50Ms, p99Ms] = [quantile(0.5), quantile(0.99)];
    const { tasks } = config;
    const accepts = this.#accepts;
    const ended = this.#ended;
    say<Filled>({ type: "filled", tasks, ms, p50Ms, p99Ms, accepts, ended, terms });
  }
}

const batchesIn = ({ resources: { scalars } }: Offer): number =>
  Math.floor((scalars["cpus"] ?? 0) / (taskSize.cpus * 1000 * config.batch));

await startFramework({ id: config.id, role: "bench" }, (context) => {
  terms++;
  woken = () => context.wake();
  say({ type: "leading" });
  return new Filler();
});
process.on("message", ({ type }: { readonly type: string }) => {
  if (type === "watch") isWatching = true;
  else beganAt = performance.now();
  woken();
});
