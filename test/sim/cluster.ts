import { Container, type ContainerModule } from "inversify";
import type { Static, TSchema } from "typebox";
import { Value } from "typebox/value";
import type { ApiCall } from "#protocol/api.js";
import { AppDefinition, type AppView, appsApi } from "#protocol/app.js";
import type { ErrorCode } from "#protocol/errors.js";
import { JobDefinition, jobsApi, type Run } from "#protocol/job.js";
import type { Resources } from "#protocol/resources.js";
import { Subjects } from "#protocol/subjects.js";
import type { TaskSpec } from "#protocol/task.js";
import { SimCatalog } from "#libs/sim/catalog.js";
import type { Scripts } from "#libs/sim/executor.js";
import { type LinkOptions, usualLink } from "#libs/sim/link.js";
import { simModule } from "#libs/sim/module.js";
import type { SimNode } from "#libs/sim/node.js";
import { SimWorld } from "#libs/sim/world.js";
import type { Token } from "#libs/ports/tokens.js";
import { apps, appsModule } from "#services/apps/module.js";
import { Refused } from "#services/gateway/answer.js";
import { type BusApi, busApi } from "#services/gateway/bus-api.js";
import { jobs, jobsModule } from "#services/jobs/module.js";
import { master, masterModule } from "#services/master/module.js";
import type { MasterSettings } from "#services/master/settings.js";
import { AgentHost } from "./agent-host.js";
import { Rules } from "./rules/rules.js";

export interface SimClusterOptions {
  readonly seed: string | number;
  /** Rack of each agent: agents are named `a`, `b`, `c`, … Three in three racks unless given. */
  readonly racks?: readonly string[];
  /** Processes of each service; one unless given. */
  readonly copies?: Partial<Record<ServiceName, number>>;
  /** Of each agent. */
  readonly totals?: Resources;
  /** Of every process but the client. */
  readonly link?: Partial<LinkOptions>;
  /** How long a turn of every process but the client lasts: least and most, ms. */
  readonly turnMs?: readonly [number, number] | undefined;
  readonly settings?: Partial<MasterSettings>;
  /** What becomes of tasks. */
  readonly scripts?: Scripts;
  /** How long ended tasks are kept by their agents. */
  readonly keptMs?: number;
  /** The trace is for people: with what the messages say. */
  readonly detailed?: boolean;
}

export const serviceNames = ["master", "apps", "jobs"] as const;
export type ServiceName = (typeof serviceNames)[number];

const clusterName = "sim";
interface ModuleParts {
  readonly name: string;
  readonly settings: Partial<MasterSettings>;
  readonly rules: Rules;
  readonly node: SimNode;
}
const modules: Record<ServiceName, (parts: ModuleParts) => ContainerModule> = {
  master: ({ name, settings, rules, node }) =>
    masterModule({ cluster: clusterName, name, replicas: 1, settings, watch: rules.watchMaster(node) }),
  apps: ({ name, rules }) =>
    appsModule({
      cluster: clusterName,
      framework: "apps",
      role: "apps",
      replicas: 1,
      watch: rules.watchFramework(name),
    }),
  jobs: ({ name, rules }) =>
    jobsModule({
      cluster: clusterName,
      framework: "jobs",
      role: "jobs",
      replicas: 1,
      watch: rules.watchFramework(name),
    }),
};
type Start = (crashed: (cause: unknown) => void) => unknown;
const starts: Record<ServiceName, Token<Start>> = {
  master: master as unknown as Token<Start>,
  apps: apps as unknown as Token<Start>,
  jobs: jobs as unknown as Token<Start>,
};

/** A whole cluster in one process: the production modules over a seeded world. Time passes only in what is awaited here. */
export class SimCluster {
  readonly world: SimWorld;
  readonly catalog = new SimCatalog();
  readonly subjects = new Subjects(clusterName);
  readonly hosts = new Map<string, AgentHost>();
  readonly rules: Rules;
  readonly #options: SimClusterOptions;
  readonly #processes = new Map<string, SimNode>();
  readonly #heldDown = new Map<AgentHost, number>();
  #link: Partial<LinkOptions>;
  readonly #client: BusApi;

  constructor(options: SimClusterOptions) {
    this.#options = options;
    this.#link = options.link ?? {};
    const { seed, detailed = false } = options;
    this.world = new SimWorld({ seed, detailed });
    const { racks = ["a", "b", "c"], settings = {} } = options;
    const { world, subjects } = this;
    this.rules = new Rules({ world, subjects, agents: racks.length, settings });
    const client = this.world.node("client");
    this.#client = busApi(client.bus, this.subjects, client.clock);
    for (const service of serviceNames) for (const copy of this.copiesOf(service)) this.start(service, copy);
    for (const [index, rack] of racks.entries()) this.#addAgent("abcdefghijklmnopqrstuvwxyz"[index]!, rack);
  }

  // --- processes ---

  /** A process of a service; one of the same number must have crashed before. */
  start(service: ServiceName, copy = 1): void {
    const name = `${service}-${copy}`;
    const { settings = {}, turnMs } = this.#options;
    const node = this.world.node(name, { link: this.#link, turnMs });
    this.#processes.set(name, node);
    const container = new Container();
    container.load(simModule(node), modules[service]({ name, settings, rules: this.rules, node }));
    container.get<Start>(starts[service])((cause) => this.#crashed(name, cause));
  }

  /** kill -9 */
  crash(service: ServiceName, copy = 1): void {
    this.node(service, copy).crash();
  }

  node(service: ServiceName, copy = 1): SimNode {
    return this.#processes.get(`${service}-${copy}`)!;
  }

  /** Their numbers: 1, 2, … */
  copiesOf(service: ServiceName): number[] {
    return Array.from({ length: this.#options.copies?.[service] ?? 1 }, (_, index) => index + 1);
  }

  host(agent: string): AgentHost {
    return this.hosts.get(agent)!;
  }

  /** Its agent runs, and nothing keeps it from the server. */
  isHere(agent: string): boolean {
    const host = this.host(agent);
    return host.isUp && !host.node.link.isParted;
  }

  /** Keeps a host whose agent is dead from being started; returns how to let go: the last one starts it. */
  holdDown(host: AgentHost): () => void {
    this.#heldDown.set(host, (this.#heldDown.get(host) ?? 0) + 1);
    return () => {
      const left = this.#heldDown.get(host)! - 1;
      this.#heldDown.set(host, left);
      if (left === 0 && !host.isUp) host.start();
    };
  }

  /** From now on connections are as good as they usually are, those of processes that are still to come too. */
  calm(): void {
    this.#link = usualLink;
    for (const { link } of this.world.nodes) link.set(usualLink);
  }

  #addAgent(id: string, rack: string): void {
    const { world, catalog } = this;
    const { totals, scripts, keptMs, turnMs } = this.#options;
    const link = () => this.#link;
    const host = new AgentHost(
      { id, attributes: { rack }, scripts, link, keptMs, turnMs, ...(totals && { totals }) },
      { world, catalog, cluster: clusterName, crashed: (name, cause) => this.#crashed(name, cause) },
    );
    this.hosts.set(id, host);
    this.rules.watch(host);
    host.start();
  }

  /** A bug, or two of one id: no scenario here means it. */
  #crashed(name: string, cause: unknown): void {
    const words = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    this.rules.breach(`${name} crashed: ${words}`);
  }

  // --- time ---

  /** Throws after so long, 60 s unless given, and at once when a rule was broken. */
  async until(what: string, condition: () => boolean, limitMs = 60_000): Promise<void> {
    await this.world.runUntil(what, () => this.rules.areBroken || condition(), limitMs);
    this.rules.assertKept();
  }

  async pass(ms: number): Promise<void> {
    await this.world.runFor(ms);
    this.rules.assertKept();
  }

  /** What the view shows, as soon as it is as it should be; asked every 250 ms. */
  async untilSeen<T>(what: string, ask: () => Promise<T>, isGood: (seen: T) => boolean, limitMs = 60_000) {
    const limit = this.world.schedule.now + limitMs;
    for (;;) {
      const seen = await ask();
      if (isGood(seen)) return seen;
      if (this.world.schedule.now >= limit)
        throw new Error(`waited in vain for ${what} for ${limitMs} ms; seen last: ${JSON.stringify(seen)}`);
      await this.pass(250);
    }
  }

  // --- the client ---

  /** As a client that does not give up: asks again when it is not known whether it was done. */
  async ask<Q extends TSchema, A extends TSchema>(
    call: ApiCall<Q, A>,
    request: Static<Q>,
    limitMs = 60_000,
  ): Promise<Static<A>> {
    const limit = this.world.schedule.now + limitMs;
    for (;;) {
      try {
        return await this.world.settled(this.#client.call(call, request));
      } catch (cause) {
        this.rules.assertKept();
        if (!isTransient(cause) || this.world.schedule.now >= limit) throw cause;
        await this.pass(200);
      }
    }
  }

  /** One of this id that is being deleted stays deleted. */
  async deploy(given: object): Promise<void> {
    await this.put(given).catch(unlessConflict);
  }

  async put(given: object, limitMs?: number): Promise<void> {
    const definition = Value.Default(AppDefinition, { cmd: "serve", cpus: 0.5, mem: 64, ...given });
    await this.ask(appsApi.put, { definition: definition as AppDefinition, mode: "put" }, limitMs);
  }

  async scale(id: string, instances: number): Promise<void> {
    await this.ask(appsApi.scale, { id, instances });
  }

  /** Gone already counts: the answer to the first try may have been lost. */
  async remove(id: string): Promise<void> {
    await this.ask(appsApi.remove, { id }).catch(unlessNotFound);
  }

  app = (id: string): Promise<AppView> => this.ask(appsApi.get, { id });

  apps = (): Promise<AppView[]> => this.ask(appsApi.list, {});

  /** Starts it and gives the id of its run. */
  async submit(id: string, run: object, limitMs?: number): Promise<string> {
    const definition = Value.Default(JobDefinition, { id, run: { cpus: 0.5, mem: 64, ...run } });
    await this.ask(jobsApi.create, definition as JobDefinition, limitMs).catch(unlessConflict);
    return (await this.ask(jobsApi.start, { id, key: "once" }, limitMs)).id;
  }

  async stopRun(id: string, run: string): Promise<void> {
    await this.ask(jobsApi.stop, { id, run });
  }

  runOf = (id: string, run: string): Promise<Run> => this.ask(jobsApi.run, { id, run });

  /** The app is as asked, and says so. */
  async settled(id: string, limitMs = 60_000): Promise<AppView> {
    return this.untilSeen(
      `${id} to settle`,
      () => this.app(id),
      (view) => view.settled,
      limitMs,
    );
  }

  // --- what is really there ---

  /** What runs of an app or job, whatever anybody believes: agent → task ids. */
  running(name: string): Map<string, string[]> {
    return new Map([...this.hosts].map(([id, { tasks }]) => [id, idsOf(tasks.runningSpecs(), name)]));
  }

  countRunning(name: string): number {
    return [...this.running(name).values()].reduce((sum, ids) => sum + ids.length, 0);
  }

  /** Task ids of all that ever started. */
  started(name: string): string[] {
    return [...this.hosts.values()].flatMap(({ tasks }) => idsOf(tasks.started, name));
  }
}

const idsOf = (specs: readonly TaskSpec[], name: string): string[] =>
  specs.filter((spec) => spec.name === name).map(({ id }) => id);

/** Nobody is there who could do it, or nobody knows whether it was done. */
export const isTransient = (cause: unknown): boolean =>
  cause instanceof Refused && (cause.refusal.code === "timeout" || cause.refusal.code === "unavailable");

/** Undefined: it is no refusal. */
export const refusalOf = (cause: unknown): ErrorCode | undefined =>
  cause instanceof Refused ? cause.refusal.code : undefined;

const unless = (code: ErrorCode) => (cause: unknown) => {
  if (!(cause instanceof Refused) || cause.refusal.code !== code) throw cause;
};
const unlessNotFound = unless("not-found");
const unlessConflict = unless("conflict");
