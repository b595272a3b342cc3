import type { Register, RegisterReply, Report, Rescind } from "#protocol/agent.js";
import { refusal, type Refusal } from "#protocol/errors.js";
import type { Instant } from "#libs/core/time.js";
import { Agent } from "./agents.js";
import type { Cluster } from "./cluster.js";
import { newerOf, orderOf } from "./drain.js";
import type { Ask, MasterEffect, Out } from "./events.js";
import type { News } from "./news.js";
import type { Offers } from "./offers.js";
import { agentKey, type AgentRecord } from "./registry.js";

/** So that a new leader of thousands can still hear frameworks and make offers meanwhile: no more than 5,000 registrations a second. */
const registrationMs = 0.2;
/** What agents do unless told. */
const usualSpreadMs = 250;

/**
 * Agents come, say what they have, and come back.
 *
 * 1. A registration is a cut: it raises the generation and voids all earlier offers of the agent, in one event.
 * 2. A report is a snapshot: in one generation the one with the highest sequence holds.
 * 3. An agent that was unreachable and reports in its old generation is asked to void what we have voided, before it is
 *    offered again.
 * 4. One id, one process: a second one is refused while the first is heard, unless it goes on from the first one's books.
 */
export class Registration {
  readonly #cluster: Cluster;
  readonly #offers: Offers;
  readonly #news: News;
  readonly #out: Out;
  /** Those whose first registration is being stored. */
  readonly #coming = new Set<string>();
  /** Those that reported since the last beat without being known. */
  readonly #strangers = new Set<string>();

  constructor(cluster: Cluster, offers: Offers, news: News, out: Out) {
    this.#cluster = cluster;
    this.#offers = offers;
    this.#news = news;
    this.#out = out;
  }

  /** That we lead, and within how long all agents shall register. */
  announcement(): MasterEffect {
    const { agents, settings } = this.#cluster;
    const spreadMs = Math.ceil(Math.min(agents.awaited * registrationMs, settings.agentTimeoutMs / 3));
    return spreadMs > usualSpreadMs ? { type: "announce", spreadMs } : { type: "announce" };
  }

  registering(at: Instant, ask: Ask, id: string, register: Register): void {
    const refused = this.#refusal(at, id, register);
    const known = this.#cluster.agents.get(id);
    if (known?.standing === "gone") this.#removedIsBack(at, known, register);
    if (refused !== undefined) return this.#answer(ask, { ok: false, error: refused });
    const drain = newerOf(known?.drain, register.drain, at.wall);
    const isStored =
      known !== undefined &&
      known.standing !== "unreachable" &&
      known.drain === drain &&
      JSON.stringify(known.info) === JSON.stringify(register.info);
    if (isStored) return this.#admit(at, ask, known, register);
    if (known === undefined) this.#coming.add(id);
    this.#out({
      type: "store",
      key: agentKey(id),
      value: { ...recordOf(at, register), ...lossOf(known), ...(drain && { drain }) },
      done: { type: "agentStored", ask, agent: id, register },
    });
  }

  stored(at: Instant, ask: Ask, id: string, register: Register): void {
    this.#coming.delete(id);
    const refused = this.#refusal(at, id, register);
    if (refused !== undefined) return this.#answer(ask, { ok: false, error: refused });
    const known = this.#cluster.agents.get(id);
    if (known !== undefined) return this.#admit(at, ask, known, register);
    if (this.#cluster.recovery.met(register.report, this.#out)) this.#news.registryLost(at);
    const agent = new Agent({ ...recordOf(at, register), generation: 0, use: [] }, "awaited", at.mono);
    this.#cluster.agents.put(agent);
    this.#cluster.books.enter(agent);
    this.#admit(at, ask, agent, register);
    this.#news.agentNew(agent);
  }

  /** Also for the report in the answer to a rescind, whose offers are settled before it. */
  reported(at: Instant, id: string, report: Report): void {
    if (report.epoch > this.#cluster.epoch) this.#out({ type: "hearEpoch", epoch: report.epoch });
    const agent = this.#cluster.agents.get(id);
    if (agent === undefined) return this.#stranger(at, id, report);
    if (agent.standing === "gone" || report.agent !== id) return;
    if (report.generation < agent.generation) return this.#stray(at, agent);
    this.#cluster.agents.heard(agent, at.mono);
    if (agent.standing === "unreachable") {
      if (agent.generation === report.generation && agent.isOurs) this.#offers.sweep(agent);
    } else if (agent.standing === "awaited") this.#learn(agent, report);
    else if (report.generation === agent.generation) this.#settle(at, agent, report);
  }

  beat(): void {
    this.#strangers.clear();
  }

  /** The report was made after the offers were voided: it settles them, also when a later one came first. */
  rescinded(at: Instant, id: string, rescind: Rescind, report: Report): void {
    const agent = this.#cluster.agents.get(id);
    if (agent === undefined || agent.standing === "gone") return;
    if (agent.generation === rescind.generation && report.generation === rescind.generation) {
      const isSwept = rescind.floor > agent.lastNumber;
      if (agent.standing === "unreachable" && agent.isOurs && isSwept) this.#back(at, agent);
      this.#settleNumbers(at, agent, report, rescind.offers);
      this.#offers.answered(agent);
    }
    this.reported(at, id, report);
    this.#cluster.books.refresh(agent);
  }

  /** Said once: it asks again and again. */
  #removedIsBack(at: Instant, agent: Agent, { report: { use } }: Register): void {
    if (agent.isSaidToBeBack) return;
    agent.isSaidToBeBack = true;
    this.#news.removedAgentBack(
      at,
      agent,
      use.reduce((sum, { tasks }) => sum + tasks, 0),
    );
  }

  #refusal(at: Instant, id: string, { info, bootId, report }: Register): Refusal | undefined {
    const { epoch, agents } = this.#cluster;
    if (info.id !== id || report.agent !== id) {
      const found = JSON.stringify(info.id !== id ? info.id : report.agent);
      const path = info.id !== id ? "/info/id" : "/report/agent";
      const faults = [{ path, expected: `${JSON.stringify(id)}, as in the subject`, found }];
      return refusal("invalid", "an agent registers itself only", faults);
    }
    if (report.epoch > epoch) {
      this.#out({ type: "hearEpoch", epoch: report.epoch });
      return { ...refusal("stale", `leader of epoch ${epoch}, you have heard of ${report.epoch}`), epoch };
    }
    const known = agents.get(id);
    if (known === undefined) return undefined;
    if (known.standing === "gone")
      return refusal(
        "forbidden",
        `agent ${id} was removed by an operator: removed once more it is let in again, and what it still runs is ended; ` +
          "or give it another id to use the host again",
      );
    if (known.bootId === bootId || report.generation > known.generation)
      return report.generation < known.generation
        ? refusal(
            "stale",
            `generation ${report.generation} is older than ${known.generation}: register again`,
          )
        : undefined;
    const silentMs = at.mono - known.heardAt;
    if (!known.heard || known.standing === "unreachable" || silentMs >= this.#cluster.settings.agentTimeoutMs)
      return undefined;
    return refusal(
      "conflict",
      `another process runs as agent ${id} (generation ${known.generation}, heard ${Math.round(silentMs)} ms ago, ` +
        `yours is ${report.generation}): stop it, or give this one its own id and work directory`,
    );
  }

  #admit(at: Instant, ask: Ask, agent: Agent, register: Register): void {
    const { epoch, master, settings, agents } = this.#cluster;
    const { bootId, report } = register;
    agents.heard(agent, at.mono);
    const order = newerOf(agent.drain, register.drain, at.wall);
    agents.drain(agent, order, (order?.number ?? 0) === (register.drain?.number ?? 0));
    if (agent.isOurs && agent.bootId === bootId && agent.generation === report.generation)
      this.reported(at, agent.id, report);
    else this.#cut(at, agent, register);
    const { reportIntervalMs } = settings;
    const drain = agent.ordersUnstored === 0 && agent.drain && { drain: orderOf(agent.drain, at.wall) };
    this.#answer(ask, { ok: true, epoch, master, reportIntervalMs, ...drain });
  }

  #cut(at: Instant, agent: Agent, { info, bootId, report }: Register): void {
    const { agents, books } = this.#cluster;
    const was = agent.standing;
    this.#offers.voidAll(agent);
    if (was !== "unreachable") books.leave(agent);
    agent.info = info;
    agent.bootId = bootId;
    agent.generation = report.generation;
    agent.sequence = report.sequence;
    agent.registeredAt = at.wall;
    agent.isOurs = true;
    agent.keepUse(report.use);
    agents.stand(agent, "registered");
    books.enter(agent);
    agent.strays = 0;
    this.#news.agentRegistered(at, agent, was);
  }

  /** Before its registration in this epoch: what it has in use counts, its free resources are not offered. */
  #learn(agent: Agent, report: Report): void {
    const isSame = report.generation === agent.generation;
    if (isSame && report.sequence <= agent.sequence) return;
    if (isSame) agent.sequence = report.sequence;
    this.#cluster.books.setUse(agent, report.use);
  }

  #settle(at: Instant, agent: Agent, report: Report): void {
    if (report.sequence <= agent.sequence) return;
    agent.sequence = report.sequence;
    this.#settleNumbers(at, agent, report, report.settled);
    this.#forgotten(agent, report);
    this.#cluster.books.setUse(agent, report.use);
    this.#save(at, agent);
  }

  #settleNumbers(at: Instant, agent: Agent, report: Report, numbers: readonly number[]): void {
    const settled = this.#offers.settle(agent, numbers);
    if (settled.length === 0) return;
    for (const { offer, framework, resources, filterMs } of report.refused) {
      const isNew = settled.some((each) => each.number === offer && each.framework === framework);
      if (isNew && filterMs > 0)
        this.#cluster.filters.refuse(framework, agent.id, resources, at.mono + filterMs);
    }
  }

  /** A full window of settled offers may have pushed out some that we did not hear of: we ask. */
  #forgotten(agent: Agent, { settled }: Report): void {
    if (settled.length < settledWindow) return;
    const lowest = Math.min(...settled);
    for (const offer of agent.offers.values()) {
      if (offer.number > lowest) return;
      this.#offers.rescind(offer, true);
    }
  }

  #back(at: Instant, agent: Agent): void {
    this.#cluster.agents.stand(agent, "registered");
    this.#cluster.books.enter(agent);
    this.#out({ type: "store", key: agentKey(agent.id), value: agent.record() });
    this.#news.agentRegistered(at, agent, "unreachable");
  }

  #save(at: Instant, agent: Agent): void {
    if (at.mono - agent.useSavedAt < this.#cluster.settings.saveUseMs) return;
    agent.useSavedAt = at.mono;
    const record = agent.record();
    const text = JSON.stringify(record.use);
    if (text === agent.useSaved) return;
    agent.useSaved = text;
    this.#out({ type: "store", key: agentKey(agent.id), value: record });
  }

  /**
   * It was forgotten while it was cut off with a server that it had not lost: nothing else would tell it. In the beginning of a
   * term all are on their way.
   */
  #stranger(at: Instant, id: string, { agent, generation }: Report): void {
    const { began, epoch, settings } = this.#cluster;
    const isOnItsWay = this.#coming.has(id) || at.mono - began.mono < settings.agentTimeoutMs;
    if (isOnItsWay || agent !== id || this.#strangers.has(id)) return;
    this.#strangers.add(id);
    const rescind: Rescind = { epoch, generation, offers: [], floor: 1, register: true };
    this.#out({ type: "rescind", agent: id, rescind });
  }

  #stray(at: Instant, agent: Agent): void {
    agent.strays++;
    if (agent.strays === straysMost) this.#news.agentDoubled(at, agent);
  }

  #answer(ask: Ask, body: RegisterReply): void {
    this.#out({ type: "answer", ask, body });
  }
}

/** Reports carry at most so many settled offers. */
const settledWindow = 256;

/** So many reports of an older generation are no latecomers any more. */
const straysMost = 3;

const lossOf = (agent: Agent | undefined) => (agent?.lostAt === undefined ? {} : { lostAt: agent.lostAt });

const recordOf = (at: Instant, { info, bootId, report }: Register): AgentRecord => ({
  info,
  bootId,
  generation: report.generation,
  registeredAt: at.wall,
  use: report.use,
  standing: "known",
});
