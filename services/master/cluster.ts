import type { AgentStanding } from "#protocol/framework.js";
import type { Instant } from "#libs/core/time.js";
import { Agent, Agents, awaySince } from "./agents.js";
import { Books } from "./books.js";
import { Connectivity } from "./connectivity.js";
import { drainingOf } from "./drain.js";
import { Filters } from "./filters.js";
import { Framework, Frameworks } from "./frameworks.js";
import type { LastReports } from "./last-reports.js";
import type { AgentRecord, Registry } from "./registry.js";
import { Recovery } from "./recovery.js";
import { Roles } from "./roles.js";
import type { MasterSettings } from "./settings.js";
import { Shares } from "./shares.js";

export interface TermOptions {
  readonly epoch: number;
  /** Who leads: for people. */
  readonly master: string;
  readonly settings: MasterSettings;
  readonly registry: Registry;
  /** What a standby has heard before it took over, by agent. */
  readonly lastReports: Pick<LastReports, "get">;
}

/** The cluster as the leader of one term knows it: what its parts share. */
export class Cluster {
  readonly epoch: number;
  readonly master: string;
  readonly settings: MasterSettings;
  readonly began: Instant;
  readonly connectivity: Connectivity;
  readonly recovery: Recovery;
  readonly agents = new Agents();
  readonly frameworks = new Frameworks();
  readonly roles = new Roles();
  readonly filters = new Filters();
  readonly shares = new Shares();
  readonly books: Books;

  constructor(at: Instant, { epoch, master, settings, registry, lastReports }: TermOptions) {
    this.epoch = epoch;
    this.master = master;
    this.settings = settings;
    this.began = at;
    this.connectivity = new Connectivity(at, settings.beatMs);
    this.recovery = new Recovery(at, this.connectivity, registry, settings.agentTimeoutMs);
    this.books = new Books(this.frameworks, this.shares);
    for (const record of registry.roles) this.roles.put(record);
    for (const record of registry.frameworks) this.frameworks.put(new Framework(record));
    for (const record of registry.agents.toSorted(byLoss)) {
      const report = lastReports.get(record.info.id);
      const isNewer = report !== undefined && report.generation >= record.generation;
      const latest = isNewer ? { ...record, use: report.use } : record;
      const agent = new Agent(latest, record.standing === "known" ? "awaited" : record.standing, at.mono);
      this.agents.put(agent);
      if (agent.standing === "awaited") this.books.enter(agent);
    }
  }

  /** Undefined: it is not known, and may have been when the registry was lost. */
  standing(at: Instant, agent: string): AgentStanding | undefined {
    const known = this.agents.get(agent);
    if (known !== undefined) return standingOf(known);
    const isOld = this.recovery.registryMadeAt + this.settings.forgetAfterMs <= at.wall;
    return isOld ? { agent, state: "gone" } : undefined;
  }
}

/** As frameworks are told of it. */
export function standingOf({ id: agent, standing: state, drain }: Agent): AgentStanding {
  const draining = drainingOf(drain);
  return { agent, state, ...(draining && { draining }) };
}

/** Longest away first. */
const byLoss = (a: AgentRecord, b: AgentRecord): number => (awaySince(a) ?? 0) - (awaySince(b) ?? 0);
