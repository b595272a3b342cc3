import { Subscription } from "rxjs";
import { Subjects } from "#protocol/subjects.js";
import type { Attributes, Resources } from "#protocol/resources.js";
import { door } from "#libs/machine/door.js";
import { pump } from "#libs/machine/pump.js";
import type { Bus } from "#libs/ports/bus.js";
import type { Random } from "#libs/ports/random.js";
import type { Sealer } from "#libs/ports/seal.js";
import { Agent } from "./agent.js";
import type { Allowance } from "./allowance.js";
import type { CollectionSettings } from "./collection.js";
import type { AgentEvent } from "./events.js";
import { Inbound } from "./inbound.js";
import { perform, type World } from "./perform.js";
import { detectExecutors } from "./perform-host.js";
import { type JournalRecord, journalRecord } from "./records.js";
import { Replies } from "./replies.js";

/** The ports that an agent needs. */
export type AgentPorts = Pick<
  World,
  "streams" | "journal" | "executors" | "sandboxes" | "host" | "probe" | "catalog" | "clock" | "log"
> & { readonly bus: Bus; readonly sealer: Sealer; readonly random: Random };

export interface AgentConfig {
  readonly cluster: string;
  readonly id: string;
  /** Address under which its tasks are reached. */
  readonly host: string;
  readonly version: string;
  /** From what was detected, what is offered. */
  readonly totals: (detected: Resources) => Resources;
  readonly attributes: Attributes;
  /** With which its offers are sealed; derived from the cluster's key unless given. */
  readonly key?: string;
  readonly allowance: Allowance;
  readonly collection: CollectionSettings;
  /** When it is asked to stop, its tasks end too. */
  readonly endTasksOnStop: boolean;
}

/** Done when the process may end. */
export type StopAgent = () => Promise<void>;

/** Reads the journal, looks what is here, and lets the agent take over. `crashed`: a bug threw, or it cannot go on. */
export async function runAgent(
  ports: AgentPorts,
  config: AgentConfig,
  crashed: (cause: unknown) => void,
): Promise<StopAgent> {
  const { bus, clock, log, random, sealer, executors } = ports;
  const [records, detected, resources] = await Promise.all([
    readJournal(ports),
    detectExecutors(executors),
    ports.host.detect(),
  ]);
  const totals = config.totals(resources);
  const takenPorts = await ports.host.takenPorts(totals.ports);
  for (const warning of detected.warnings) log.warn("not all can be had here", { warning });

  const subjects = new Subjects(config.cluster);
  const replies = new Replies();
  const entrance = door(log, clock, () => running.emit({ type: "messageDropped" }));
  let stopped: () => void = () => undefined;
  const hasStopped = new Promise<void>((done) => {
    stopped = done;
  });
  const agent = new Agent({
    cluster: config.cluster,
    info: {
      id: config.id,
      host: config.host,
      version: config.version,
      totals,
      attributes: config.attributes,
    },
    executors: detected.executors,
    warnings: detected.warnings,
    takenPorts,
    bootId: random.token(12),
    hostBoot: ports.host.bootId,
    allowance: config.allowance,
    collection: config.collection,
    fingerprint: (entry) => ports.catalog.fingerprint(entry),
  });
  const world: World = {
    ...ports,
    agent: config.id,
    subjects,
    replies,
    beFound: () => inbound.beFound(),
    stop: (fault) => (fault === undefined ? stopped() : crashed(new Error(fault))),
  };
  const running = pump<AgentEvent, Parameters<typeof perform>[1]>({
    machine: agent,
    clock,
    perform: (effect, emit) => perform(world, effect, emit),
    ended: (why) => crashed(why === "deposed" ? new Error("the agent ended by itself") : why.crash),
  });
  const inbound = new Inbound({
    agent: config.id,
    subjects,
    bus,
    door: entrance,
    sealer,
    key: config.key ?? sealer.agentKey(config.id),
    random,
    replies,
    emit: (event) => running.emit(event),
  });
  running.emit({ type: "loaded", records });
  // Ends are told to those who know the tasks.
  const exits = new Subscription();
  for (const executor of executors)
    exits.add(executor.exits.subscribe((exit) => running.emit({ type: "exited", ...exit })));
  inbound.open();
  return async () => {
    running.emit({ type: "stopAsked", endTasks: config.endTasksOnStop });
    await hasStopped;
    running.stop();
    inbound.close();
    entrance.close();
    exits.unsubscribe();
    await Promise.all(executors.map((executor) => executor.close()));
  };
}

/** What we wrote ourselves: a record of another form is of another version, and no memory is better than a wrong one. */
async function readJournal({ journal }: AgentPorts): Promise<JournalRecord[]> {
  const records = await journal.load();
  return records.map((record, index) => {
    const checked = journalRecord.check(record);
    if (checked.ok) return checked.value;
    const [fault] = checked.error.faults;
    throw new Error(
      `the journal's record ${index + 1} has a form that is not known here: ` +
        `${fault!.path || "/"}: expected ${fault!.expected}, found ${fault!.found}`,
    );
  });
}
