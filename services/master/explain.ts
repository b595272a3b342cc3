import type { Counting, Demand, Explanation } from "#protocol/api.js";
import type { Need } from "#protocol/framework.js";
import { executorKinds } from "#protocol/task.js";
import { seenAttributes } from "#libs/core/constraint.js";
import { type Counts, ruleBroken } from "#libs/core/counting.js";
import { misfit, type Misfit } from "#libs/core/fits.js";
import { add, amountText, portCount, resourcesText } from "#libs/core/resources.js";
import { tally } from "#libs/core/tally.js";
import { type Instant, never } from "#libs/core/time.js";
import { countText, secondsText } from "#libs/core/words.js";
import type { Agent } from "./agents.js";
import type { Cluster } from "./cluster.js";
import { orderOf } from "./drain.js";
import { filled } from "./pages.js";
import { headroom } from "./roles.js";

/**
 * Why something is not placed (R9): what holds it back in all, then for every agent the first reason, in numbers. The
 * same `misfit` decides as in allocation, so that the explanation is the truth.
 */
export function explain(
  at: Instant,
  cluster: Cluster,
  demand: Demand,
  {
    agent: only,
    most = shownUsually,
  }: { readonly agent?: string | undefined; readonly most?: number | undefined } = {},
): Explanation {
  const { about } = demand;
  const agents = cluster.agents.sorted().filter(({ standing }) => standing !== "gone");
  const rules = (demand.counting ?? []).map((counting) => ({
    rule: counting.rule,
    counts: countsOf(counting),
  }));
  const verdicts = agents.map((agent) => ({ agent, misfit: misfitOf(at, cluster, demand, rules, agent) }));
  const fitting = verdicts.filter((verdict) => verdict.misfit === undefined).length;
  const { running, leaving = 0, wanted = never } = demand;
  const isMissing = running === undefined || running - leaving < wanted;
  const waiting = isMissing ? [...demand.waiting, ...waitingFor(cluster, demand, agents)] : demand.waiting;
  const reasons = tally(verdicts.flatMap((verdict) => verdict.misfit?.kind ?? []));
  const shown =
    only === undefined ? someOfEach(verdicts, most) : verdicts.filter(({ agent }) => agent.id === only);
  const perAgent = filled(shown, ({ agent, misfit }) => ({
    agent: agent.id,
    reason: misfit?.text ?? "",
  })).items;
  const leftOut = only === undefined ? agents.length - perAgent.length : 0;
  const warnings = warningsOf(
    demand.need,
    agents.filter(({ id }) => only === undefined || id === only),
  );
  return {
    about,
    summary: isMissing
      ? summaryOf(demand, agents.length, fitting, reasons, waiting, verdicts)
      : `${standsText(demand)}; nothing is missing`,
    stands: standsText(demand),
    isMissing,
    waiting,
    agents: agents.length,
    fitting,
    reasons: reasons.map(({ reason, count }) => ({ reason, agents: count })),
    perAgent,
    ...(leftOut > 0 && { leftOut }),
    ...(warnings.length > 0 && { warnings }),
  };
}

/** Of many agents so many are shown. */
const shownUsually = 200;

interface Verdict {
  readonly agent: Agent;
  readonly misfit: Misfit | undefined;
}

/** As many for each reason, and for none, as there is room for; in order of id. */
function someOfEach(verdicts: readonly Verdict[], most: number): readonly Verdict[] {
  if (verdicts.length <= most) return verdicts;
  const ranks = new Map<string, number>();
  const ranked = verdicts.map((verdict, place) => {
    const kind = verdict.misfit?.kind ?? "";
    const rank = ranks.get(kind) ?? 0;
    ranks.set(kind, rank + 1);
    return { verdict, rank, place };
  });
  return ranked
    .toSorted((a, b) => a.rank - b.rank || a.place - b.place)
    .slice(0, most)
    .toSorted((a, b) => a.place - b.place)
    .map(({ verdict }) => verdict);
}

interface CountedRule {
  readonly rule: Counting["rule"];
  readonly counts: Counts;
}

function countsOf({ placed, others, instances }: Counting): Counts {
  const counts = new Map(placed);
  const values = new Set([...counts.keys(), ...others]);
  return { instances, by: () => counts, valuesOf: () => values };
}

function misfitOf(
  at: Instant,
  cluster: Cluster,
  { framework, need }: Demand,
  rules: readonly CountedRule[],
  agent: Agent,
): Misfit | undefined {
  if (agent.standing === "unreachable") {
    const seconds = Math.round((at.mono - agent.heardAt) / 1000);
    return { kind: "unreachable", text: `unreachable: not heard for ${seconds} s` };
  }
  if (agent.standing === "awaited")
    return { kind: "awaited", text: "it has not registered with the present leader yet" };
  if (agent.isDraining) return { kind: "draining", text: drainText(at, agent) };
  if (!agent.hasRecorded)
    return { kind: "draining", text: `draining: ${agent.id} has not recorded yet that it is over` };
  return (
    misfitInTotal(need, agent) ??
    countedOut(rules, agent) ??
    misfitNow(need, agent) ??
    declined(at, cluster, framework, agent)
  );
}

function drainText({ wall }: Instant, { id, drain }: Agent): string {
  const { deadlineInMs } = orderOf(drain!, wall);
  const ended =
    deadlineInMs === undefined || drain!.drainedAt !== undefined
      ? ""
      : `; what still runs there in ${secondsText(deadlineInMs)} is ended`;
  return `draining: ${id} takes no new tasks${ended}`;
}

/** Held by the framework's own instances: it is no use to wait for something free there, and they decline what is offered. */
function countedOut(rules: readonly CountedRule[], agent: Agent): Misfit | undefined {
  for (const { rule, counts } of rules) {
    const text = ruleBroken(rule, seenAttributes(agent), counts);
    if (text !== undefined) return { kind: `${rule.operator} ${rule.attribute}`, text };
  }
  return undefined;
}

/** Never, however idle the agent is. */
function misfitInTotal(need: Need, agent: Agent): Misfit | undefined {
  const found = misfit(need, { ...placeOf(agent), resources: agent.info.totals });
  return found && { kind: `${found.kind}: never`, text: found.text.replace(/ free$/, " in all") };
}

/** Not now: in use, or in offers that somebody else holds. */
function misfitNow(need: Need, agent: Agent): Misfit | undefined {
  const found = misfit(need, agent);
  if (found === undefined) return undefined;
  const withOffers = misfit(need, { ...placeOf(agent), resources: add(agent.resources, agent.offered) });
  const total = totalText(found.kind, agent);
  if (withOffers !== undefined) return { kind: found.kind, text: `${found.text}${total}` };
  return {
    kind: "in offers",
    text: `${found.text}${total}; it would fit with what is in ${agent.offers.size} open offers`,
  };
}

function declined(at: Instant, { filters }: Cluster, framework: string, agent: Agent): Misfit | undefined {
  const until = filters.until(framework, agent.id);
  if (until === undefined || !filters.blocks(framework, agent.id, agent.resources)) return undefined;
  const seconds = Math.ceil((until - at.mono) / 1000);
  return { kind: "declined lately", text: `${framework} declined it: it is offered again in ${seconds} s` };
}

const placeOf = ({ id, host, attributes, executors }: Agent) => ({ id, host, attributes, executors });

function totalText(name: string, { info: { totals } }: Agent): string {
  if (name === "ports") return ` of ${portCount(totals.ports)}`;
  const total = totals.scalars[name];
  return total === undefined ? "" : ` of ${amountText(name, total)}`;
}

const warningsMost = 5;

/** What agents say of themselves that concerns the need: of its executor, and where it wants ports, of those. */
function warningsOf({ executor, resources, portCount: ports = 0 }: Need, agents: readonly Agent[]): string[] {
  const wantsPorts = ports > 0 || resources.ports.length > 0;
  const concerns = (warning: string) => {
    const kind = executorKinds.find((each) => warning.startsWith(`${each}: `));
    return kind === undefined ? wantsPorts : kind === executor;
  };
  const present = agents.filter(({ standing }) => standing === "registered");
  const counted = tally(present.flatMap(({ info }) => info.warnings.filter(concerns)));
  const said = counted
    .slice(0, warningsMost)
    .map(({ reason, count }) => `${count} of ${countText(agents.length, "agent")}: ${reason}`);
  const unsaid = counted.length - said.length;
  return unsaid > 0 ? [...said, `and ${countText(unsaid, "other warning")}: see the agents`] : said;
}

/** What lies not in the agents. */
function waitingFor(
  cluster: Cluster,
  { framework: id, need, waiting }: Demand,
  agents: readonly Agent[],
): string[] {
  const framework = cluster.frameworks.get(id);
  const reasons: string[] = agents.length === 0 ? ["no agent is known"] : [];
  if (framework === undefined) return [`framework ${id} is not known to the leader`, ...reasons];
  if (framework.removed) reasons.push(`framework ${id} is being removed`);
  else if (!framework.connected) reasons.push(`framework ${id} is not connected`);
  else if (framework.suppressed && waiting.length === 0)
    // Who waits for something else wants no offers for that reason.
    reasons.push(`framework ${id} wants no offers at present`);
  if (cluster.recovery.isWaiting)
    reasons.push(
      `the registry was lost, and who is yet to register is not known: ${countText(agents.length, "agent")} so far`,
    );
  const limit = cluster.roles.get(framework.role).limit;
  if (limit !== undefined) {
    const awaited = agents.filter(({ standing }) => standing === "awaited").length;
    if (awaited > 0)
      reasons.push(
        `role ${framework.role} has a limit, and ${awaited} of ${agents.length} agents have not registered yet`,
      );
    reasons.push(...limitReasons(cluster, framework.role, need));
  }
  return [...reasons, ...tooLarge(need, agents)];
}

function limitReasons({ shares, roles }: Cluster, role: string, { resources }: Need): string[] {
  const limit = roles.get(role).limit!;
  const left = headroom(limit, shares.role(role).amounts);
  return Object.keys(left)
    .filter((name) => (resources.scalars[name] ?? 0) > left[name]!)
    .map(
      (name) =>
        `role ${role} is at its limit: ${name}: ${amountText(name, resources.scalars[name]!)} asked, ` +
        `${amountText(name, left[name]!)} left of ${amountText(name, limit.scalars[name]!)}`,
    );
}

/** What no agent has, however idle. */
function tooLarge({ resources, portCount: ports = 0 }: Need, agents: readonly Agent[]): string[] {
  if (agents.length === 0) return [];
  const reasons: string[] = [];
  for (const [name, asked] of Object.entries(resources.scalars)) {
    const largest = agents.reduce((most, each) => (totalOf(each, name) > totalOf(most, name) ? each : most));
    if (asked > totalOf(largest, name))
      reasons.push(
        `no agent has ${name} ${amountText(name, asked)}: the largest, ${largest.id}, has ${amountText(name, totalOf(largest, name))}`,
      );
  }
  const most = agents.reduce((sofar, { info }) => Math.max(sofar, portCount(info.totals.ports)), 0);
  if (ports > most) reasons.push(`no agent has ${ports} ports: the most are ${most}`);
  return reasons;
}

const totalOf = ({ info }: Agent, name: string): number => info.totals.scalars[name] ?? 0;

function summaryOf(
  demand: Demand,
  agents: number,
  fitting: number,
  reasons: readonly { readonly reason: string; readonly count: number }[],
  waiting: readonly string[],
  verdicts: readonly Verdict[],
): string {
  const start = standsText(demand);
  const held = waiting.length > 0 ? `; waiting: ${waiting.join("; ")}` : "";
  const fits = `; fits on ${fitting} of ${agents} agents`;
  if (reasons.length === 0) return `${start}${fits}${held}`;
  const counted = reasons.map(({ reason, count }) => {
    const example = verdicts.find(({ misfit }) => misfit?.kind === reason)!.misfit!;
    return `${count} of ${agents} agents: ${count === 1 ? example.text : `${reason} (${example.text})`}`;
  });
  return `${start}${fits}; ${counted.join("; ")}${held}`;
}

function standsText({ about, need, wanted, running, leaving = 0 }: Demand): string {
  const ports =
    need.portCount === undefined || need.portCount === 0 ? "" : ` and ${countText(need.portCount, "port")}`;
  const takes = `one takes ${resourcesText(need.resources)}${ports}`;
  const moving = leaving > 0 ? ` (${leaving} on draining agents)` : "";
  if (running === undefined)
    return `${about}: wants ${wanted === undefined ? "as many as there is room for" : `${wanted} more`}; ${takes}`;
  return `${about}: ${running} of ${wanted ?? "any number"} run${moving}; ${takes}`;
}
