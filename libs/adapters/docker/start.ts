import type Docker from "dockerode";
import pLimit, { type LimitFunction } from "p-limit";
import type { LaunchFailure, LaunchOrder } from "#libs/core/launch.js";
import type { Log } from "#libs/ports/log.js";
import { fail, ok, type Result } from "#protocol/result.js";
import { type ContainerPolicy, createOptions } from "./create.js";
import { hasInit } from "./engine.js";
import { isUnreachable, startFailure, statusOf, wordsOf } from "./failure.js";
import type { Images } from "./images.js";
import type { Kept } from "./kept.js";
import type { Own } from "./own.js";
import type { Watch } from "./watch.js";

export interface StartsOptions {
  readonly docker: Docker;
  readonly dockerHost: string;
  readonly own: Own;
  readonly watch: Watch;
  readonly images: Images;
  readonly sandbox: (task: string) => string;
  readonly policy: ContainerPolicy;
  readonly log: Log;
  /** Containers that are created and started at a time. */
  readonly most: number;
}

/** How long a start whose outcome is unknown waits for the engine to come back and say it. */
const settleMs = 60_000;

const imageMissing = Symbol("the engine does not have the image");
type Tried = Result<void, LaunchFailure | typeof imageMissing>;

/** From an order to a container that runs, or to none at all. */
export class Starts {
  readonly #options: StartsOptions;
  readonly #limit: LimitFunction;

  constructor(options: StartsOptions) {
    this.#options = options;
    this.#limit = pLimit(options.most);
  }

  /** Puts the container into `kept`. A kill that comes meanwhile ends the attempt. */
  async start(order: LaunchOrder, kept: Kept): Promise<Result<void, LaunchFailure>> {
    const { watch, images } = this.#options;
    const ready = await watch.ready();
    if (!ready.ok) return fail({ reason: "executor-unavailable", message: ready.error });
    const options = await this.#createOptions(order, hasInit(ready.value));
    if (!options.ok) return options;
    const image = options.value.Image!;
    if (order.spec.workload.kind === "container" && order.spec.workload.forcePull === true) {
      const pulled = await images.pull(image);
      if (!pulled.ok) return pulled;
    }
    // Asking for the image first would cost every start a question that is nearly always answered with yes.
    const first = await this.#limit(() => this.#createAndStart(options.value, kept));
    if (first.ok || first.error !== imageMissing) return first as Result<void, LaunchFailure>;
    const pulled = await images.pull(image);
    if (!pulled.ok) return pulled;
    const second = await this.#limit(() => this.#createAndStart(options.value, kept));
    if (second.ok || second.error !== imageMissing) return second as Result<void, LaunchFailure>;
    return fail({
      reason: "image-missing",
      message: `image ${image} was pulled, but the engine does not have it`,
    });
  }

  #createOptions(order: LaunchOrder, init: boolean): ReturnType<typeof createOptions> {
    const { own, policy, sandbox } = this.#options;
    return createOptions(order, {
      name: own.nameOf(order.spec.id),
      labels: own.labelsOf(order),
      policy,
      sandbox: sandbox(order.spec.id),
      hasInit: init,
    });
  }

  async #createAndStart(options: Docker.ContainerCreateOptions, kept: Kept): Promise<Tried> {
    if (kept.wanted !== undefined) return fail(killedBefore);
    try {
      kept.container = await this.#options.docker.createContainer(options);
    } catch (cause) {
      if (isUnreachable(cause)) return this.#settle(kept, cause);
      if (statusOf(cause) === 404 && /no such image/i.test(wordsOf(cause))) return fail(imageMissing);
      return fail(startFailure(cause, options.Image!));
    }
    if (kept.wanted !== undefined) return this.#undone(kept, killedBefore);
    try {
      await kept.container.start();
      return ok(undefined);
    } catch (cause) {
      if (isUnreachable(cause)) return this.#settle(kept, cause);
      return this.#undone(kept, startFailure(cause, options.Image!));
    }
  }

  /** The engine went away while it was to start it: what it has when it is back decides. */
  async #settle(kept: Kept, cause: unknown): Promise<Result<void, LaunchFailure>> {
    const { own, watch, docker, dockerHost, log } = this.#options;
    log.warn("the Docker engine went away during a start", { task: kept.task, cause: wordsOf(cause) });
    await watch.readyWithin(settleMs);
    try {
      const { State, Id } = await own.named(kept.task).inspect();
      if (State.Status !== "created") {
        kept.container = docker.getContainer(Id);
        if (!State.Running) kept.phase = "ending";
        return ok(undefined);
      }
    } catch {
      // It is not there, or the engine still is not: what appears later is removed.
    }
    const message = `the Docker engine at ${dockerHost} went away while it was to start the task: ${wordsOf(cause)}`;
    return this.#undone(kept, { reason: "executor-unavailable", message });
  }

  async #undone({ task }: Kept, failure: LaunchFailure): Promise<Result<never, LaunchFailure>> {
    await this.#options.own.doom(task);
    return fail(failure);
  }
}

const killedBefore: LaunchFailure = { reason: "kill-requested", message: "it was killed before it started" };
