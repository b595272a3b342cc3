import type { ClusterEvent } from "#protocol/event.js";
import type { Instant } from "#libs/core/time.js";
import { resourcesText } from "#libs/core/resources.js";
import { countText, secondsText } from "#libs/core/words.js";
import type { Agent, Standing } from "./agents.js";
import { type Cluster, standingOf } from "./cluster.js";
import type { Out } from "./events.js";
import type { Framework } from "./frameworks.js";

/** Says what happened: to the stream EVENTS, to the log, and to the frameworks whom it concerns. Decides nothing. */
export class News {
  readonly #cluster: Cluster;
  readonly #out: Out;

  constructor(cluster: Cluster, out: Out) {
    this.#cluster = cluster;
    this.#out = out;
  }

  leadTaken(at: Instant): void {
    const { epoch, master, agents } = this.#cluster;
    this.#publish(
      at,
      "master",
      "lead-taken",
      master,
      `leads in epoch ${epoch}, ${agents.known} agents are known`,
    );
  }

  registryLost(at: Instant): void {
    const { master, settings } = this.#cluster;
    const message =
      `the registry was lost: agents register that are older than it; nothing is offered until all have had ` +
      `${secondsText(settings.agentTimeoutMs)} to register; removed agents, weights, limits and drains are to be set again`;
    this.#out({ type: "log", level: "warn", message });
    this.#publish(at, "master", "registry-lost", master, message);
  }

  agentRegistered(at: Instant, agent: Agent, was: Standing): void {
    const isBack = was === "unreachable";
    // A cut of an agent that was there all the time: a connection made anew, what it has was changed, a framework was removed.
    const registered = was === "registered" ? "registered again" : "registered";
    const what = `${isBack ? "is back" : registered} with ${resourcesText(agent.info.totals)}`;
    this.#publish(at, "agent", isBack ? "back" : "registered", agent.id, what, {
      generation: agent.generation,
    });
    if (isBack) this.#tell(agent, [...agent.lostTo, ...agent.users]);
    // Whoever has launched there with offers of the former leader was not among those who were told.
    else if (agent.isDraining) this.#tell(agent, agent.users);
  }

  /** Was it removed or forgotten and runs something all the same? Whoever has that there gave it up, and is to end it. */
  agentNew(agent: Agent): void {
    this.#tell(agent, agent.users);
  }

  agentUnreachable(at: Instant, agent: Agent, silentMs: number): void {
    const tasks = agent.use.reduce((sum, use) => sum + use.tasks, 0);
    const what = `has not reported for ${Math.round(silentMs / 1000)} s; ${tasks} tasks were there`;
    this.#publish(at, "agent", "unreachable", agent.id, what);
    this.#tell(agent, agent.lostTo);
  }

  agentGone(at: Instant, agent: Agent): void {
    this.#publish(at, "agent", "gone", agent.id, "was removed by an operator");
    this.#tell(agent, [...agent.lostTo, ...agent.users]);
  }

  removedAgentBack(at: Instant, { id }: Agent, tasks: number): void {
    const what =
      `was removed and is back: it is refused, and ${countText(tasks, "task")} of it run on, with their services; ` +
      `\`emporion agents rm ${id}\` once more lets it in, and what was given up is ended`;
    this.#publish(at, "agent", "refused", id, what);
  }

  /** `since`: wall ms of when it went. It is gone for whoever had something there; the id is free again. */
  agentForgotten(at: Instant, agent: Agent, since: number): void {
    const days = (at.wall - since) / 86_400_000;
    const what = `was away for ${Number(days.toFixed(1))} days: it is forgotten, and new when it comes back`;
    this.#publish(at, "agent", "forgotten", agent.id, what);
    this.#tell(agent, [...agent.lostTo, ...agent.users]);
  }

  /** Also who holds offers of it: with them he may have launched there since the last report. */
  agentDraining(at: Instant, agent: Agent): void {
    const tasks = agent.use.reduce((sum, use) => sum + use.tasks, 0);
    const { deadlineMs } = agent.drain!;
    const deadline = deadlineMs === undefined ? "" : `; what runs after ${secondsText(deadlineMs)} is ended`;
    const what = `is being drained: ${countText(tasks, "task")} to be moved${deadline}`;
    this.#publish(at, "agent", "draining", agent.id, what, deadlineMs === undefined ? {} : { deadlineMs });
    const offeredTo = Array.from(agent.offers.values(), ({ framework }) => framework);
    this.#tell(agent, [...agent.users, ...agent.lostTo, ...offeredTo]);
  }

  agentDrained(at: Instant, agent: Agent): void {
    this.#publish(at, "agent", "drained", agent.id, "is drained: nothing runs there any more");
  }

  /** All sessions: also those that have left it remember that it drained. */
  agentActivated(at: Instant, agent: Agent): void {
    this.#publish(at, "agent", "activated", agent.id, "takes tasks again");
    this.#tell(
      agent,
      this.#cluster.frameworks.sorted().map(({ id }) => id),
    );
  }

  agentDoubled(at: Instant, agent: Agent): void {
    const what = `two processes run as this agent: reports of generations before ${agent.generation} keep coming; stop one of them`;
    this.#publish(at, "agent", "doubled", agent.id, what);
  }

  lossHeldBack(at: Instant, message: string): void {
    this.#publish(at, "master", "loss-held-back", this.#cluster.master, message);
  }

  frameworkSubscribed(at: Instant, framework: Framework): void {
    const what = `subscribed in role ${framework.role}`;
    this.#publish(at, "framework", "subscribed", framework.id, what, { session: framework.session });
  }

  frameworkDisconnected(at: Instant, framework: Framework, why: string): void {
    this.#publish(at, "framework", "disconnected", framework.id, why);
  }

  frameworkRemoved(at: Instant, framework: Framework, why: string): void {
    this.#publish(at, "framework", "removed", framework.id, why);
  }

  /** Each is counted, also where nobody listens now: with the next renewal the session learns that it has missed some. */
  #tell(agent: Agent, concerned: readonly string[]): void {
    const { epoch, frameworks } = this.#cluster;
    const standing = standingOf(agent);
    for (const id of new Set(concerned)) {
      const framework = frameworks.get(id);
      if (framework?.session === undefined) continue;
      const event = { type: "agent-changed", epoch, agent: standing, change: ++framework.changes } as const;
      const { session, connected } = framework;
      if (connected) this.#out({ type: "tellFramework", framework: id, session, event });
    }
  }

  #publish(
    at: Instant,
    kind: ClusterEvent["kind"],
    type: string,
    about: string,
    message: string,
    details: Record<string, unknown> = {},
  ): void {
    const { epoch } = this.#cluster;
    const event: ClusterEvent = {
      kind,
      type,
      about,
      at: at.wall,
      by: "master",
      message,
      details: { epoch, ...details },
    };
    this.#out({ type: "publishEvent", event });
  }
}
