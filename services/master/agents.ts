import type { AgentInfo, Use } from "#protocol/agent.js";
import type { AgentStanding } from "#protocol/framework.js";
import type { ExecutorInfo, Offer, Session } from "#protocol/offer.js";
import type { Attributes, Resources } from "#protocol/resources.js";
import { add, none, subtract, sum } from "#libs/core/resources.js";
import type { Supply } from "./allocator.js";
import type { AgentRecord, DrainRecord } from "./registry.js";

/**
 * registered: in this epoch. awaited: the registry knows it, it has not registered with us yet: its last known use counts.
 * unreachable: no report for the agent time-out. gone: removed by an operator, for good.
 */
export type Standing = AgentStanding["state"];

/** How many of one kind of need, by its key, an offer was made for. */
export interface Units {
  readonly key: string;
  readonly count: number;
}

/** An offer that nobody has settled yet: charged in full to its framework. */
export interface OpenOffer {
  readonly number: number;
  readonly agent: string;
  readonly framework: string;
  readonly session: Session;
  readonly role: string;
  readonly resources: Resources;
  readonly units: readonly Units[];
  readonly madeAt: number;
  state: "out" | "rescinding";
}

/** An agent as the leader knows it. As a place it has what is free: total − used − offered (R1). */
export class Agent implements Supply {
  readonly id: string;
  info: AgentInfo;
  standing: Standing;
  generation: number;
  bootId: string;
  /** Of the last report in this generation. */
  sequence = 0;
  /** Wall ms. */
  registeredAt: number;
  /** Wall ms of when it was declared unreachable last, by whichever leader. */
  lostAt: number | undefined;
  /** Wall ms of when an operator removed it. */
  goneAt: number | undefined;
  /** Monotonic ms of the last word from it; the beginning of the term before there was one. */
  heardAt: number;
  /** False until its first word in this epoch. */
  heard = false;
  use: readonly Use[];
  used: Resources;
  resources: Resources = none;
  /** Open ones, lowest number first. */
  readonly offers = new Map<number, OpenOffer>();
  /** Numbers of offers are the agent's own in an epoch: they go on from one generation to the next. */
  lastNumber = 0;
  /** Whether it has registered in this epoch: what it honours of us is known to be of this generation. */
  isOurs = false;
  /** Monotonic ms at which its use was last written to the registry, and what was written. */
  useSavedAt: number;
  useSaved: string;
  /** Frameworks that had, or may have, something there when it was lost: they are told what becomes of it. */
  lostTo: readonly string[] = [];
  /** It was removed, has come back, and that was told. */
  isSaidToBeBack = false;
  /** Reports of an earlier generation since the last registration: signs of a second process. */
  strays = 0;
  /** The last order of an operator about it, if there ever was one. */
  drain: DrainRecord | undefined;
  /** It is known to have recorded that order: till then it may refuse launches because of the one before. */
  hasRecorded: boolean;
  /** Orders about it that are on their way to the registry: until all are there, nobody is told of any. */
  ordersUnstored = 0;
  /** Its place among those that have something to give; -1: none. */
  openAt = -1;
  /** The last port that was offered: the next ones come after it, so that a port rests after its use. */
  lastPort = -1;

  constructor(record: AgentRecord, standing: Standing, now: number) {
    this.id = record.info.id;
    this.info = record.info;
    this.standing = standing;
    this.generation = record.generation;
    this.bootId = record.bootId;
    this.registeredAt = record.registeredAt;
    this.lostAt = record.lostAt;
    this.goneAt = record.goneAt;
    this.heardAt = now;
    this.useSavedAt = now;
    this.drain = record.drain;
    this.hasRecorded = record.drain === undefined;
    this.use = record.use;
    this.useSaved = JSON.stringify(record.use);
    this.used = sum(record.use.map(({ resources }) => resources));
    if (standing === "unreachable") this.lostTo = this.users;
    this.recount();
  }

  /** Sets it without counting anything anew. */
  keepUse(use: readonly Use[]): void {
    this.use = use;
    this.used = sum(use.map(({ resources }) => resources));
  }

  get host(): string {
    return this.info.host;
  }
  get attributes(): Attributes {
    return this.info.attributes;
  }
  get executors(): readonly ExecutorInfo[] {
    return this.info.executors;
  }

  /** The lowest number that is still open, or will be given next. */
  get floor(): number {
    for (const number of this.offers.keys()) return number;
    return this.lastNumber + 1;
  }

  get offered(): Resources {
    let offered = none;
    for (const { resources } of this.offers.values()) offered = add(offered, resources);
    return offered;
  }

  recount(): void {
    this.resources = subtract(subtract(this.info.totals, this.used), this.offered);
  }

  /** The offer as its framework is shown it. */
  offer(epoch: number, { number, framework, session, role, resources }: OpenOffer): Offer {
    const { id: agent, generation, floor } = this;
    const { host, attributes, executors } = this.info;
    return {
      agent,
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
  }

  get isDraining(): boolean {
    return this.drain?.draining === true;
  }

  /** What it has free may be offered. */
  get mayOffer(): boolean {
    return this.standing === "registered" && !this.isDraining && this.hasRecorded;
  }

  /** Frameworks that have tasks there. */
  get users(): string[] {
    return this.use.filter(({ tasks }) => tasks > 0).map(({ framework }) => framework);
  }

  has(framework: string): boolean {
    return this.use.some((use) => use.framework === framework && use.tasks > 0);
  }

  record(): AgentRecord {
    const standing = this.standing === "unreachable" || this.standing === "gone" ? this.standing : "known";
    const { info, generation, bootId, registeredAt, lostAt, goneAt, use, drain } = this;
    const away = { ...(lostAt !== undefined && { lostAt }), ...(goneAt !== undefined && { goneAt }) };
    const ordered = drain && { drain };
    return { info, generation, bootId, registeredAt, ...away, use: [...use], standing, ...ordered };
  }
}

/** Wall ms since when it is unreachable or gone. */
export const awaySince = ({
  goneAt,
  lostAt,
}: {
  readonly goneAt?: number | undefined;
  readonly lostAt?: number | undefined;
}): number | undefined => goneAt ?? lostAt;

/** All that is known, and who was silent longest. */
export class Agents {
  readonly #byId = new Map<string, Agent>();
  /** Those whose silence counts, in the order in which they were last heard. */
  readonly #listening = new Map<string, Agent>();
  /** Those that are unreachable or gone, longest first. */
  readonly #away = new Map<string, Agent>();
  readonly #draining = new Set<Agent>();
  readonly #unrecorded = new Set<Agent>();
  /** By id; undefined when somebody came or went since. */
  #sorted: readonly Agent[] | undefined;
  #awaited = 0;
  #gone = 0;

  get(id: string): Agent | undefined {
    return this.#byId.get(id);
  }

  all(): Iterable<Agent> {
    return this.#byId.values();
  }

  sorted(): readonly Agent[] {
    return (this.#sorted ??= [...this.#byId.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1)));
  }

  /** How many have not registered in this epoch and have not timed out. */
  get awaited(): number {
    return this.#awaited;
  }

  /** Those that are not gone. */
  get known(): number {
    return this.#byId.size - this.#gone;
  }

  /** Those that an operator wants empty, and those that are. */
  get draining(): Iterable<Agent> {
    return this.#draining;
  }

  /** Those that have to be told their last order. */
  get unrecorded(): Iterable<Agent> {
    return this.#unrecorded;
  }

  /** The last order about it is this one from now on. */
  drain(agent: Agent, order: DrainRecord | undefined, hasRecorded: boolean): void {
    agent.drain = order;
    agent.hasRecorded = hasRecorded;
    if (agent.isDraining) this.#draining.add(agent);
    else this.#draining.delete(agent);
    if (hasRecorded) this.#unrecorded.delete(agent);
    else this.#unrecorded.add(agent);
  }

  put(agent: Agent): void {
    this.drain(agent, agent.drain, agent.hasRecorded);
    this.#count(this.#byId.get(agent.id)?.standing, -1);
    this.#byId.set(agent.id, agent);
    this.#sorted = undefined;
    this.#count(agent.standing, 1);
    this.#listen(agent);
  }

  stand(agent: Agent, standing: Standing): void {
    this.#count(agent.standing, -1);
    agent.standing = standing;
    this.#count(standing, 1);
    this.#listen(agent);
  }

  forget(agent: Agent): void {
    this.#count(agent.standing, -1);
    this.#byId.delete(agent.id);
    this.#sorted = undefined;
    this.#listening.delete(agent.id);
    this.#draining.delete(agent);
    this.#unrecorded.delete(agent);
    this.#away.delete(agent.id);
  }

  /** Unreachable or gone, in the order in which they went. */
  away(): Iterable<Agent> {
    return this.#away.values();
  }

  heard(agent: Agent, now: number): void {
    agent.heardAt = now;
    agent.heard = true;
    this.#listen(agent);
  }

  /** Who was last heard before `time`, longest silent first. */
  *silentSince(time: number): Iterable<Agent> {
    for (const agent of this.#listening.values()) {
      if (agent.heardAt > time) return;
      yield agent;
    }
  }

  #listen(agent: Agent): void {
    this.#listening.delete(agent.id);
    this.#away.delete(agent.id);
    const isHere = agent.standing === "registered" || agent.standing === "awaited";
    (isHere ? this.#listening : this.#away).set(agent.id, agent);
  }

  #count(standing: Standing | undefined, by: number): void {
    if (standing === "awaited") this.#awaited += by;
    if (standing === "gone") this.#gone += by;
  }
}
