import { Observable, Subject } from "rxjs";
import type { Clock } from "#libs/ports/clock.js";
import type { LaunchFailure, LaunchOrder, TaskExit } from "#libs/core/launch.js";
import { Backlog } from "#libs/machine/backlog.js";
import type { Executor } from "#libs/ports/executor.js";
import type { Random } from "#libs/ports/random.js";
import type { ExecutorInfo } from "#protocol/offer.js";
import { fail, ok, type Result } from "#protocol/result.js";
import type { ExecutorKind, TaskSpec } from "#protocol/task.js";

/** What becomes of a task. All times in ms. */
export interface Script {
  /** From the order until it runs. */
  readonly launchMs: number;
  /** It does not start. */
  readonly fails?: LaunchFailure;
  /** It ends by itself after so long; never unless given. */
  readonly endsAfterMs?: number;
  readonly end: Omit<TaskExit, "task">;
  /** From SIGTERM to its end; never: it takes no notice. */
  readonly stopMs: number;
  /** Exit code of a command that is run beside it. */
  readonly run: (command: string) => number;
}

export type Scripts = (spec: TaskSpec) => Partial<Script>;

export interface SimHostTasksOptions {
  /** Of the host: it goes on when an agent has died. */
  readonly clock: Clock;
  readonly scripts?: Scripts;
}

interface Running {
  readonly spec: TaskSpec;
  readonly script: Script;
  exit?: TaskExit;
  /** The end that its death will have, once somebody has asked for it. */
  dying?: boolean;
}

const defaults: Script = {
  launchMs: 5,
  end: { exitCode: 0, reason: "exited" },
  stopMs: 5,
  run: () => 0,
};

/** What runs on a simulated host. It outlives the executors, as processes outlive the agent. */
export class SimHostTasks {
  readonly #tasks = new Map<string, Running>();
  readonly #ends = new Subject<TaskExit>();
  /** Raised when the host restarts: what was planned before does not happen. */
  #life = 0;
  readonly #options: SimHostTasksOptions;

  constructor(options: SimHostTasksOptions) {
    this.#options = options;
  }

  readonly ended: Observable<TaskExit> = this.#ends.asObservable();

  get clock(): Clock {
    return this.#options.clock;
  }

  scriptOf(spec: TaskSpec): Script {
    return { ...defaults, ...workloadScript(spec), ...this.#options.scripts?.(spec) };
  }

  /** What runs, sorted: for checks that nothing runs twice or where it should not. */
  running(): string[] {
    return [...this.#tasks].flatMap(([id, { exit }]) => (exit === undefined ? [id] : [])).toSorted();
  }

  start(spec: TaskSpec, script: Script): void {
    const running: Running = { spec, script };
    this.#tasks.set(spec.id, running);
    if (script.endsAfterMs !== undefined) this.#endAfter(running, script.endsAfterMs, script.end);
  }

  /** As its own program, or chance, may have it: at any time, whatever its script says. */
  end(task: string, end: Omit<TaskExit, "task">): void {
    const running = this.#tasks.get(task);
    if (running === undefined || running.exit !== undefined) return;
    running.exit = { task, ...end };
    this.#ends.next(running.exit);
  }

  /** It is gone without a trace: an agent that looks on does not learn how, one that comes later finds nothing. */
  vanish(task: string): void {
    const running = this.#tasks.get(task);
    if (running === undefined || running.exit !== undefined) return;
    this.#tasks.delete(task);
    this.#ends.next({ task, reason: "exit-unknown", message: "nobody knows how it ended" });
  }

  signal(task: string, force: boolean): void {
    const running = this.#tasks.get(task);
    if (running === undefined) return;
    const { stopMs } = running.script;
    if (force) this.#endAfter(running, 1, { signal: "SIGKILL", reason: "exited" });
    else if (Number.isFinite(stopMs) && !running.dying)
      this.#endAfter(running, stopMs, { signal: "SIGTERM", reason: "exited" });
    running.dying = true;
  }

  find(task: string): { readonly script: Script; readonly exit?: TaskExit } | undefined {
    return this.#tasks.get(task);
  }

  forget(task: string): void {
    this.#tasks.delete(task);
  }

  /** Nothing runs any more, and nobody knows how it ended. */
  restart(): void {
    this.#life++;
    for (const [task, running] of this.#tasks)
      running.exit ??= { task, reason: "host-restarted", message: "the host was restarted while it ran" };
  }

  #endAfter({ spec }: Running, ms: number, end: Omit<TaskExit, "task">): void {
    const life = this.#life;
    this.clock.after(ms, () => {
      if (life === this.#life) this.end(spec.id, end);
    });
  }
}

/** Understands `sleep 0.1; exit 3` and `trap '' TERM`, so that one task serves the real executors and this one; all else runs until it is killed. */
function workloadScript({ workload }: TaskSpec): Partial<Script> {
  const command = "command" in workload ? (workload.command ?? "") : "";
  const sleep = /\bsleep ([0-9.]+)/.exec(command)?.[1];
  const exit = /\bexit ([0-9]+)/.exec(command)?.[1];
  const endsAfterMs = sleep === undefined ? (exit === undefined ? undefined : 1) : Number(sleep) * 1000;
  return {
    ...(endsAfterMs !== undefined && { endsAfterMs }),
    end: { exitCode: Number(exit ?? 0), reason: "exited" },
    ...(command.includes("trap '' TERM") && { stopMs: Number.POSITIVE_INFINITY }),
    run: (check) => Number(/\bexit ([0-9]+)/.exec(check)?.[1] ?? 0),
  };
}

export interface SimExecutorOptions {
  readonly kind: ExecutorKind;
  readonly tasks: SimHostTasks;
  readonly random: Random;
  readonly info?: Partial<ExecutorInfo>;
}

/** One agent process's executor. `crash` it with its agent, and make another on the same tasks. */
export class SimExecutor implements Executor {
  readonly kind: ExecutorKind;
  /** In words why it is not there; undefined: it is. Detected, and told to whoever launches. */
  unavailable: string | undefined;
  readonly #ends = new Backlog<TaskExit>();
  readonly #own = new Set<string>();
  readonly #starting = new Map<string, () => void>();
  #gone = false;

  readonly exits = this.#ends.values;
  readonly #options: SimExecutorOptions;

  constructor(options: SimExecutorOptions) {
    this.#options = options;
    this.kind = options.kind;
    options.tasks.ended.subscribe((exit) => this.#tell(exit));
  }

  async detect(): Promise<Result<ExecutorInfo, string>> {
    if (this.unavailable !== undefined) return fail(this.unavailable);
    return ok({ kind: this.kind, version: "sim", warnings: [], ...this.#options.info });
  }

  launch({ spec }: LaunchOrder): Promise<Result<void, LaunchFailure>> {
    const { tasks } = this.#options;
    const script = tasks.scriptOf(spec);
    const { unavailable } = this;
    if (unavailable !== undefined)
      return Promise.resolve(fail({ reason: "executor-unavailable", message: unavailable }));
    return new Promise((resolve) => {
      const begin = () => {
        if (!this.#starting.delete(spec.id)) return;
        if (script.fails !== undefined) return resolve(fail(script.fails));
        this.#own.add(spec.id);
        tasks.start(spec, script);
        resolve(ok(undefined));
      };
      this.#starting.set(spec.id, begin);
      tasks.clock.after(script.launchMs, begin);
    });
  }

  async kill(task: string, force: boolean): Promise<void> {
    // One that is just starting hears it when it runs.
    this.#starting.get(task)?.();
    if (!this.#gone) this.#options.tasks.signal(task, force);
  }

  async recover(orders: readonly LaunchOrder[]): ReturnType<Executor["recover"]> {
    const found = new Map<string, "running" | "ended" | "absent">();
    for (const { spec } of orders) {
      const task = this.#options.tasks.find(spec.id);
      if (task !== undefined) this.#own.add(spec.id);
      found.set(spec.id, task === undefined ? "absent" : task.exit === undefined ? "running" : "ended");
      if (task?.exit !== undefined) this.#tell(task.exit);
    }
    return found;
  }

  async run(task: string, command: string, timeoutMs: number): Promise<Result<number, string>> {
    const sleep = Number(/\bsleep ([0-9.]+)/.exec(command)?.[1] ?? 0) * 1000;
    await new Promise<void>((done) => void this.#options.tasks.clock.after(Math.min(sleep, timeoutMs), done));
    const found = this.#options.tasks.find(task);
    if (found === undefined || found.exit !== undefined) return fail(`task ${task} does not run here`);
    return sleep > timeoutMs ? fail(`not done within ${timeoutMs} ms`) : ok(found.script.run(command));
  }

  async collect(task: string): Promise<void> {
    if (this.#options.tasks.find(task)?.exit !== undefined) this.#options.tasks.forget(task);
  }

  async close(): Promise<void> {
    this.#gone = true;
    this.#ends.close();
  }

  /** The agent dies: of the launches under way chance says which had reached the host. */
  crash(): void {
    for (const begin of this.#starting.values()) if (this.#options.random.fraction() < 0.5) begin();
    this.#starting.clear();
    this.#gone = true;
  }

  #tell(exit: TaskExit): void {
    if (this.#gone || !this.#own.delete(exit.task)) return;
    this.#options.tasks.clock.after(0, () => {
      if (!this.#gone) this.#ends.tell(exit);
    });
  }
}
