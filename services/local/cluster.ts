import { existsSync } from "node:fs";
import { mkdir, readFile, statfs } from "node:fs/promises";
import { availableParallelism, totalmem } from "node:os";
import { readTools, ROOT, type Tools } from "#setup/tools.mjs";
import type { Clock } from "#libs/ports/clock.js";
import { AuthDirectory, AuthFailure } from "#libs/adapters/nats/auth/directory.js";
import { HmacSealer } from "#libs/adapters/sealer.js";
import { DataDirectory } from "./data-directory.js";
import { EngineKeeper } from "./engine-keeper.js";
import { freePort } from "./free-ports.js";
import { isOpenToAll } from "./open-to-all.js";
import type { Options } from "#setup/options.mjs";
import * as programs from "./programs.js";
import { type AgentShare, type HostAmounts, shareOut } from "./shares.js";
import { StartFailure } from "./start-failure.js";
import { Supervisor } from "./supervisor.js";
import { type TaskPorts, takeTaskPorts } from "./task-ports.js";

/** A cluster on this machine: every part a process of its own. */
export class LocalCluster {
  readonly tools: Tools;
  readonly ports: programs.Ports;
  readonly data: DataDirectory;
  /** Undefined: there is no Docker engine, for the reason that was said. */
  dockerSocket: string | undefined;
  /** Of an earlier start with more of them: their tasks have ended, and the cluster is to give them up. */
  departedAgents: readonly string[] = [];
  readonly #taskPorts: TaskPorts;
  #tasksAsRoot = false;
  readonly #options: Options;
  readonly #clock: Clock;
  readonly #say: (line: string) => void;
  readonly #supervisor: Supervisor;
  readonly #engine: EngineKeeper;
  /** Undefined: anybody on this machine may say anything on the bus, for the reason that was said. */
  readonly #auth: AuthDirectory | undefined;

  private constructor(parts: {
    tools: Tools;
    ports: programs.Ports;
    taskPorts: TaskPorts;
    data: DataDirectory;
    options: Options;
    clock: Clock;
    say: (line: string) => void;
    auth: AuthDirectory | undefined;
  }) {
    this.tools = parts.tools;
    this.ports = parts.ports;
    this.#taskPorts = parts.taskPorts;
    this.data = parts.data;
    this.#options = parts.options;
    this.#clock = parts.clock;
    this.#say = parts.say;
    this.#auth = parts.auth;
    this.#supervisor = new Supervisor(this.data, this.#clock, this.#say);
    this.#engine = new EngineKeeper(this.tools, this.data.in("docker"), this.#clock, this.#say);
  }

  /** Checks all that can be checked before anything is started. @throws StartFailure */
  static async prepare(options: Options, clock: Clock, say: (line: string) => void): Promise<LocalCluster> {
    const tools = readTools();
    if (tools.nats.kind === "missing")
      throw new StartFailure(`there is no nats-server: ${tools.nats.reason}`);
    const data = await DataDirectory.take(options.data);
    try {
      await new Supervisor(data, clock, say).endLeftovers();
      const ports = await choosePorts(options, tools);
      const auth = authOf(tools, data, options.name, clock, say);
      const taskPorts = await takeTaskPorts(options.taskPorts, clock);
      return new LocalCluster({ tools, ports, taskPorts, data, options, clock, say, auth });
    } catch (cause) {
      await data.undo();
      throw cause;
    }
  }

  /** Starts every part but the frameworks. They find each other in whichever order they come up. */
  async start(): Promise<void> {
    this.#tasksAsRoot = process.getuid?.() === 0 && !(await isOpenToAll(this.data.path));
    if (this.#tasksAsRoot)
      this.#say(
        `tasks run as root, for nobody else may go to ${this.data.path}; with --data in an open place they run as nobody`,
      );
    await this.#startDocker();
    const { nats, consul } = this.tools;
    if (nats.kind === "binary") {
      const authorization = this.#auth?.writeServerConfiguration();
      const configuration = await this.data.natsConfiguration(this.ports.nats, authorization);
      this.#supervisor.start(programs.natsProgram(nats.path, configuration));
    }
    if (consul.kind === "binary")
      this.#supervisor.start(programs.consulProgram(consul.path, this.data, this.ports));
    const common = this.#common();
    const keyFile = await this.data.clusterKeyFile();
    const shares = await this.#shares();
    await this.#partWithAgents(common, shares, keyFile);
    for (const copy of this.#copies())
      this.#supervisor.start(programs.copyOf(programs.masterProgram(common, keyFile), copy));
    for (const share of shares) this.#supervisor.start(await this.#agent(common, share, keyFile));
    for (const [index, port] of this.ports.gateways.entries())
      this.#supervisor.start(programs.copyOf(programs.gatewayProgram(common, port), index + 1));
  }

  /** To be called when the agents are there: what was deployed before would else all go to the first one that comes. */
  startFrameworks(): void {
    const common = this.#common();
    for (const copy of this.#copies())
      for (const program of [programs.appsProgram(common), programs.jobsProgram(common)])
        this.#supervisor.start(programs.copyOf(program, copy));
  }

  #copies(): number[] {
    return Array.from({ length: this.#options.copies }, (_, index) => index + 1);
  }

  /**
   * Ends every part: first the frameworks, so that nothing is launched again; then the agents, which end their tasks unless
   * these are to be kept; then what the others need. Apps and jobs stay in the store for the next start.
   */
  async stop(): Promise<void> {
    await this.#supervisor.stop((name) => /^(apps|jobs)(-\d+)?$/.test(name));
    await this.#supervisor.stop((name) => name.startsWith("agent-"));
    await this.#supervisor.stop((name) => /^((gateway|master)(-\d+)?|consul)$/.test(name));
    await this.#engine.stop({ keepContainers: this.#options.keepTasks });
    await this.#supervisor.stop(() => true);
    this.#taskPorts.release();
    await this.data.release();
  }

  get consulAddress(): string | undefined {
    const { consul } = this.tools;
    if (consul.kind === "missing") return undefined;
    return consul.kind === "running" ? consul.url : `http://127.0.0.1:${this.ports.consulHttp}`;
  }

  get consulWords(): string {
    const dns = this.tools.consul.kind === "binary" ? `, DNS on port ${this.ports.consulDns}` : "";
    return this.consulAddress === undefined
      ? "none: services are listed by the cluster only"
      : `${this.consulAddress}${dns}`;
  }

  get natsUrl(): string {
    const { nats } = this.tools;
    return nats.kind === "running" ? nats.url : `nats://127.0.0.1:${this.ports.nats}`;
  }

  async #startDocker(): Promise<void> {
    if (this.tools.docker.kind === "missing") return;
    try {
      this.dockerSocket = await this.#engine.start();
    } catch (cause) {
      this.#say(`no containers: the Docker engine does not start: ${(cause as Error).message}`);
    }
  }

  #common(): programs.Common {
    const auth = this.#auth;
    return {
      root: ROOT,
      cluster: this.#options.name,
      natsUrl: this.natsUrl,
      credentials: auth && ((principal) => auth.issue(principal)[0]!),
      consulAddress: this.consulAddress,
    };
  }

  async #shares(): Promise<AgentShare[]> {
    await mkdir(this.data.in("agents"), { recursive: true });
    const disk = await statfs(this.data.path);
    const host: HostAmounts = {
      cpus: availableParallelism(),
      mem: Math.floor(totalmem() / 2 ** 20),
      disk: Math.floor((disk.bavail * disk.bsize) / 2 ** 20),
      ports: this.#taskPorts.range,
    };
    return shareOut(host, this.#options.agents);
  }

  /**
   * Agents that an earlier start had and this one has not: each runs once more to end what it may have left running (with
   * --keep-tasks, or after a crash) and to tell of it; then its directory goes.
   */
  async #partWithAgents(common: programs.Common, shares: readonly AgentShare[], keyFile: string) {
    const kept = new Set(shares.map(({ id }) => id));
    this.departedAgents = (await this.data.agents()).filter((id) => !kept.has(id));
    await Promise.all(
      this.departedAgents.map(async (id) => {
        this.#say(`${id}: not among the ${shares.length} agents of this start; its tasks are ended`);
        const program = await this.#agent(common, { ...shares[0]!, id }, keyFile, { endAtOnce: true });
        const fault = await this.#supervisor.runOnce(program);
        if (fault === undefined) await this.data.forgetAgent(id);
        else this.#say(`${id}: its tasks may not all have ended (${fault}); see ${this.data.logFile(id)}`);
      }),
    );
  }

  async #agent(
    common: programs.Common,
    share: AgentShare,
    clusterKeyFile: string,
    { endAtOnce = false } = {},
  ) {
    const sealer = new HmacSealer((await readFile(clusterKeyFile, "utf8")).trim());
    return programs.agentProgram(common, this.data, {
      share,
      keyFile: await this.data.agentKeyFile(share.id, sealer.agentKey(share.id)),
      dockerSocket: this.dockerSocket,
      jdks: this.tools.jdks.map(({ home }) => home),
      killOnStop: !this.#options.keepTasks,
      endAtOnce,
      tasksAsRoot: this.#tasksAsRoot,
    });
  }
}

/** Who may say what is kept by a NATS server of our own, unless its data is of the time before. */
function authOf(
  { nats }: Tools,
  data: DataDirectory,
  cluster: string,
  clock: Clock,
  say: (line: string) => void,
): AuthDirectory | undefined {
  if (nats.kind !== "binary") return undefined;
  if (existsSync(data.in("nats", "jetstream", "$G", "streams"))) {
    say(
      "anybody on this machine may use the bus: its data is of an older start; with a new --data directory nobody else may",
    );
    return undefined;
  }
  try {
    return AuthDirectory.make(data.in("keys"), cluster, () => clock.now().wall);
  } catch (cause) {
    throw cause instanceof AuthFailure ? new StartFailure(cause.message) : cause;
  }
}

async function choosePorts(options: Options, { nats, consul }: Tools): Promise<programs.Ports> {
  const own = nats.kind === "binary";
  const registry = consul.kind === "binary";
  return {
    gateways: [
      await freePort(options.port, "the gateway", "--port"),
      ...(await anyPorts(options.copies - 1)),
    ],
    nats: own ? await freePort(options.natsPort, "nats-server", "--nats-port") : 0,
    consulHttp: registry ? await freePort(options.consulPort, "Consul's HTTP API", "--consul-port") : 0,
    consulDns: registry ? await freePort(options.consulDnsPort, "Consul's DNS", "--consul-dns-port") : 0,
    consulOwn: registry ? [await anyPort(), await anyPort(), await anyPort()] : [0, 0, 0],
  };
}

async function anyPorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort(0, "a gateway", "--port"));
  return ports;
}

const anyPort = (): Promise<number> => freePort(0, "Consul", "--consul-port");
