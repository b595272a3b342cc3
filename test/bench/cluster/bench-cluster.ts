import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { masterApi } from "#protocol/api.js";
import { Subjects } from "#protocol/subjects.js";
import { SystemClock } from "#libs/adapters/clock.js";
import { needOf } from "#libs/framework/carve.js";
import { busApi } from "#services/gateway/bus-api.js";
import { eventually } from "#test/support/eventually.js";
import { type Connected, connected } from "#test/support/link.js";
import { type NatsServer, startNats } from "#test/support/nats.js";
import type { AgentHostConfig, Traffic } from "./agent-host.js";
import type { FrameworkConfig } from "./framework.js";
import { BenchProcess, programOf, type Usage, usageOf } from "./processes.js";
import { clusterKey, clusterName, taskSize } from "./sizes.js";

export interface BenchClusterOptions {
  readonly agents: number;
  /** Tasks that each agent has room for. */
  readonly room: number;
  /** Processes over which the agents are spread. */
  readonly hosts: number;
  readonly perConnection: number;
  /** Each agent has its journal in a file; else in memory. */
  readonly journals: boolean;
  readonly masters: number;
}

/** nats-server, masters and many agents: everything real but what a task would run. */
export class BenchCluster {
  readonly masters: BenchProcess[] = [];
  readonly hosts: BenchProcess[] = [];
  readonly subjects = new Subjects(clusterName);
  readonly nats: NatsServer;
  readonly peer: Connected;
  readonly #directory = mkdtempSync(join(tmpdir(), "emporion-bench-"));
  readonly #others: BenchProcess[] = [];
  #mastersStarted = 0;

  private constructor(nats: NatsServer, peer: Connected) {
    this.nats = nats;
    this.peer = peer;
  }

  /** Done when every agent is registered. */
  static async start(options: BenchClusterOptions): Promise<BenchCluster> {
    const nats = await startNats();
    const cluster = new BenchCluster(nats, await connected(nats.url, "bench"));
    try {
      await cluster.#startAll(options);
    } catch (cause) {
      await cluster.stop();
      throw cause;
    }
    return cluster;
  }

  /** On the SDK, in a process of its own. Done when it leads. */
  async startFramework(config: FrameworkConfig): Promise<BenchProcess> {
    const file = programOf("framework");
    const flags = ["--max-old-space-size=8192", "--max-semi-space-size=64"];
    const framework = new BenchProcess({
      name: config.id,
      file,
      config: { ...config },
      env: this.#env(),
      flags,
    });
    this.#others.push(framework);
    await framework.hears("leading");
    return framework;
  }

  /** kill -9 */
  async killMaster(master: BenchProcess): Promise<void> {
    this.masters.splice(this.masters.indexOf(master), 1);
    await master.kill("SIGKILL");
  }

  /** One more. */
  startMaster(): void {
    const name = `master-${++this.#mastersStarted}`;
    const env = { ...this.#env(), EMPORION_MASTER: name, EMPORION_CLUSTER_KEY: clusterKey };
    const flags = ["--max-semi-space-size=64"];
    this.masters.push(new BenchProcess({ name, file: masterMain, env, flags }));
  }

  /** Of each process, in the order of their names here; hosts together. */
  usage(): { readonly name: string; readonly usage: readonly Usage[] }[] {
    const of = (name: string, processes: readonly { readonly pid: number }[]) => ({
      name,
      usage: processes.map(({ pid }) => usageOf(pid)),
    });
    return [
      of("nats-server", [this.nats]),
      of("master", this.masters),
      of("agents", this.hosts),
      ...this.#others.map((other) => of(other.name, [other])),
    ];
  }

  async traffic(): Promise<Traffic> {
    for (const host of this.hosts) host.tell({ type: "traffic" });
    const all = await Promise.all(this.hosts.map((host) => host.hears<Traffic>("traffic")));
    const sum = (of: "sent" | "received") => all.reduce((total, each) => total + each[of], 0);
    return { type: "traffic", sent: sum("sent"), received: sum("received") };
  }

  /** Messages of the stream of updates that nobody has acknowledged. */
  async unacknowledged(): Promise<number> {
    const manager = await this.peer.link.nc.jetstreamManager();
    return (await manager.streams.info(this.subjects.statusStream)).state.messages;
  }

  async leader(): Promise<BenchProcess> {
    const api = busApi(this.peer.bus, this.subjects, new SystemClock());
    const { master } = await api.call(masterApi.leader, {});
    return this.masters.find(({ name }) => name === master)!;
  }

  /** Agents that are there and have room for a task. */
  async ready(): Promise<number> {
    const api = busApi(this.peer.bus, this.subjects, new SystemClock());
    const demand = { about: "bench", framework: "bench", waiting: [], wanted: 1, running: 0, most: 0 };
    const { fitting } = await api.call(masterApi.explain, { ...demand, need: needOf(taskSize) });
    return fitting;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#others, ...this.hosts, ...this.masters].map((each) => each.kill()));
    await this.peer.link.close();
    await this.nats.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #startAll({
    agents,
    hosts,
    masters,
    journals,
    room,
    perConnection,
  }: BenchClusterOptions): Promise<void> {
    for (let n = 1; n <= masters; n++) this.startMaster();
    const each = Math.ceil(agents / hosts);
    for (let first = 0; first < agents; first += each) {
      const count = Math.min(each, agents - first);
      const common = { natsUrl: this.nats.url, cluster: clusterName, clusterKey };
      const config: AgentHostConfig = {
        ...common,
        first,
        count,
        perConnection,
        room,
        ...(journals && { journals: this.#directory }),
      };
      const flags = ["--max-old-space-size=8192", "--max-semi-space-size=64"];
      this.hosts.push(
        new BenchProcess({ name: "agents", file: programOf("agent-host"), config: { ...config }, flags }),
      );
    }
    await Promise.all(this.hosts.map((host) => host.hears("started")));
    // Asking is work for the leader too: it looks at every agent.
    const isReady = async () => {
      await sleep(agents / 20);
      return (await this.ready().catch(() => 0)) === agents;
    };
    await eventually(`${agents} agents to be registered`, isReady, 240_000);
  }

  #env(): NodeJS.ProcessEnv {
    return { NATS_URL: this.nats.url, EMPORION_CLUSTER: clusterName, EMPORION_LOG_LEVEL: "warn" };
  }
}

const masterMain = fileURLToPath(new URL("../../../services/master/main.js", import.meta.url));
