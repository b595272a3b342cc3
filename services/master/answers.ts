import { type Fault, refusal, type Refusal } from "#protocol/errors.js";
import type { Instant } from "#libs/core/time.js";
import { countText, secondsText } from "#libs/core/words.js";
import type { CallOf, MasterCall } from "./calls.js";
import type { Agent } from "./agents.js";
import type { Cluster } from "./cluster.js";
import type { Departures } from "./departures.js";
import type { Drains } from "./drains.js";
import type { Ask, Out } from "./events.js";
import { explain } from "./explain.js";
import { Framework } from "./frameworks.js";
import type { News } from "./news.js";
import { agentKey, roleKey } from "./registry.js";
import { needFaults } from "./subscriptions.js";
import { agentPage, agentView, frameworkPage, offerPage, rolePage, roleViewOf } from "./views.js";

export interface AnswersParts {
  readonly departures: Departures;
  readonly drains: Drains;
  readonly news: News;
}

/** Answers the master's API. What changes the registry is answered when it is stored. */
export class Answers {
  readonly #cluster: Cluster;
  readonly #departures: Departures;
  readonly #drains: Drains;
  readonly #news: News;
  readonly #out: Out;
  /** What was set of them is being taken back. */
  readonly #goingRoles = new Set<string>();

  constructor(cluster: Cluster, { departures, drains, news }: AnswersParts, out: Out) {
    this.#cluster = cluster;
    this.#departures = departures;
    this.#drains = drains;
    this.#news = news;
    this.#out = out;
  }

  asked(at: Instant, ask: Ask, call: MasterCall): void {
    const { epoch, master, began } = this.#cluster;
    switch (call.name) {
      case "agents":
        return this.#give(ask, agentPage(at, this.#cluster, call.request));
      case "frameworks":
        return this.#give(ask, frameworkPage(at, this.#cluster, call.request));
      case "roles":
        return this.#give(ask, rolePage(this.#cluster, call.request));
      case "offers":
        return this.#give(ask, offerPage(at, this.#cluster, call.request));
      case "agent": {
        const agent = this.#cluster.agents.get(call.request.agent);
        if (agent === undefined) return this.#refuse(ask, agentNotKnown(call.request.agent));
        return this.#give(ask, agentView(at, agent));
      }
      case "leader":
        return this.#give(ask, { epoch, master, since: began.wall });
      case "explain": {
        const faults = needFaults([call.request.need]).map(asDemandFault);
        if (faults.length > 0)
          return this.#refuse(ask, refusal("invalid", "a need that nothing can meet", faults));
        const { agent, most, ...demand } = call.request;
        if (agent !== undefined && this.#cluster.agents.get(agent) === undefined)
          return this.#refuse(ask, agentNotKnown(agent));
        return this.#give(ask, explain(at, this.#cluster, demand, { agent, most }));
      }
      case "setRole":
        return this.#setRole(ask, call);
      case "removeRole":
        return this.#removeRole(ask, call);
      case "removeAgent":
        return this.#removeAgent(at, ask, call);
      case "drainAgent":
      case "activateAgent":
        return this.#drain(at, ask, call);
      case "removeFramework":
        return this.#removeFramework(at, ask, call);
    }
  }

  stored(at: Instant, ask: Ask, call: MasterCall): void {
    if (call.name === "removeRole") this.#goingRoles.delete(call.request.name);
    if (call.name === "setRole" || call.name === "removeRole")
      return this.#give(ask, roleViewOf(this.#cluster, call.request.name));
    if (call.name !== "drainAgent" && call.name !== "activateAgent") return this.#give(ask, {});
    const agent = this.#cluster.agents.get(call.request.agent);
    if (agent === undefined) return this.#refuse(ask, agentNotKnown(call.request.agent));
    this.#drains.stored(at, agent);
    this.#give(ask, agentView(at, agent));
  }

  #setRole(ask: Ask, call: CallOf<"setRole">): void {
    const { name, weight, limit } = call.request;
    if (limit !== undefined && limit.ports.length > 0) {
      const faults = [{ path: "/limit/ports", expected: "none: ports have no limit", found: "ports" }];
      return this.#refuse(ask, refusal("invalid", "a limit is made of amounts", faults));
    }
    const { roles } = this.#cluster;
    const record = {
      ...roles.get(name),
      ...(weight === undefined ? {} : { weight }),
      ...(limit === undefined ? {} : { limit }),
    };
    roles.put(record);
    this.#lookAtRole(name);
    this.#out({ type: "store", key: roleKey(name), value: record, done: { type: "callStored", ask, call } });
  }

  #removeRole(ask: Ask, call: CallOf<"removeRole">): void {
    const { name } = call.request;
    // Asked again before it is stored: it is not done yet.
    if (!this.#cluster.roles.remove(name) && !this.#goingRoles.has(name)) {
      const message = `nothing is set of role ${name}: it has weight 1 and no limit`;
      return this.#refuse(ask, refusal("not-found", message));
    }
    this.#goingRoles.add(name);
    this.#lookAtRole(name);
    this.#out({ type: "forget", key: roleKey(name), done: { type: "callStored", ask, call } });
  }

  /** Its frameworks may be given more, or before others, than a moment ago. */
  #lookAtRole(name: string): void {
    const { frameworks, books } = this.#cluster;
    for (const { id } of frameworks.wanting.get(name) ?? []) books.fresh.frameworks.add(id);
  }

  #removeAgent(at: Instant, ask: Ask, call: CallOf<"removeAgent">): void {
    const { agents, books } = this.#cluster;
    const agent = agents.get(call.request.agent);
    if (agent === undefined) return this.#refuse(ask, agentNotKnown(call.request.agent));
    const hindrance = hindranceToRemove(agent, call.request.force === true);
    if (hindrance !== undefined)
      return this.#refuse(ask, refusal("conflict", `agent ${agent.id} ${hindrance}`));
    if (agent.standing === "gone") {
      agents.forget(agent);
      const done = { type: "callStored", ask, call } as const;
      return this.#out({ type: "forget", key: agentKey(agent.id), done });
    }
    // One that is awaited has no offers of this term, but what it uses still counts.
    if (agent.standing === "awaited") books.leave(agent);
    agents.stand(agent, "gone");
    agent.goneAt = at.wall;
    this.#news.agentGone(at, agent);
    this.#out({
      type: "store",
      key: agentKey(agent.id),
      value: agent.record(),
      done: { type: "callStored", ask, call },
    });
  }

  #drain(at: Instant, ask: Ask, call: CallOf<"drainAgent"> | CallOf<"activateAgent">): void {
    const agent = this.#cluster.agents.get(call.request.agent);
    if (agent === undefined) return this.#refuse(ask, agentNotKnown(call.request.agent));
    if (agent.standing === "gone")
      return this.#refuse(ask, refusal("conflict", `agent ${agent.id} was removed by an operator`));
    if (call.name === "drainAgent") this.#drains.drain(at, agent, call.request.deadlineMs);
    else if (agent.isDraining) this.#drains.activate(at, agent);
    else return this.#give(ask, agentView(at, agent));
    const done = { type: "callStored", ask, call } as const;
    this.#out({ type: "store", key: agentKey(agent.id), value: agent.record(), done });
  }

  #removeFramework(at: Instant, ask: Ask, call: CallOf<"removeFramework">): void {
    const { frameworks } = this.#cluster;
    const framework = frameworks.get(call.request.framework) ?? this.#left(call.request.framework);
    if (framework === undefined)
      return this.#refuse(ask, refusal("not-found", `framework ${call.request.framework} is not known`));
    const refused = call.request.force === true ? undefined : this.#refusalToForget(at, framework);
    if (refused !== undefined) return this.#refuse(ask, refused);
    frameworks.put(framework);
    this.#departures.remove(at, framework, "removed by an operator", { type: "callStored", ask, call });
  }

  /** Whoever lives would lose what it runs, and begin anew as if it never had. */
  #refusalToForget(at: Instant, framework: Framework): Refusal | undefined {
    const { id, connected, removed } = framework;
    if (removed) return undefined;
    if (!connected) return this.#refusalWhileAwaited(at, framework);
    const seconds = secondsText(this.#cluster.settings.sessionTimeoutMs);
    const tasks = sum(this.#cluster.agents.all(), ({ use }) =>
      sum(use, (each) => (each.framework === id ? each.tasks : 0)),
    );
    const ends = tasks === 0 ? "" : `, which would ${tasks === 1 ? "end" : "all end"}`;
    return refusal(
      "conflict",
      `framework ${id} is connected and has ${countText(tasks, "task")}${ends}: ` +
        `stop it first (it counts as away after ${seconds} of silence), or remove it by force`,
    );
  }

  /** It was connected to the former leader perhaps, and is on its way: that is no silence yet (R7). */
  #refusalWhileAwaited(at: Instant, { id, session }: Framework): Refusal | undefined {
    const { began, connectivity, settings } = this.#cluster;
    const { sessionTimeoutMs } = settings;
    if (session !== undefined || connectivity.heardBy(at, sessionTimeoutMs) >= began.mono) return undefined;
    return refusal(
      "unavailable",
      `this leader has not heard framework ${id} yet, nor listened for ${secondsText(sessionTimeoutMs)}, ` +
        "after which it counts as away: ask again then, or remove it by force",
    );
  }

  /** One that nobody knows any more, of which an agent that came back late still runs something. */
  #left(id: string): Framework | undefined {
    for (const { use } of this.#cluster.agents.all()) {
      const found = use.find(({ framework, tasks }) => framework === id && tasks > 0);
      if (found === undefined) continue;
      return new Framework({ id, role: found.role, name: id, removed: false });
    }
    return undefined;
  }

  #give(ask: Ask, value: unknown): void {
    this.#out({ type: "answer", ask, body: { ok: true, value } });
  }

  #refuse(ask: Ask, error: Refusal): void {
    this.#out({ type: "answer", ask, body: { ok: false, error } });
  }
}

function sum<T>(items: Iterable<T>, of: (item: T) => number): number {
  let total = 0;
  for (const item of items) total += of(item);
  return total;
}

const agentNotKnown = (id: string): Refusal => refusal("not-found", `agent ${id} is not known`);

/** Why it cannot be given up: whoever lives may still launch what he was offered. */
function hindranceToRemove({ standing, heard }: Agent, force: boolean): string | undefined {
  if (standing === "registered" || (standing === "awaited" && heard))
    return "is there: stop it first; it can be removed when it is unreachable";
  return standing === "awaited" && !force
    ? "is awaited: this leader has not heard it yet; it can be removed when it is unreachable, or by force if it has stopped for good"
    : undefined;
}

const asDemandFault = (fault: Fault): Fault => ({ ...fault, path: fault.path.replace("/needs/0", "/need") });
