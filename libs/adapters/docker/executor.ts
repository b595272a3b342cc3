import { uptime } from "node:os";
import type { Readable } from "node:stream";
import type Docker from "dockerode";
import pLimit from "p-limit";
import { Observable, Subject } from "rxjs";
import type { Executor, LaunchFailure, LaunchOrder, TaskExit } from "#libs/ports/executor.js";
import type { Log } from "#libs/ports/log.js";
import type { ExecutorInfo } from "#protocol/offer.js";
import { fail, ok, type Result } from "#protocol/result.js";
import { runIn } from "./command.js";
import { type ContainerPolicy, createOptions } from "./create.js";
import { askInfo, defaultDockerHost, dockerAt, type EngineInfo, executorInfo, hasInit } from "./engine.js";
import { type Ended, exitOf } from "./exit.js";
import { isUnreachable, startFailure, statusOf, wordsOf } from "./failure.js";
import { Images, type RegistryLogin } from "./images.js";
import { Output } from "./output.js";
import { Watch } from "./watch.js";

export interface ContainerExecutorOptions {
  readonly cluster: string;
  readonly agent: string;
  /**
   * Tells this agent's containers from all others of the engine, also from those of a cluster and an agent of the same names:
   * its work directory's path, say. The same for the life of the work directory.
   */
  readonly owner: string;
  /** Where a task's sandbox is. */
  readonly sandbox: (task: string) => string;
  readonly policy: ContainerPolicy;
  readonly log: Log;
  /** As in DOCKER_HOST: `unix:///var/run/docker.sock` unless given. */
  readonly dockerHost?: string;
  readonly registries?: Readonly<Record<string, RegistryLogin>>;
  /** Containers that are started at a time: 4 unless given; more made no engine faster that was measured. */
  readonly startsMost?: number;
}

/** A container as long as the agent has not collected it. */
interface Kept {
  readonly task: string;
  /** Its id, once the engine has said it. */
  container: Docker.Container;
  phase: "starting" | "running" | "ending" | "ended";
  output: Output | undefined;
  /** What was asked of it, to be asked again when the engine was away. */
  wanted: "stop" | "kill" | undefined;
  readonly sent: Set<string>;
}

/** How long a start whose outcome is unknown waits for the engine to come back and say it. */
const settleMs = 60_000;
const retryMs = 1000;
const stderrLooked = 400;

/**
 * Runs containers of a Docker engine.
 *
 * - C1 A container bears the labels of its task: nothing else has to be remembered to find it again.
 * - C2 Its exit is told when all of its output is in the sandbox, and once.
 * - C3 What is not known to have started is waited for, or removed as soon as the engine answers.
 * - C4 A container is removed by `collect` only, or when it never started.
 */
export class ContainerExecutor implements Executor {
  readonly kind = "container";
  readonly #options: ContainerExecutorOptions;
  readonly #dockerHost: string;
  readonly #docker: Docker;
  readonly #watch: Watch;
  readonly #images: Images;
  readonly #labels: Readonly<Record<string, string>>;
  readonly #tasks = new Map<string, Kept>();
  /** Names of containers that must not be: the engine was away when they were to be removed (C3). */
  readonly #doomed = new Set<string>();
  readonly #starts;
  readonly #removals = pLimit(2);
  readonly #commands = pLimit(4);
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #ends = new Subject<TaskExit>();
  readonly #unheard: TaskExit[] = [];

  /** Ends that happen before somebody listens wait for the first who does. */
  readonly exits: Observable<TaskExit> = new Observable<TaskExit>((subscriber) => {
    const subscription = this.#ends.subscribe(subscriber);
    for (const exit of this.#unheard.splice(0)) subscriber.next(exit);
    return subscription;
  });

  /** Throws when the Docker host is none; whether an engine answers there shows later. */
  constructor(options: ContainerExecutorOptions) {
    const { cluster, agent, owner, registries, log, dockerHost = defaultDockerHost } = options;
    this.#options = options;
    this.#dockerHost = dockerHost;
    this.#docker = dockerAt(dockerHost);
    this.#images = new Images({ docker: this.#docker, ...(registries && { registries }) });
    this.#starts = pLimit(options.startsMost ?? 4);
    this.#labels = { "emporion.cluster": cluster, "emporion.agent": agent, "emporion.owner": owner };
    this.#watch = new Watch({
      docker: this.#docker,
      dockerHost,
      labels: Object.entries(this.#labels).map(([name, value]) => `${name}=${value}`),
      log,
      isNeeded: () =>
        this.#doomed.size > 0 || [...this.#tasks.values()].some(({ phase }) => phase !== "ended"),
      died: (labels) => this.#died(labels[taskLabel]),
      found: (containers) => this.#compare(containers),
    });
  }

  async detect(): Promise<Result<ExecutorInfo, string>> {
    const info = await askInfo(this.#docker, this.#dockerHost);
    return info.ok ? ok(executorInfo(info.value)) : info;
  }

  async launch(order: LaunchOrder): Promise<Result<void, LaunchFailure>> {
    const { id } = order.spec;
    const kept = this.#keep(id, this.#docker.getContainer(this.#nameOf(id)), "starting");
    const started = await this.#start(order, kept);
    if (!started.ok) {
      this.#tasks.delete(id);
      await kept.output?.close();
      return started;
    }
    // It may have ended meanwhile: then its end was told before there was anything to end.
    kept.phase = kept.phase === "ending" ? "ending" : "running";
    if (kept.phase === "ending") void this.#end(kept);
    else {
      kept.output?.follow();
      if (kept.wanted !== undefined) await this.#signal(kept);
    }
    return started;
  }

  async kill(task: string, force: boolean): Promise<void> {
    const kept = this.#tasks.get(task) ?? (await this.#findOwn(task));
    if (kept === undefined || kept.phase === "ended") return;
    kept.wanted = force ? "kill" : (kept.wanted ?? "stop");
    if (kept.phase === "running") await this.#signal(kept);
  }

  async recover(orders: readonly LaunchOrder[]): ReturnType<Executor["recover"]> {
    const ready = await this.#watch.ready();
    if (!ready.ok) throw new Error(ready.error);
    const containers = byTask(await this.#listOwn());
    const states = new Map<string, "running" | "ended" | "absent">();
    for (const { spec } of orders) states.set(spec.id, await this.#resume(spec.id, containers.get(spec.id)));
    return states;
  }

  async run(task: string, command: string, timeoutMs: number): Promise<Result<number, string>> {
    const kept = this.#tasks.get(task);
    if (kept?.phase !== "running") return fail(`task ${task} does not run here`);
    return this.#commands(() => runIn(kept.container, command, timeoutMs));
  }

  /** Throws when the engine cannot be asked. */
  async collect(task: string): Promise<void> {
    const kept = this.#tasks.get(task) ?? (await this.#findOwn(task));
    if (kept === undefined) return;
    await this.#removals(() => this.#remove(kept.container, { force: false }));
    await kept.output?.close();
    this.#tasks.delete(task);
  }

  async close(): Promise<void> {
    this.#watch.close();
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all([...this.#tasks.values()].map(({ output }) => output?.close()));
  }

  // --- starting ---

  async #start(order: LaunchOrder, kept: Kept): Promise<Result<void, LaunchFailure>> {
    const ready = await this.#watch.ready();
    if (!ready.ok) return fail({ reason: "executor-unavailable", message: ready.error });
    const options = await this.#createOptions(order, ready.value);
    if (!options.ok) return options;
    const { workload } = order.spec;
    const pull = () => this.#images.pull(options.value.Image!);
    if (workload.kind === "container" && workload.forcePull === true) {
      const pulled = await pull();
      if (!pulled.ok) return pulled;
    }
    const opened = await this.#openOutput(kept);
    if (!opened.ok) return opened;
    const first = await this.#starts(() => this.#createAndStart(options.value, kept));
    if (first.ok || first.error !== imageMissing) return first as Result<void, LaunchFailure>;
    const pulled = await pull();
    if (!pulled.ok) return pulled;
    const second = await this.#starts(() => this.#createAndStart(options.value, kept));
    if (second.ok || second.error !== imageMissing) return second as Result<void, LaunchFailure>;
    const message = `image ${options.value.Image} was pulled, but the engine does not have it`;
    return fail({ reason: "image-missing", message });
  }

  #createOptions(order: LaunchOrder, info: EngineInfo): ReturnType<typeof createOptions> {
    const { id } = order.spec;
    const labels = { ...this.#labels, [taskLabel]: id, "emporion.framework": order.framework };
    return createOptions(order, {
      name: this.#nameOf(id),
      labels,
      policy: this.#options.policy,
      sandbox: this.#options.sandbox(id),
      hasInit: hasInit(info),
    });
  }

  async #createAndStart(
    options: Docker.ContainerCreateOptions,
    kept: Kept,
  ): Promise<Result<void, LaunchFailure | typeof imageMissing>> {
    if (kept.wanted !== undefined) return fail(killedBefore);
    const image = options.Image!;
    try {
      kept.container = await this.#docker.createContainer(options);
    } catch (cause) {
      if (isUnreachable(cause)) return this.#settle(kept, cause);
      if (statusOf(cause) === 404 && /no such image/i.test(wordsOf(cause))) return fail(imageMissing);
      return fail(startFailure(cause, image));
    }
    if (kept.wanted !== undefined) {
      await this.#undo(kept);
      return fail(killedBefore);
    }
    try {
      await kept.container.start();
      return ok(undefined);
    } catch (cause) {
      if (isUnreachable(cause)) return this.#settle(kept, cause);
      await this.#undo(kept);
      return fail(startFailure(cause, image));
    }
  }

  /** The engine went away while it was to start it. What it has when it is back decides (C3). */
  async #settle(kept: Kept, cause: unknown): Promise<Result<void, LaunchFailure>> {
    this.#options.log.warn("the Docker engine went away during a start", {
      task: kept.task,
      cause: wordsOf(cause),
    });
    await this.#watch.readyWithin(settleMs);
    try {
      const { State, Id } = await this.#docker.getContainer(this.#nameOf(kept.task)).inspect();
      kept.container = this.#docker.getContainer(Id);
      if (State.Status !== "created") {
        if (!State.Running) kept.phase = "ending";
        return ok(undefined);
      }
    } catch (unknown) {
      if (statusOf(unknown) !== 404) this.#doomed.add(this.#nameOf(kept.task));
    }
    await this.#undo(kept);
    const message = `the Docker engine at ${this.#dockerHost} went away while it was to start the task: ${wordsOf(cause)}`;
    return fail({ reason: "executor-unavailable", message });
  }

  async #undo(kept: Kept): Promise<void> {
    await this.#remove(kept.container, { force: true }).catch(() =>
      this.#doomed.add(this.#nameOf(kept.task)),
    );
  }

  // --- output ---

  async #openOutput(kept: Kept): Promise<Result<void, LaunchFailure>> {
    try {
      kept.output = await Output.open({
        directory: this.#options.sandbox(kept.task),
        source: { open: () => followLogs(kept.container) },
        ended: () => this.#refollow(kept),
        life: () => this.#watch.life,
      });
      return ok(undefined);
    } catch (cause) {
      const message = `its output cannot be written to the sandbox: ${(cause as Error).message}`;
      return fail({ reason: "launch-failed", message });
    }
  }

  /** Mostly it has ended and we are about to hear of it; if not, the stream broke. */
  #refollow(kept: Kept): void {
    this.#later(() => {
      if (kept.phase === "running") kept.output?.follow();
    });
  }

  // --- ending ---

  #died(task: string | undefined): void {
    const kept = task === undefined ? undefined : this.#tasks.get(task);
    if (kept === undefined || kept.phase === "ending" || kept.phase === "ended") return;
    const isStarting = kept.phase === "starting";
    kept.phase = "ending";
    if (!isStarting) void this.#end(kept);
  }

  async #end(kept: Kept): Promise<void> {
    try {
      const container = (await kept.container.inspect()) as Docker.ContainerInspectInfo & Ended;
      await this.#finishOutput(kept);
      const stderr = (await kept.output?.stderrStart(stderrLooked).catch(() => "")) ?? "";
      const hostStartedAt = Date.now() - uptime() * 1000;
      this.#tell(kept, exitOf(container, { task: kept.task, sent: kept.sent, stderr, hostStartedAt }));
    } catch (cause) {
      if (statusOf(cause) === 404) return this.#tell(kept, gone(kept.task));
      // The next connection to the engine lists it again, and then its end is told.
      this.#options.log.warn("the end of a container is not known yet", {
        task: kept.task,
        cause: wordsOf(cause),
      });
      kept.phase = "running";
    }
  }

  async #finishOutput(kept: Kept): Promise<void> {
    try {
      await kept.output?.finish();
    } catch (cause) {
      if (isUnreachable(cause) && !isFileTrouble(cause)) throw cause;
      this.#options.log.warn("a container's output is not complete", {
        task: kept.task,
        cause: wordsOf(cause),
      });
    }
  }

  #later(call: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      call();
    }, retryMs);
    this.#timers.add(timer);
  }

  #tell(kept: Kept, exit: TaskExit): void {
    if (kept.phase === "ended") return;
    kept.phase = "ended";
    void kept.output?.close();
    if (this.#ends.observed) this.#ends.next(exit);
    else this.#unheard.push(exit);
  }

  async #signal(kept: Kept): Promise<void> {
    try {
      const signal = kept.wanted === "kill" ? "SIGKILL" : await stopSignalOf(kept.container);
      kept.sent.add(signal);
      await kept.container.kill({ signal });
    } catch (cause) {
      // Gone or ended: its end is told. Away: asked again when it is back.
      if (!isUnreachable(cause)) return;
      this.#options.log.warn("a container could not be told to end yet", {
        task: kept.task,
        cause: wordsOf(cause),
      });
    }
  }

  // --- finding again ---

  #keep(task: string, container: Docker.Container, phase: Kept["phase"]): Kept {
    const kept: Kept = { task, container, phase, output: undefined, wanted: undefined, sent: new Set() };
    this.#tasks.set(task, kept);
    return kept;
  }

  async #resume(
    task: string,
    found: Docker.ContainerInfo | undefined,
  ): Promise<"running" | "ended" | "absent"> {
    const before = this.#tasks.get(task);
    if (before !== undefined) return before.phase === "ended" ? "ended" : "running";
    if (found === undefined || found.State === "removing") return "absent";
    const container = this.#docker.getContainer(found.Id);
    if (found.State === "created") {
      await this.#remove(container, { force: true });
      return "absent";
    }
    const kept = this.#keep(task, container, "running");
    const opened = await this.#openOutput(kept);
    if (!opened.ok) this.#options.log.warn(opened.error.message, { task });
    if (!hasEnded(found)) {
      kept.output?.follow();
      return "running";
    }
    this.#died(task);
    return "ended";
  }

  /** We have a new connection: what happened in between is told now, and what was asked in vain is asked again. */
  #compare(containers: readonly Docker.ContainerInfo[]): void {
    const found = byTask(containers);
    for (const kept of this.#tasks.values()) {
      if (kept.phase !== "running") continue;
      const container = found.get(kept.task);
      if (container === undefined) this.#tell(kept, gone(kept.task));
      else if (hasEnded(container)) this.#died(kept.task);
      else {
        kept.output?.follow();
        if (kept.wanted !== undefined) void this.#signal(kept);
      }
    }
    for (const name of this.#doomed) {
      const removed = this.#remove(this.#docker.getContainer(name), { force: true });
      void removed.then(() => this.#doomed.delete(name)).catch(() => undefined);
    }
  }

  #listOwn(): Promise<Docker.ContainerInfo[]> {
    const label = Object.entries(this.#labels).map(([name, value]) => `${name}=${value}`);
    return this.#docker.listContainers({ all: true, filters: JSON.stringify({ label }) });
  }

  /** One of ours that nobody has asked us to recover; the name alone may be somebody else's. */
  async #findOwn(task: string): Promise<Kept | undefined> {
    try {
      const { Id, Config } = await this.#docker.getContainer(this.#nameOf(task)).inspect();
      const isOurs = Object.entries(this.#labels).every(([name, value]) => Config.Labels[name] === value);
      if (!isOurs) return undefined;
      const container = this.#docker.getContainer(Id);
      return { task, container, phase: "running", output: undefined, wanted: undefined, sent: new Set() };
    } catch (cause) {
      if (statusOf(cause) === 404) return undefined;
      throw new Error(`the Docker engine at ${this.#dockerHost} does not answer: ${wordsOf(cause)}`, {
        cause,
      });
    }
  }

  /** With its anonymous volumes. Safe for one that is not there or is being removed. */
  async #remove(container: Docker.Container, { force }: { readonly force: boolean }): Promise<void> {
    try {
      await container.remove({ force, v: true });
    } catch (cause) {
      if (statusOf(cause) === 404 || /removal of container .* is already in progress/i.test(wordsOf(cause)))
        return;
      throw new Error(`the container could not be removed: ${wordsOf(cause)}`, { cause });
    }
  }

  #nameOf(task: string): string {
    return `em-${this.#options.cluster}-${task}`;
  }
}

const taskLabel = "emporion.task";

const imageMissing = Symbol("the engine does not have the image");

const killedBefore: LaunchFailure = { reason: "kill-requested", message: "it was killed before it started" };

const gone = (task: string): TaskExit => ({
  task,
  reason: "exit-unknown",
  message: "its container was removed by somebody else before its exit was known",
});

const byTask = (containers: readonly Docker.ContainerInfo[]): Map<string | undefined, Docker.ContainerInfo> =>
  new Map(containers.map((container) => [container.Labels[taskLabel], container]));

const hasEnded = ({ State }: Docker.ContainerInfo): boolean => State === "exited" || State === "dead";

const followLogs = async (container: Docker.Container): Promise<Readable> =>
  (await container.logs({ follow: true, stdout: true, stderr: true })) as Readable;

/** What the image's maker wants to be sent. */
async function stopSignalOf(container: Docker.Container): Promise<string> {
  const { StopSignal = "SIGTERM" } = (await container.inspect()).Config as { readonly StopSignal?: string };
  return StopSignal;
}

const isFileTrouble = (cause: unknown): boolean =>
  ["write", "open", "fstat", "writev"].includes((cause as NodeJS.ErrnoException).syscall ?? "");
