import type { AgentView, FrameworkView, OfferView, RoleView } from "#protocol/api.js";
import { offerId } from "#protocol/offer.js";
import type { Resources } from "#protocol/resources.js";
import { add, dominantShare, none } from "#libs/core/resources.js";
import type { Instant } from "#libs/core/time.js";
import type { Agent, OpenOffer } from "./agents.js";
import type { Cluster } from "./cluster.js";
import type { Framework } from "./frameworks.js";

/** The books as the API shows them. */

export const agentViews = (at: Instant, { agents }: Cluster): AgentView[] =>
  agents.sorted().map((agent) => agentView(at, agent));

function agentView(at: Instant, agent: Agent): AgentView {
  const { info, standing: state, generation, registeredAt, used, offered, use } = agent;
  const tasks = use.reduce((sum, each) => sum + each.tasks, 0);
  const heardMsAgo = agent.heard ? Math.max(0, Math.round(at.mono - agent.heardAt)) : -1;
  return { info, state, generation, registeredAt, heardMsAgo, used, offered, use: [...use], tasks };
}

export function frameworkViews(cluster: Cluster): FrameworkView[] {
  const taken = takenBy(cluster, "framework");
  return cluster.frameworks
    .sorted()
    .map((framework) => frameworkView(cluster, framework, taken.get(framework.id) ?? nothingTaken));
}

function frameworkView(
  cluster: Cluster,
  framework: Framework,
  { used, offered, tasks }: Taken,
): FrameworkView {
  const { id, role, name, session, connected, suppressed, needs } = framework;
  return {
    id,
    role,
    name,
    state: connected ? "connected" : session === undefined ? "never-seen" : "disconnected",
    suppressed,
    ...(session === undefined ? {} : { session }),
    used,
    offered,
    tasks,
    share: dominantShare(add(used, offered), cluster.shares.total),
    needs: [...needs],
    filters: cluster.filters.agentsOf(id),
  };
}

export function roleViews(cluster: Cluster): RoleView[] {
  const taken = takenBy(cluster, "role");
  const frameworks = cluster.frameworks.sorted();
  const names = new Set([...cluster.roles.names(), ...frameworks.map(({ role }) => role), ...taken.keys()]);
  return [...names].toSorted().map((name) => {
    const ids = frameworks.filter(({ role }) => role === name).map(({ id }) => id);
    return roleView(cluster, name, taken.get(name) ?? nothingTaken, ids);
  });
}

function roleView(
  { roles, shares }: Cluster,
  name: string,
  { used, offered }: Taken,
  frameworks: string[],
): RoleView {
  const { weight, limit } = roles.get(name);
  const share = dominantShare(add(used, offered), shares.total) / weight;
  return { name, weight, ...(limit === undefined ? {} : { limit }), used, offered, share, frameworks };
}

export function offerViews(at: Instant, { agents, epoch }: Cluster): OfferView[] {
  return agents
    .sorted()
    .flatMap((agent) => [...agent.offers.values()].map((offer) => offerView(at, epoch, agent, offer)));
}

function offerView(at: Instant, epoch: number, agent: Agent, open: OpenOffer): OfferView {
  const { number, framework, session, role, resources, madeAt, state } = open;
  const { host, attributes, executors } = agent.info;
  const id = offerId({ agent: agent.id, epoch, number });
  const { generation, floor } = agent;
  const offer = {
    agent: agent.id,
    generation,
    epoch,
    number,
    floor,
    replaces: [],
    framework,
    session,
    role,
    resources,
    host,
    attributes,
    executors,
  };
  return { id, offer, ageMs: Math.round(at.mono - madeAt), state };
}

interface Taken {
  readonly used: Resources;
  readonly offered: Resources;
  readonly tasks: number;
}

const nothingTaken: Taken = { used: none, offered: none, tasks: 0 };

/** What every framework, or role, has in use and in offers on the agents that count. */
function takenBy({ agents }: Cluster, by: "framework" | "role"): Map<string, Taken> {
  const taken = new Map<string, Taken>();
  for (const { standing, use, offers } of agents.all()) {
    if (standing !== "registered" && standing !== "awaited") continue;
    for (const each of use) {
      const { used, offered, tasks } = taken.get(each[by]) ?? nothingTaken;
      taken.set(each[by], { used: add(used, each.resources), offered, tasks: tasks + each.tasks });
    }
    for (const each of offers.values()) {
      const { used, offered, tasks } = taken.get(each[by]) ?? nothingTaken;
      taken.set(each[by], { used, offered: add(offered, each.resources), tasks });
    }
  }
  return taken;
}
