import type { AgentView, FrameworkView, OfferView, RoleView } from "#protocol/api.js";
import type { Resources } from "#protocol/resources.js";
import type { TaskStatus } from "#protocol/task.js";
import { amountText, portCount, portList, scalar, sum } from "#libs/core/resources.js";
import { countText } from "#libs/core/words.js";
import { asksUntilTaken, type Waiting } from "./asking.js";
import { systemClock } from "./clock.js";
import type { Client } from "./client.js";
import { Failure } from "./failure.js";
import { appPath, isOf, isUnknown, namedBy, unknownFailure } from "./named.js";
import { ageText, type Output } from "./output.js";
import { presenceText, standingText } from "./standing.js";

const ofTotal = (name: string, used: Resources, total: Resources): string =>
  `${amountText(name, scalar(used, name)).replace(" MiB", "")}/${amountText(name, scalar(total, name))}`;

export async function status(client: Client, output: Output): Promise<void> {
  const [leader, agents, frameworks] = await Promise.all([
    client.get<{ epoch: number; master: string; since: number }>("/cluster/leader"),
    client.get<AgentView[]>("/cluster/agents"),
    client.get<FrameworkView[]>("/cluster/frameworks"),
  ]);
  const { registered, awaited, unreachable, draining, tasks, total, used } = standingOf(agents);
  if (output.isJson)
    return output.json({
      url: client.url,
      leader,
      agents: agents.length,
      registered,
      awaited,
      unreachable,
      frameworks: frameworks.length,
      tasks,
      used,
      total,
    });
  const missing = [
    awaited > 0 ? `${awaited} awaited` : [],
    unreachable > 0 ? `${unreachable} unreachable` : [],
  ].flat();
  output.line(`cluster     ${client.url}`);
  output.line(
    `master      ${leader.master}, epoch ${leader.epoch}, leads for ${ageText(systemClock.now().wall - leader.since)}`,
  );
  output.line(
    `agents      ${registered} registered${draining > 0 ? output.paint("yellow", `, ${draining} of them drained or draining`) : ""}${missing.map((each) => output.paint("red", `, ${each}`)).join("")}`,
  );
  output.line(
    `frameworks  ${frameworks.map((each) => (each.state === "connected" ? each.id : output.paint("yellow", `${each.id} (${presenceText(each)})`))).join(", ") || "none"}`,
  );
  const known = knownText({ registered, awaited, unreachable });
  output.line(`tasks       ${tasks}${output.paint("yellow", known)}`);
  output.line(
    `used        cpus ${ofTotal("cpus", used, total)}, mem ${ofTotal("mem", used, total)}, disk ${ofTotal("disk", used, total)}, ports ${portCount(used.ports)}/${portCount(total.ports)}`,
  );
}

/** Who is there, and what they have between them: what agents run that cannot be heard is not known. */
export function standingOf(agents: readonly AgentView[]) {
  const count = (state: AgentView["state"]) => agents.filter((agent) => agent.state === state).length;
  const registered = agents.filter(({ state }) => state === "registered");
  return {
    registered: registered.length,
    awaited: count("awaited"),
    unreachable: count("unreachable"),
    draining: registered.filter(({ drain }) => drain !== undefined).length,
    tasks: registered.reduce((sofar, agent) => sofar + agent.tasks, 0),
    total: sum(registered.map(({ info }) => info.totals)),
    used: sum(registered.map((agent) => agent.used)),
  };
}

/** After a number of tasks: why it is not the whole of it. */
export function knownText({
  registered,
  awaited,
  unreachable,
}: Pick<ReturnType<typeof standingOf>, "registered" | "awaited" | "unreachable">): string {
  const all = countText(registered + awaited + unreachable, "agent");
  if (awaited > 0)
    return ` known so far: ${awaited} of ${all} ${awaited === 1 ? "has" : "have"} not registered with this leader yet`;
  return unreachable > 0
    ? `, and what ${unreachable} of ${all} ${unreachable === 1 ? "has" : "have"}, unreachable`
    : "";
}

export async function agents(client: Client, output: Output): Promise<void> {
  const views = await client.get<AgentView[]>("/cluster/agents");
  const rows = views.map(({ info, state, drain, used, tasks, heardMsAgo }) => [
    info.id,
    standingText(state, drain),
    info.host,
    tasks,
    ofTotal("cpus", used, info.totals),
    ofTotal("mem", used, info.totals),
    info.executors
      .map(({ kind, jdks }) =>
        jdks === undefined ? kind : `${kind} ${jdks.map(({ release }) => release).join("/")}`,
      )
      .join(" "),
    Object.entries(info.attributes)
      .map(([name, value]) => `${name}:${value}`)
      .join(" "),
    heardMsAgo < 0 ? undefined : ageText(heardMsAgo),
  ]);
  output.list(
    ["AGENT", "STATE", "HOST", "TASKS", "CPUS", "MEM", "EXECUTORS", "ATTRIBUTES", "HEARD"],
    rows,
    views,
  );
  if (output.isJson) return;
  for (const { info } of views)
    for (const warning of info.warnings) output.line(output.paint("yellow", `${info.id}: ${warning}`));
}

export async function frameworks(client: Client, output: Output): Promise<void> {
  const views = await client.get<FrameworkView[]>("/cluster/frameworks");
  const rows = views.map((each) => [
    each.id,
    each.role,
    presenceText(each),
    each.tasks,
    amountText("cpus", scalar(each.used, "cpus")),
    amountText("mem", scalar(each.used, "mem")),
    `${(each.share * 100).toFixed(1)} %`,
    each.suppressed ? "nothing" : each.needs.length === 0 ? "anything" : `${each.needs.length} kind(s)`,
  ]);
  output.list(["FRAMEWORK", "ROLE", "STATE", "TASKS", "CPUS", "MEM", "SHARE", "WANTS"], rows, views);
}

export async function offers(client: Client, output: Output): Promise<void> {
  const views = await client.get<OfferView[]>("/cluster/offers");
  const rows = views.map(({ id, offer, ageMs, state }) => [
    id,
    offer.framework,
    state,
    amountText("cpus", scalar(offer.resources, "cpus")),
    amountText("mem", scalar(offer.resources, "mem")),
    portCount(offer.resources.ports),
    ageText(ageMs),
  ]);
  output.list(["OFFER", "FRAMEWORK", "STATE", "CPUS", "MEM", "PORTS", "AGE"], rows, views);
}

export async function tasks(
  client: Client,
  output: Output,
  what: string | undefined,
  filter: Record<string, string | undefined>,
  all: boolean,
): Promise<void> {
  const isWanted = what === undefined ? () => true : isOf(namedBy(what));
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filter)) if (value !== undefined) query.set(name, value);
  const { tasks: found, silent } = await client.get<{ tasks: TaskStatus[]; silent: string[] }>(
    `/cluster/tasks?${String(query)}`,
  );
  const shown = found
    .filter(isWanted)
    .filter(({ endedAt }) => all || filter["state"] !== undefined || endedAt === undefined);
  const now = systemClock.now().wall;
  const rows = shown.map(({ spec, framework, agent, host, latest, startedAt }) => [
    spec.id,
    spec.name,
    framework,
    spec.workload.kind,
    latest.state,
    latest.healthy === undefined ? undefined : latest.healthy ? "healthy" : "unhealthy",
    agent,
    portList(spec.resources.ports)
      .map((port) => `${host}:${port}`)
      .join(" ") || undefined,
    startedAt === undefined ? undefined : ageText(now - startedAt),
    latest.exitCode ?? latest.signal ?? "",
  ]);
  if (silent.length === 0 && !found.some(isWanted)) await expectKnown(client, what, filter);
  output.list(
    ["TASK", "NAME", "FRAMEWORK", "EXECUTOR", "STATE", "HEALTH", "AGENT", "PORTS", "AGE", "EXIT"],
    rows,
    output.isJson ? { tasks: shown, silent } : undefined,
  );
  if (!output.isJson && silent.length > 0)
    output.line(output.paint("yellow", `no answer from ${silent.join(", ")}: their tasks are missing here`));
}

/** No tasks of something that there is are an answer; of something that there is not, a slip of the pen. @throws Failure */
async function expectKnown(
  client: Client,
  what: string | undefined,
  { agent, framework }: Record<string, string | undefined>,
): Promise<void> {
  if (agent !== undefined) await client.get(`/cluster/agents/${encodeURIComponent(agent)}`);
  if (framework !== undefined) await client.get(`/cluster/frameworks/${encodeURIComponent(framework)}`);
  if (what === undefined) return;
  const { kind, id } = namedBy(what);
  const paths = {
    app: appPath(id),
    job: `/v1/jobs/${encodeURIComponent(id)}`,
    framework: `/cluster/frameworks/${encodeURIComponent(id)}`,
    task: `/cluster/tasks/${encodeURIComponent(id)}`,
  };
  if (kind !== undefined) await client.get(paths[kind]);
  else if (!(await isThere(client, paths.job)) && !(await isThere(client, paths.task)))
    throw unknownFailure(id);
}

const isThere = (client: Client, path: string): Promise<boolean> =>
  client.get(path).then(
    () => true,
    (cause: unknown) => {
      if (isUnknown(cause)) return false;
      throw cause;
    },
  );

export async function services(client: Client, output: Output): Promise<void> {
  const view = await client.get<{
    services: {
      name: string;
      address: string;
      port: number;
      healthy: boolean;
      task: string;
      agent: string;
    }[];
  }>("/cluster/services");
  const rows = view.services.map((each) => [
    each.name,
    `${each.address}:${each.port}`,
    each.healthy ? "healthy" : "unhealthy",
    each.task,
    each.agent,
  ]);
  output.list(["SERVICE", "ADDRESS", "HEALTH", "TASK", "AGENT"], rows, view);
}

/** The weight of a role, and what its frameworks have. */
export async function roles(client: Client, output: Output): Promise<void> {
  const views = await client.get<RoleView[]>("/cluster/roles");
  const rows = views.map(({ name, weight, share, used, frameworks: members }) => [
    name,
    weight,
    // Shares are divided by weights: the lowest is served first.
    `${(share * weight * 100).toFixed(1)} %`,
    amountText("cpus", scalar(used, "cpus")),
    amountText("mem", scalar(used, "mem")),
    members.join(" ") || undefined,
  ]);
  output.list(["ROLE", "WEIGHT", "SHARE", "CPUS", "MEM", "FRAMEWORKS"], rows, views);
}

export async function setWeight(
  client: Client,
  output: Output,
  name: string,
  { weight, ...waiting }: Waiting & { readonly weight: number },
): Promise<void> {
  const view = await asksUntilTaken(output, waiting).ask(`setting the weight of role ${name}`, () =>
    client.put<RoleView>(`/cluster/roles/${encodeURIComponent(name)}`, { weight }),
  );
  if (output.isJson) output.json(view);
  else output.line(weightText(view));
}

/** Takes back what was set of it. */
export async function removeRole(
  client: Client,
  output: Output,
  name: string,
  waiting: Waiting,
): Promise<void> {
  const path = `/cluster/roles/${encodeURIComponent(name)}`;
  await asksUntilTaken(output, waiting).askAway(`removing role ${name}`, () => client.delete(path));
  if (output.isJson) output.json({ name, removed: true });
  else output.line(`role ${name}: what was set is taken back: weight 1, no limit`);
}

/** Weights may be set before anybody comes, so a slip of the pen is not refused: it shows. */
export const weightText = ({ name, weight, frameworks: members }: RoleView): string =>
  `role ${name}: weight ${weight}${members.length === 0 ? "; no framework is in this role yet" : ""}`;

export interface RemovalOptions extends Waiting {
  readonly force: boolean;
}

export async function removeAgent(
  client: Client,
  output: Output,
  id: string,
  { force, ...waiting }: RemovalOptions,
): Promise<void> {
  const path = `/cluster/agents/${encodeURIComponent(id)}`;
  const asking = asksUntilTaken(output, waiting);
  const goal = `removing agent ${id}`;
  const look = () => client.get<AgentView>(path);
  const isForgotten = (await asking.ask(goal, look)).state === "gone";
  let isAgain = false;
  await asking.askAway(goal, async () => {
    // Done twice it would be forgotten: asked again, it is looked first whether the last time was enough.
    if (isAgain && !isForgotten && (await look()).state === "gone") return;
    isAgain = true;
    await client.delete(`${path}?force=${force}`);
  });
  if (output.isJson) output.json({ id, state: isForgotten ? "forgotten" : "gone" });
  else if (isForgotten) output.line(`agent ${id} is forgotten: its id may be used again`);
  else
    output.line(
      `agent ${id} is gone: its tasks are given up. If it comes back it is refused and they run on there; removed once more it is forgotten, and let in with them ended`,
    );
}

export async function removeFramework(
  client: Client,
  output: Output,
  id: string,
  { force, ...waiting }: RemovalOptions,
): Promise<void> {
  const path = `/cluster/frameworks/${encodeURIComponent(id)}?force=${force}`;
  await asksUntilTaken(output, waiting)
    .askAway(`removing framework ${id}`, () => client.delete(path))
    .catch((cause: unknown) => {
      const isThere = cause instanceof Failure && cause.code === "conflict" && !force;
      throw isThere ? cause.with(["--force removes it all the same"]) : cause;
    });
  if (output.isJson) output.json({ id, removed: true });
  else output.line(`framework ${id} is removed: its tasks are ended`);
}
