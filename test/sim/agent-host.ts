import { Container, ContainerModule } from "inversify";
import type { Attributes, Resources } from "#protocol/resources.js";
import { executorKinds, type TaskSpec } from "#protocol/task.js";
import { amounts } from "#libs/core/resources.js";
import { provide } from "#libs/ports/provide.js";
import { ports } from "#libs/ports/tokens.js";
import type { SimCatalog } from "#libs/sim/catalog.js";
import { CatalogLink } from "#libs/sim/catalog-link.js";
import { SimClock } from "#libs/sim/clock.js";
import { type Script, type Scripts, SimExecutor, SimHostTasks } from "#libs/sim/executor.js";
import { SimHost } from "#libs/sim/host.js";
import { SimDisk, SimJournal } from "#libs/sim/journal.js";
import type { LinkOptions } from "#libs/sim/link.js";
import { simModule } from "#libs/sim/module.js";
import { mortal, mortalityOf } from "#libs/sim/mortal.js";
import type { SimNode } from "#libs/sim/node.js";
import { SimProbe } from "#libs/sim/probe.js";
import type { SeededRandom } from "#libs/sim/random.js";
import { SimSandboxes } from "#libs/sim/sandboxes.js";
import type { SimWorld } from "#libs/sim/world.js";
import { agent, agentModule, type StartAgent } from "#services/agent/module.js";

export interface AgentHostOptions {
  readonly id: string;
  readonly attributes: Attributes;
  /** 4 cores, 4 GiB of memory, 10 GiB of disk and the ports 31000 to 31099 unless given. */
  readonly totals?: Resources;
  readonly scripts?: Scripts | undefined;
  /** Of a process that begins now. */
  readonly link: () => Partial<LinkOptions>;
  /** How long a turn of its process lasts: least and most, ms. */
  readonly turnMs?: readonly [number, number] | undefined;
  /** For so long after its end a task and its sandbox are kept, ms; an hour unless given. */
  readonly keptMs?: number | undefined;
}

export interface Surroundings {
  readonly world: SimWorld;
  readonly cluster: string;
  readonly catalog: SimCatalog;
  /** A bug threw, or the agent could not go on. */
  readonly crashed: (process: string, cause: unknown) => void;
}

const usualTotals = amounts({ cpus: 4, mem: 4096, disk: 10_240, ports: [[31000, 31099]] });

/**
 * A host and the agent process on it. Tasks, sandboxes and the disk are the host's: they outlive the agent, so that its next
 * process finds them.
 */
export class AgentHost {
  readonly id: string;
  readonly totals: Resources;
  readonly tasks: HostTasks;
  readonly disk = new SimDisk();
  readonly keptMs: number;
  readonly #options: AgentHostOptions;
  readonly #around: Surroundings;
  readonly #random: SeededRandom;
  readonly #clock: SimClock;
  readonly #sandboxes: SimSandboxes;
  readonly #host: SimHost;
  readonly #probe: SimProbe;
  #process: AgentProcess | undefined;
  #starts = 0;

  constructor(options: AgentHostOptions, around: Surroundings) {
    const { world } = around;
    const { id, totals = usualTotals, scripts } = options;
    this.id = id;
    this.totals = totals;
    this.keptMs = options.keptMs ?? 3_600_000;
    this.#options = options;
    this.#around = around;
    const random = world.random.fork(`host/${id}`);
    this.#random = random;
    this.#clock = new SimClock(world.schedule, {
      monoAtStart: 0,
      wallAtStart: world.wallAtStart,
      fired: () => world.trace.add(`${world.schedule.now} host ${id} timer`),
    });
    const clock = this.#clock;
    this.tasks = new HostTasks({ clock, ...(scripts && { scripts }) });
    this.#sandboxes = new SimSandboxes({ clock, random: random.fork("sandboxes") });
    this.#host = new SimHost({ name: `host-${id}`, clock, random: random.fork("host"), resources: totals });
    this.#probe = new SimProbe(clock);
  }

  /** The address of its tasks. */
  get address(): string {
    return `host-${this.id}`;
  }

  get isUp(): boolean {
    return this.#process !== undefined;
  }

  get node(): SimNode {
    if (this.#process === undefined) throw new Error(`agent ${this.id} does not run`);
    return this.#process.node;
  }

  /** A new agent process over what its host and its disk hold. */
  start(): void {
    if (this.#process !== undefined) throw new Error(`agent ${this.id} runs already`);
    const { world, crashed } = this.#around;
    const name = `agent-${this.id}`;
    const { link, turnMs } = this.#options;
    const node = world.node(name, { link: link(), turnMs });
    const random = this.#random.fork(`process/${++this.#starts}`);
    const journal = new SimJournal({ disk: this.disk, clock: node.clock, random: random.fork("journal") });
    const executors = executorKinds.map(
      (kind) => new SimExecutor({ kind, tasks: this.tasks, random: random.fork(kind) }),
    );
    this.#process = { node, journal, executors };
    const container = new Container();
    container.load(simModule(node), this.#hostModule(this.#process, random), this.#agentModule());
    container
      .get<StartAgent>(agent)((cause) => crashed(name, cause))
      .catch((cause: unknown) => crashed(name, cause));
  }

  /** kill -9 of the agent: what it ran runs on. */
  crash(): void {
    const { node, journal, executors } = this.#process ?? {};
    if (node === undefined) throw new Error(`agent ${this.id} does not run`);
    this.#process = undefined;
    node.crash();
    for (const executor of executors ?? []) executor.crash();
    journal?.crash();
  }

  /** The power goes: the agent and all that it ran are gone, and what had not reached the disk. `start` it again when the power is back. */
  losePower(): void {
    if (this.isUp) this.crash();
    this.tasks.restart();
    this.#host.restart();
    this.disk.losePower(this.#random);
  }

  /** What runs tasks (an engine, the control groups) is there, or is not; a new process finds it there. */
  set executorsAreThere(areThere: boolean) {
    for (const executor of this.#process?.executors ?? [])
      executor.unavailable = areThere ? undefined : "the engine does not answer";
  }

  /** One that belongs to nobody. */
  async leaveSandbox(task: string): Promise<void> {
    await this.#sandboxes.create(task, undefined);
  }

  /** Somebody on the host removes it. */
  async loseSandbox(task: string): Promise<void> {
    await this.#sandboxes.remove(task);
  }

  /** Task ids of the sandboxes that are there. */
  sandboxes(): Promise<string[]> {
    return this.#sandboxes.all();
  }

  /** While it is full, the agent can record nothing. */
  set diskIsFull(isFull: boolean) {
    this.disk.full = isFull;
  }

  /** Ports on which programs that nobody here started listen. */
  get strangersPorts(): Set<number> {
    return this.#host.taken;
  }

  /** The services' ports answer as the test says: http checks ask here. */
  get probe(): SimProbe {
    return this.#probe;
  }

  #hostModule({ node, journal, executors }: AgentProcess, random: SeededRandom): ContainerModule {
    const mortality = mortalityOf(node);
    const { catalog } = this.#around;
    return new ContainerModule((options) => {
      provide(options, ports.journal, [], () => journal);
      provide(options, ports.executors, [], () => executors.map((executor) => mortal(mortality, executor)));
      provide(options, ports.sandboxes, [], () => mortal(mortality, this.#sandboxes));
      provide(options, ports.host, [], () => mortal(mortality, this.#host));
      provide(options, ports.probe, [], () => mortal(mortality, this.#probe));
      provide(
        options,
        ports.catalog,
        [],
        () => new CatalogLink({ catalog, clock: node.clock, random: random.fork("catalog") }),
      );
    });
  }

  #agentModule(): ContainerModule {
    const { id, attributes } = this.#options;
    const { keptMs } = this;
    return agentModule({
      cluster: this.#around.cluster,
      id,
      host: this.address,
      version: "sim",
      totals: () => this.totals,
      attributes,
      allowance: { root: false, privileged: false, hostMounts: [], defaultUser: "nobody" },
      collection: { keptMs, keptMax: 1000, diskFreeMin: 0.05 },
      endTasksOnStop: false,
    });
  }
}

interface AgentProcess {
  readonly node: SimNode;
  readonly journal: SimJournal;
  readonly executors: readonly SimExecutor[];
}

/** What runs on a host, and everything that ever did. */
export class HostTasks extends SimHostTasks {
  /** Of each start, in order. */
  readonly started: TaskSpec[] = [];
  /** Told before the task runs. */
  starting: (spec: TaskSpec) => void = () => {};
  /** Told before a signal is sent. */
  signalling: (task: string) => void = () => {};
  readonly #specs = new Map<string, TaskSpec>();

  override start(spec: TaskSpec, script: Script): void {
    this.starting(spec);
    this.started.push(spec);
    this.#specs.set(spec.id, spec);
    super.start(spec, script);
  }

  override signal(task: string, force: boolean): void {
    this.signalling(task);
    super.signal(task, force);
  }

  /** What runs now, by task id. */
  runningSpecs(): TaskSpec[] {
    return this.running().map((id) => this.#specs.get(id)!);
  }
}
