import { uptime } from "node:os";
import type { Readable } from "node:stream";
import type Docker from "dockerode";
import pLimit from "p-limit";
import type { LaunchFailure, LaunchOrder, TaskExit } from "#libs/core/launch.js";
import { Backlog } from "#libs/machine/backlog.js";
import type { Executor } from "#libs/ports/executor.js";
import type { Log } from "#libs/ports/log.js";
import type { ExecutorInfo } from "#protocol/offer.js";
import { fail, ok, type Result } from "#protocol/result.js";
import { runIn } from "./command.js";
import type { ContainerPolicy } from "./create.js";
import { askInfo, defaultDockerHost, dockerAt, executorInfo } from "./engine.js";
import { type Ended, exitOf } from "./exit.js";
import { isUnreachable, statusOf, wordsOf } from "./failure.js";
import { Images } from "./images.js";
import { keep, type Kept } from "./kept.js";
import { Output } from "./output.js";
import { Own, taskLabel } from "./own.js";
import { Starts } from "./start.js";
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
  /** A `config.json` as `docker login` writes it: the logins for registries. */
  readonly loginsFile?: string;
  /** Containers that are created and started at a time: 8 unless given: an engine on 2 cores starts them a sixth faster than 4 at a time, and no faster with more. */
  readonly startsMost?: number;
}

/** Commands of health checks that run at a time, so that they do not hold up starts. */
const commandsMost = 4;
/** Before what failed is tried again. */
const retryMs = 1000;
const stderrLooked = 400;

/**
 * Runs containers of a Docker engine, which may come and go.
 *
 * - E1 A container bears the labels of its task: nothing else has to be remembered to find it again.
 * - E2 Its exit is told once, and when all of its output is in the sandbox.
 * - E3 What is not known to have started is waited for, or removed as soon as the engine answers.
 * - E4 A container is removed by `collect` only, or when it never started.
 */
export class ContainerExecutor implements Executor {
  readonly kind = "container";
  readonly #options: ContainerExecutorOptions;
  readonly #dockerHost: string;
  readonly #docker: Docker;
  readonly #own: Own;
  readonly #watch: Watch;
  readonly #starts: Starts;
  readonly #commands = pLimit(commandsMost);
  readonly #tasks = new Map<string, Kept>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #exits = new Backlog<TaskExit>();
  /** Tasks whose end was heard while they were being found again, before we knew them. */
  #endedEarly: Set<string> | undefined;
  #isClosed = false;

  readonly exits = this.#exits.values;

  /** Throws when the Docker host is none; whether an engine answers there shows later. */
  constructor(options: ContainerExecutorOptions) {
    const { loginsFile, sandbox, policy, log, startsMost = 8 } = options;
    const dockerHost = options.dockerHost ?? defaultDockerHost;
    const docker = dockerAt(dockerHost);
    this.#options = options;
    this.#dockerHost = dockerHost;
    this.#docker = docker;
    this.#own = new Own({ ...options, docker, dockerHost });
    this.#watch = new Watch({
      docker,
      dockerHost,
      own: this.#own,
      log,
      isNeeded: () => this.#own.hasDoomed || [...this.#tasks.values()].some(({ phase }) => phase !== "ended"),
      died: (task) => this.#died(task),
      found: (containers) => this.#compare(containers),
    });
    const images = new Images({ docker, ...(loginsFile !== undefined && { loginsFile }) });
    const parts = { docker, dockerHost, own: this.#own, watch: this.#watch, images };
    this.#starts = new Starts({ ...parts, sandbox, policy, log, most: startsMost });
  }

  async detect(): Promise<Result<ExecutorInfo, string>> {
    const info = await askInfo(this.#docker, this.#dockerHost);
    return info.ok ? ok(executorInfo(info.value)) : info;
  }

  async launch(order: LaunchOrder): Promise<Result<void, LaunchFailure>> {
    const { id } = order.spec;
    const kept = this.#keep(id, this.#own.named(id), "starting");
    const opened = await this.#openOutput(kept);
    const started = opened.ok ? await this.#starts.start(order, kept) : opened;
    if (started.ok) this.#started(kept);
    else {
      this.#tasks.delete(id);
      await kept.output?.close();
    }
    return started;
  }

  async kill(task: string, force: boolean): Promise<void> {
    const kept = this.#tasks.get(task) ?? (await this.#findAgain(task));
    if (kept === undefined || kept.phase === "ended") return;
    kept.wanted = force ? "kill" : (kept.wanted ?? "stop");
    if (kept.phase === "running") await this.#signal(kept);
  }

  /** Throws in words when the engine cannot be asked. */
  async recover(orders: readonly LaunchOrder[]): ReturnType<Executor["recover"]> {
    const ready = await this.#watch.ready();
    if (!ready.ok) throw new Error(ready.error);
    const states = new Map<string, "running" | "ended" | "absent">();
    const endedEarly = (this.#endedEarly = new Set<string>());
    try {
      const containers = byTask(await this.#own.list());
      for (const { spec } of orders)
        states.set(spec.id, await this.#resume(spec.id, containers.get(spec.id)));
    } finally {
      this.#endedEarly = undefined;
    }
    // The list said of these that they ran: it is older than their end, or behind it, as the engine tells an end before it lists it.
    for (const task of endedEarly) this.#died(task);
    return states;
  }

  async run(task: string, command: string, timeoutMs: number): Promise<Result<number, string>> {
    const kept = this.#tasks.get(task);
    if (kept?.phase !== "running") return fail(`task ${task} does not run here`);
    return this.#commands(() => runIn(kept.container, command, timeoutMs));
  }

  /** Throws in words when the engine cannot be asked. */
  async collect(task: string): Promise<void> {
    const kept = this.#tasks.get(task) ?? (await this.#findAgain(task));
    if (kept === undefined) return;
    await this.#own.remove(kept.container, { force: false });
    await kept.output?.close();
    this.#tasks.delete(task);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#watch.close();
    for (const timer of this.#timers) clearTimeout(timer);
    for (const { output } of this.#tasks.values()) await output?.close();
  }

  // --- running ---

  #started(kept: Kept): void {
    // It may have ended already: that was heard before there was anything to tell.
    if (kept.phase === "ending") return void this.#end(kept);
    kept.phase = "running";
    if (kept.wanted !== undefined) void this.#signal(kept);
    this.#follow(kept);
  }

  #follow({ phase, output }: Kept): void {
    if (phase === "running") output?.follow();
  }

  async #openOutput(kept: Kept): Promise<Result<void, LaunchFailure>> {
    try {
      kept.output = await Output.open({
        directory: this.#options.sandbox(kept.task),
        source: { open: () => followLogs(kept.container) },
        // Mostly it has ended, and we are about to hear of it; if not, the stream broke.
        ended: () => this.#later(retryMs, () => this.#follow(kept)),
        life: () => this.#watch.life,
      });
      return ok(undefined);
    } catch (cause) {
      const message = `its output cannot be written to the sandbox: ${(cause as Error).message}`;
      return fail({ reason: "launch-failed", message });
    }
  }

  async #signal(kept: Kept): Promise<void> {
    try {
      const signal = kept.wanted === "kill" ? "SIGKILL" : await stopSignalOf(kept.container);
      kept.sent.add(signal);
      await kept.container.kill({ signal });
    } catch (cause) {
      // Gone or ended: its end is told. Away: asked again when it is back.
      if (!isUnreachable(cause)) return;
      this.#options.log.warn("a container could not be told to end yet", trouble(kept, cause));
    }
  }

  // --- ending ---

  #died(task: string | undefined): void {
    if (task === undefined) return;
    const kept = this.#tasks.get(task);
    if (kept === undefined) return void this.#endedEarly?.add(task);
    if (kept.phase === "ending" || kept.phase === "ended") return;
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
      if (this.#isClosed) return;
      if (statusOf(cause) === 404) return this.#tell(kept, gone(kept.task));
      this.#options.log.warn("the end of a container is not known yet", trouble(kept, cause));
      kept.phase = "running";
      this.#later(retryMs, () => this.#died(kept.task));
    }
  }

  /** A disk that is full must not keep the end from being told. */
  async #finishOutput(kept: Kept): Promise<void> {
    try {
      await kept.output?.finish();
    } catch (cause) {
      if (this.#isClosed || (isUnreachable(cause) && !isFileTrouble(cause))) throw cause;
      this.#options.log.warn("a container's output is not complete", trouble(kept, cause));
    }
  }

  #tell(kept: Kept, exit: TaskExit): void {
    if (kept.phase === "ended" || this.#isClosed) return;
    kept.phase = "ended";
    void kept.output?.close();
    this.#exits.tell(exit);
  }

  // --- finding again ---

  async #resume(
    task: string,
    found: Docker.ContainerInfo | undefined,
  ): Promise<"running" | "ended" | "absent"> {
    const before = this.#tasks.get(task);
    if (before !== undefined) return before.phase === "ended" ? "ended" : "running";
    if (found === undefined || found.State === "removing") return "absent";
    const container = this.#docker.getContainer(found.Id);
    if (found.State === "created") {
      await this.#own.remove(container, { force: true });
      return "absent";
    }
    const kept = this.#keep(task, container, "running");
    const opened = await this.#openOutput(kept);
    if (!opened.ok) this.#options.log.warn(opened.error.message, { task });
    if (hasEnded(found)) this.#died(task);
    else this.#follow(kept);
    return hasEnded(found) ? "ended" : "running";
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
        this.#follow(kept);
        if (kept.wanted !== undefined) void this.#signal(kept);
      }
    }
    this.#own.sweep();
  }

  /** One that nobody has asked us to recover. */
  async #findAgain(task: string): Promise<Kept | undefined> {
    const container = await this.#own.find(task);
    return container === undefined ? undefined : keep(task, container, "running");
  }

  #keep(task: string, container: Docker.Container, phase: Kept["phase"]): Kept {
    const kept = keep(task, container, phase);
    this.#tasks.set(task, kept);
    return kept;
  }

  #later(ms: number, call: () => void): void {
    if (this.#isClosed) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      call();
    }, ms);
    this.#timers.add(timer);
  }
}

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
  ["write", "open", "fstat"].includes((cause as NodeJS.ErrnoException).syscall ?? "");

const trouble = ({ task }: Kept, cause: unknown): object => ({ task, cause: wordsOf(cause) });
