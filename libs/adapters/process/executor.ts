import { dirname, join, resolve } from "node:path";
import type { LaunchFailure, LaunchOrder, TaskExit } from "#libs/core/launch.js";
import { Backlog } from "#libs/machine/backlog.js";
import type { Executor } from "#libs/ports/executor.js";
import type { ExecutorInfo } from "#protocol/offer.js";
import { fail, ok, type Result } from "#protocol/result.js";
import type { ExecutorKind, TaskSpec } from "#protocol/task.js";
import { checkDirectory, defaultPath, findCommand } from "./commands.js";
import { taskExit } from "./exit.js";
import type { Launcher, LaunchPlan } from "./launcher.js";
import { limitsOf } from "./limits.js";
import { closedAbove } from "./permissions.js";
import type { TaskEnd } from "./records.js";
import type { User, Users } from "./users.js";

/** What to run and in which environment; the rest is the same for all processes of the host. */
export interface HostCommand {
  readonly argv: readonly string[];
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface HostExecutorOptions {
  readonly launcher: Launcher;
  readonly users: Users;
  /** Where a task's sandbox is. */
  readonly sandbox: (task: string) => string;
}

/** The part that executors of host processes share: users, sandboxes, environment, ends. Subclasses say what is run. */
export abstract class HostExecutor implements Executor {
  abstract readonly kind: ExecutorKind;
  readonly #ends = new Backlog<TaskExit>();
  readonly #orders = new Map<string, LaunchOrder>();
  readonly exits = this.#ends.values;

  constructor(protected readonly options: HostExecutorOptions) {}

  abstract detect(): Promise<Result<ExecutorInfo, string>>;

  /** Looks at all that can be known before the start. */
  protected abstract command(
    order: LaunchOrder,
    sandbox: string,
    user: User,
  ): Result<HostCommand, LaunchFailure>;

  /** What all of them can promise here. */
  protected async detectLauncher(): ReturnType<Launcher["detect"]> {
    const detected = await this.options.launcher.detect();
    if (!detected.ok) return detected;
    const { version, warnings } = detected.value;
    return ok({ version, warnings: [...warnings, ...this.#userWarnings()] });
  }

  #userWarnings(): string[] {
    const user = this.options.users.resolve(undefined);
    if (!user.ok) return [`tasks that name no user cannot run: ${user.error}`];
    const closed = closedAbove(dirname(this.options.sandbox("any")), user.value);
    return closed === undefined
      ? []
      : [
          `user ${user.value.name} may not enter ${closed}: his tasks reach their sandbox as working directory only`,
        ];
  }

  protected exitOf(order: LaunchOrder, end: TaskEnd): TaskExit {
    return taskExit(order.spec, end);
  }

  async launch(order: LaunchOrder): Promise<Result<void, LaunchFailure>> {
    const plan = this.#plan(order);
    if (!plan.ok) return plan;
    this.#orders.set(order.spec.id, order);
    const started = await this.options.launcher.start(plan.value, (end) => this.#ended(order, end));
    if (!started.ok) this.#orders.delete(order.spec.id);
    return started;
  }

  kill(task: string, force: boolean): Promise<void> {
    return this.options.launcher.kill(task, force);
  }

  async recover(orders: readonly LaunchOrder[]): ReturnType<Executor["recover"]> {
    for (const order of orders) this.#orders.set(order.spec.id, order);
    return this.options.launcher.recover(
      new Map(orders.map((order) => [order.spec.id, (end: TaskEnd) => this.#ended(order, end)])),
    );
  }

  async run(task: string, command: string, timeoutMs: number): Promise<Result<number, string>> {
    const order = this.#orders.get(task);
    if (order === undefined) return fail(`task ${task} does not run here`);
    const user = this.options.users.resolve(order.spec.user);
    if (!user.ok) return user;
    const sandbox = this.options.sandbox(task);
    const program = {
      ...this.#program(
        { argv: ["/bin/sh", "-c", command], directory: sandbox, env: envOf(order, sandbox) },
        user.value,
      ),
      stdout: "/dev/null",
      stderr: "/dev/null",
    };
    return this.options.launcher.run(task, program, timeoutMs);
  }

  async collect(task: string): Promise<void> {
    this.#orders.delete(task);
    await this.options.launcher.collect(task);
  }

  reached(): void {
    this.options.launcher.reached();
  }

  async close(): Promise<void> {
    this.options.launcher.close();
  }

  #plan(order: LaunchOrder): Result<LaunchPlan, LaunchFailure> {
    const { spec } = order;
    const user = this.options.users.resolve(spec.user);
    if (!user.ok) return fail({ reason: "not-allowed", message: user.error });
    const sandbox = this.options.sandbox(spec.id);
    const command = this.command(order, sandbox, user.value);
    if (!command.ok) return command;
    return ok({
      task: spec.id,
      program: {
        ...this.#program(command.value, user.value),
        stdout: join(sandbox, "stdout"),
        stderr: join(sandbox, "stderr"),
      },
      limits: limitsOf(spec),
      ...(spec.stopWhenCutOffMs !== undefined && { cutOff: cutOffOf(spec, spec.stopWhenCutOffMs) }),
    });
  }

  #program(command: HostCommand, { uid, gid }: User) {
    const isOwn = uid === process.getuid?.();
    return { ...command, ...(!isOwn && { user: { uid, gid } }) };
  }

  #ended(order: LaunchOrder, end: TaskEnd): void {
    const exit = this.exitOf(order, end);
    // Not before a launch that has just been kept was heard of.
    setImmediate(() => this.#ends.tell(exit));
  }
}

/** Runs a program of the host: `command` through `/bin/sh -c`, or `argv` as it is. */
export class ProcessExecutor extends HostExecutor {
  readonly kind = "process";

  async detect(): Promise<Result<ExecutorInfo, string>> {
    const detected = await this.detectLauncher();
    return detected.ok ? ok({ kind: this.kind, ...detected.value }) : detected;
  }

  protected command(order: LaunchOrder, sandbox: string): Result<HostCommand, LaunchFailure> {
    const { workload } = order.spec;
    if (workload.kind !== "process")
      return fail({
        reason: "executor-unavailable",
        message: `the process executor cannot run a ${workload.kind}`,
      });
    const argv = workload.argv ?? ["/bin/sh", "-c", workload.command ?? ""];
    const directory = directoryOf(workload, sandbox);
    const env = envOf(order, sandbox);
    const there = checkDirectory(directory);
    if (!there.ok) return there;
    const found = findCommand(argv[0]!, directory, env["PATH"] ?? defaultPath);
    return found.ok ? ok({ argv, directory, env }) : found;
  }
}

export const directoryOf = (
  { workingDirectory }: { readonly workingDirectory?: string },
  sandbox: string,
): string => resolve(sandbox, workingDirectory ?? ".");

/** Never the agent's own environment: there may be secrets in it. */
export const envOf = ({ spec, env }: LaunchOrder, sandbox: string): Record<string, string> => ({
  PATH: defaultPath,
  HOME: sandbox,
  EMPORION_SANDBOX: sandbox,
  MESOS_SANDBOX: sandbox,
  ...env,
  ...spec.env,
});

/** The task gets its grace within the time that it was promised to be gone after. */
const cutOffOf = ({ killGraceMs = 5000 }: TaskSpec, afterMs: number) => ({
  afterMs,
  graceMs: Math.min(killGraceMs, afterMs / 2),
});
