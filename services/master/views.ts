import type { AgentView, FrameworkView, OfferView, RoleView } from "#protocol/api.js";
import { namedOffer, offerId } from "#protocol/offer.js";
import type { Resources } from "#protocol/resources.js";
import { add, dominantShare, none } from "#libs/core/resources.js";
import type { Instant } from "#libs/core/time.js";
import type { Agent, OpenOffer } from "./agents.js";
import type { Cluster } from "./cluster.js";
import { drainView } from "./drain.js";
import type { Framework } from "./frameworks.js";
import { filled, type Page, page, type PageQuery } from "./pages.js";

/** The books as the API shows them. */

export const agentPage = (at: Instant, { agents }: Cluster, { after, most }: PageQuery): Page<AgentView> =>
  page(agents.sorted(), { after, most, id: ({ id }) => id, view: (agent) => agentView(at, agent) });

export function agentView(at: Instant, agent: Agent): AgentView {
  const { info, standing: state, generation, registeredAt, used, offered, use } = agent;
  const tasks = use.reduce((sum, each) => sum + each.tasks, 0);
  const heardMsAgo = agent.heard ? Math.max(0, Math.round(at.mono - agent.heardAt)) : -1;
  const drain = drainView(agent.drain);
  return {
    info,
    state,
    generation,
    registeredAt,
    heardMsAgo,
    used,
    offered,
    use: [...use],
    tasks,
    ...(drain && { drain }),
  };
}

export function frameworkPage(
  at: Instant,
  cluster: Cluster,
  { after, most }: PageQuery,
): Page<FrameworkView> {
  const taken = takenBy(cluster, "framework");
  return page(cluster.frameworks.sorted(), {
    after,
    most,
    id: ({ id }) => id,
    view: (framework) => frameworkView(at, cluster, framework, taken.get(framework.id) ?? nothingTaken),
  });
}

function frameworkView(
  { mono }: Instant,
  cluster: Cluster,
  framework: Framework,
  { used, offered, tasks }: Taken,
): FrameworkView {
  const { id, role, name, session, connected, renewedAt, suppressed, needs } = framework;
  const heardAt = session === undefined ? cluster.began.mono : renewedAt;
  return {
    id,
    role,
    name,
    state: connected ? "connected" : session === undefined ? "awaited" : "disconnected",
    ...(!connected && { awayMs: Math.max(0, Math.round(mono - heardAt)) }),
    suppressed,
    ...(session === undefined ? {} : { session }),
    used,
    offered,
    tasks,
    share: dominantShare(add(used, offered), cluster.shares.total),
    needs: suppressed ? [] : [...needs],
    filters: cluster.filters.agentsOf(id),
  };
}

export function rolePage(cluster: Cluster, { after, most }: PageQuery): Page<RoleView> {
  const taken = takenBy(cluster, "role");
  const used = Array.from(cluster.frameworks.sorted(), ({ role }) => role);
  const names = new Set([...cluster.roles.names(), ...used, ...taken.keys()]);
  const view = (name: string) => roleView(cluster, name, taken.get(name));
  return page([...names].toSorted(), { after, most, id: (name) => name, view });
}

export const roleViewOf = (cluster: Cluster, name: string): RoleView =>
  roleView(cluster, name, takenBy(cluster, "role").get(name));

function roleView(
  { roles, shares, frameworks: all }: Cluster,
  name: string,
  { used, offered } = nothingTaken,
): RoleView {
  const { weight, limit } = roles.get(name);
  const frameworks = all.sorted().flatMap(({ id, role }) => (role === name ? [id] : []));
  const share = dominantShare(add(used, offered), shares.total) / weight;
  return { name, weight, ...(limit === undefined ? {} : { limit }), used, offered, share, frameworks };
}

/** Agents from the cursor's on, of that one the offers with higher numbers. */
export function offerPage(at: Instant, { agents, epoch }: Cluster, query: PageQuery): Page<OfferView> {
  const after = query.after === undefined ? undefined : namedOffer(query.after);
  const view = ({ agent, open }: { agent: Agent; open: OpenOffer }): OfferView => ({
    id: offerId({ agent: agent.id, epoch, number: open.number }),
    offer: agent.offer(epoch, open),
    ageMs: Math.round(at.mono - open.madeAt),
    state: open.state,
  });
  const offers = agents
    .sorted()
    .filter(({ id }) => after === undefined || id >= after.agent)
    .flatMap((agent) => Array.from(agent.offers.values(), (open) => ({ agent, open })))
    .filter(({ agent, open }) => agent.id !== after?.agent || open.number > after.number);
  return filled(offers, view, query.most);
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
