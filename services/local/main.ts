import type { AgentView } from "#protocol/api.js";
import { type Options, parseOptions, UsageError } from "#setup/options.mjs";
import { SystemClock } from "#libs/adapters/clock.js";
import { type Clock, delay } from "#libs/ports/clock.js";
import { LocalCluster } from "./cluster.js";
import { demoAssets } from "./demo/assets.js";
import { Demo } from "./demo/demo.js";
import { GatewayClient } from "./gateway-client.js";
import { LiveTable } from "./live-table.js";
import { stopAsked } from "./signals.js";
import { StartFailure } from "./start-failure.js";

const lookEveryMs = 200;
/** After so long without being ready it is said what is missing; the cluster goes on. */
const patienceMs = 170_000;

const clock = new SystemClock();
const table = new LiveTable(process.stdout);

/** Runs the cluster until a signal; the exit code. */
async function run(options: Options): Promise<number> {
  const stop = stopAsked(process, clock, leave);
  const say = (line: string) => table.say(line);
  const cluster = await LocalCluster.prepare(options, clock, say);
  try {
    await cluster.start();
    say(`nats    ${cluster.natsUrl}`);
    say(`consul  ${cluster.consulWords}`);
    say(`docker  ${cluster.dockerSocket ?? "none: agents do not offer containers"}`);
    const [first, ...others] = cluster.ports.gateways;
    if (others.length > 0)
      say(`also    ${others.map((port) => `http://127.0.0.1:${port}`).join(", ")}, more gateways`);
    say(`data    ${options.data}, logs in ${options.data}/log`);
    const client = new GatewayClient(first);
    const until = new Deadline(clock, patienceMs);
    void stop.then(() => until.cancel());
    await Promise.race([stop, bringUp(cluster, client, options, until)]);
    const signal = await stop;
    say(`${signal}: ending the cluster${options.keepTasks ? ", its tasks go on" : " and its tasks"}`);
    return 0;
  } finally {
    await cluster.stop();
  }
}

async function bringUp(
  cluster: LocalCluster,
  client: GatewayClient,
  options: Options,
  until: Deadline,
): Promise<void> {
  const late = () => table.say(`not all agents have registered yet; see ${options.data}/log`);
  await eventually(async () => (await registeredAgents(client)).length >= options.agents, until, late);
  // Frameworks start nothing while an agent that has tasks of theirs may still come.
  for (const agent of cluster.departedAgents)
    await eventually(
      () => client.giveUpAgent(agent),
      until,
      () => table.say(`${agent} is not given up yet: its tasks are replaced when it is unreachable`),
    );
  if (!until.isCancelled) cluster.startFrameworks();
  await eventually(
    () => areFrameworksThere(client),
    until,
    () => table.say("apps or jobs have not subscribed yet"),
  );
  if (!options.empty) await showDemo(cluster, client, until);
  if (until.isCancelled) return;
  table.leave();
  table.say(`ready ${client.url}`);
}

async function registeredAgents(client: GatewayClient): Promise<readonly AgentView[]> {
  const agents = (await client.get<AgentView[]>("/cluster/agents")) ?? [];
  return agents.filter(({ state }) => state === "registered");
}

async function areFrameworksThere(client: GatewayClient): Promise<boolean> {
  const frameworks = (await client.get<{ id: string; state: string }[]>("/cluster/frameworks")) ?? [];
  return ["apps", "jobs"].every((own) =>
    frameworks.some(({ id, state }) => id === own && state === "connected"),
  );
}

async function showDemo(cluster: LocalCluster, client: GatewayClient, until: Deadline): Promise<void> {
  const { tools, dockerSocket } = cluster;
  const assets = await demoAssets({
    tools,
    dockerSocket,
    offered: (await registeredAgents(client)).flatMap(({ info }) => info.executors),
    outDir: cluster.data.in("demo"),
    say: (line) => table.say(line),
  });
  const demo = new Demo(client, assets);
  await eventually(
    () => demo.deploy(),
    until,
    () => table.say("the cluster does not take the demo yet"),
  );
  const shown = async () => {
    const rows = await demo.rows();
    table.show(rows);
    return rows.every(({ done }) => done);
  };
  await eventually(shown, until, () =>
    table.say(
      "the demo does not run completely yet; `npx emporion explain /demo/web` and `npx emporion app ls` say why",
    ),
  );
}

class Deadline {
  readonly #clock: Clock;
  readonly #at: number;

  constructor(clock: Clock, ms: number) {
    this.#clock = clock;
    this.#at = clock.now().mono + ms;
  }

  isCancelled = false;

  cancel(): void {
    this.isCancelled = true;
  }

  get passed(): boolean {
    return this.#clock.now().mono >= this.#at;
  }
}

/** Looks until it holds or is cancelled; once the deadline has passed it says so, once, and goes on looking. */
async function eventually(holds: () => Promise<boolean>, until: Deadline, late: () => void): Promise<void> {
  for (let said = false; !until.isCancelled && !(await holds()); await delay(clock, lookEveryMs)) {
    if (said || !until.passed) continue;
    said = true;
    late();
  }
}

/** The user cannot wait: what still runs is ended by the next start. */
function leave(signal: NodeJS.Signals): never {
  table.say(`${signal} again: leaving at once; the next start ends what is left`);
  process.exit(130);
}

try {
  const asked = parseOptions(process.argv.slice(2), process.cwd());
  if ("help" in asked) process.stdout.write(`${asked.help}\n`);
  else process.exitCode = await run(asked);
} catch (cause) {
  if (!(cause instanceof UsageError || cause instanceof StartFailure)) throw cause;
  process.stderr.write(`emporion: ${cause.message}\n`);
  process.exitCode = cause instanceof UsageError ? 2 : 1;
}
// A look that is still under way must not hold us back.
process.exit();
