import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostExecutors } from "#libs/adapters/host-executors.js";
import type { Cgroups } from "#libs/adapters/process/cgroups.js";
import { type UserPolicy, Users } from "#libs/adapters/process/users.js";
import { HostSandboxes } from "#libs/adapters/sandboxes.js";
import { amounts } from "#libs/core/resources.js";
import type { LaunchOrder, TaskExit } from "#libs/core/launch.js";
import type { Executor } from "#libs/ports/executor.js";
import type { TaskSpec } from "#protocol/task.js";
import { eventually } from "./eventually.js";

export interface TestHostOptions {
  readonly policy?: Partial<UserPolicy>;
  readonly cgroups?: (name: string) => Cgroups | string;
  /** Nobody but us may enter the work directory. */
  readonly closed?: boolean;
}

/**
 * A work directory with a shim, and agents on it, one after the other. A task of its own keeps the shim alive between
 * tests: to start one from sources takes a second.
 */
export class TestHost {
  readonly workDir = mkdtempSync(join(tmpdir(), "emporion-host-"));
  readonly sandboxes: HostSandboxes;
  readonly exits: TaskExit[] = [];
  private readonly users: Users;
  private readonly tasks = new Set<string>();
  private readonly agents: Executor[] = [];

  constructor(private readonly options: TestHostOptions = {}) {
    if (!options.closed) chmodSync(this.workDir, 0o755);
    const ownUser = process.getuid?.() === 0 ? "nobody" : `${process.getuid?.()}`;
    this.users = new Users({ defaultUser: ownUser, allowRoot: false, ...options.policy });
    this.sandboxes = new HostSandboxes({ workDir: this.workDir, users: this.users });
  }

  async start(): Promise<void> {
    mkdirSync(this.sandboxes.directory("keeper"), { recursive: true });
    const [keeping] = this.open();
    const launched = await keeping.launch(this.order("keeper", "sleep 3600"));
    if (!launched.ok) throw new Error(launched.error.message);
    await keeping.close();
  }

  /** The executors of a new agent. What they tell is in `exits`. */
  open(env: Readonly<Record<string, string>> = {}, shimPatienceMs = 15_000) {
    const made = this.openUnheard(env, shimPatienceMs);
    for (const executor of made) executor.exits.subscribe((exit) => this.exits.push(exit));
    return made;
  }

  /** The same, and nobody listens to them yet. */
  openUnheard(env: Readonly<Record<string, string>> = {}, shimPatienceMs = 15_000) {
    const { workDir, users, options } = this;
    const { directory: sandbox } = this.sandboxes;
    const made = hostExecutors({
      workDir,
      agent: "test",
      users,
      sandbox,
      env,
      shimPatienceMs,
      ...(options.cgroups && { cgroups: options.cgroups }),
    });
    this.agents.push(...made);
    return made;
  }

  exitOf(task: string, limitMs = 8000): Promise<TaskExit> {
    return eventually(`the end of ${task}`, () => this.exits.find((exit) => exit.task === task), limitMs);
  }

  order(id: string, command: string, over: Partial<TaskSpec> = {}): LaunchOrder {
    this.tasks.add(id);
    return {
      spec: {
        id,
        name: id,
        workload: { kind: "process", command },
        resources: amounts({ cpus: 0.1, mem: 64 }),
        ...over,
      },
      framework: "tests",
      host: "127.0.0.1",
      env: { EMPORION_TASK_ID: id },
    };
  }

  /** With its sandbox. */
  async task(id: string, command: string, over: Partial<TaskSpec> = {}): Promise<LaunchOrder> {
    const order = this.order(id, command, over);
    await this.sandboxes.create(id, over.user);
    return order;
  }

  file(task: string, name: string): string | undefined {
    const file = join(this.sandboxes.directory(task), name);
    return existsSync(file) ? readFileSync(file, "utf8") : undefined;
  }

  /** Lets go of the agents, and ends and forgets every task of the test. */
  async clean(tasks: Iterable<string> = [...this.tasks].filter((id) => id !== "keeper")): Promise<void> {
    for (const agent of this.agents.splice(0)) await agent.close();
    const [cleaner] = this.open();
    const found = await cleaner.recover([...tasks].map((id) => this.order(id, "")));
    for (const [task, state] of found) {
      if (state === "running") await cleaner.kill(task, true);
      if (state !== "absent") await this.exitOf(task);
      await cleaner.collect(task);
      await this.sandboxes.remove(task);
      this.tasks.delete(task);
    }
    await cleaner.close();
    this.agents.length = 0;
    this.exits.length = 0;
  }

  /** Nothing stays behind: no task, no shim, no directory. */
  async end(): Promise<void> {
    await this.clean(this.tasks);
    await eventually("the shim to end", () => !existsSync(join(this.workDir, "process", "shim.sock")));
    rmSync(this.workDir, { recursive: true, force: true });
  }
}
