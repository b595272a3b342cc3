import type { Report } from "#protocol/agent.js";
import type { Subjects } from "#protocol/subjects.js";
import { type Door, door, undecodedAt } from "#libs/machine/door.js";
import { standFor, type Term } from "#libs/machine/leader.js";
import type { Machine } from "#libs/machine/machine.js";
import { pump } from "#libs/machine/pump.js";
import { Vault } from "#libs/machine/vault.js";
import type { Bus, Message } from "#libs/ports/bus.js";
import { type Clock, delay } from "#libs/ports/clock.js";
import type { Lease } from "#libs/ports/lease.js";
import type { Log } from "#libs/ports/log.js";
import type { Random } from "#libs/ports/random.js";
import type { Sealer } from "#libs/ports/seal.js";
import type { Store } from "#libs/ports/store.js";
import type { Streams } from "#libs/ports/stream.js";
import type { Ask, MasterEffect, MasterEvent } from "./events.js";
import { doorAnswers, inbound, reports } from "./inbound.js";
import { LastReports } from "./last-reports.js";
import { MasterMachine } from "./machine.js";
import { perform } from "./perform.js";
import { makeBuckets } from "./perform-buckets.js";
import { registryOf } from "./registry.js";
import type { MasterSettings } from "./settings.js";

export interface MasterPorts {
  readonly bus: Bus;
  readonly streams: Streams;
  readonly store: Store;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly lease: (name: string, holder: string) => Lease;
}

export interface MasterOptions {
  readonly subjects: Subjects;
  /** Its name for people; made unless given. */
  readonly name?: string | undefined;
  readonly replicas: number;
  readonly settings: MasterSettings;
  /** For checks: is handed the machine of each term, and gives what the pump drives in its place. */
  readonly watch?: WatchMachine | undefined;
}

export type WatchMachine = (machine: MasterMachine) => Machine<MasterEvent, MasterEffect>;

/**
 * Runs a master: it stands for the lease `master`, hears the reports of agents from the first moment on, and for each term
 * makes the streams, loads the registry and pumps. Returns how to stop: the next one takes over at once.
 */
export function runMaster(
  ports: MasterPorts,
  options: MasterOptions,
  crashed: (cause: unknown) => void,
): () => Promise<void> {
  const master = options.name ?? `master-${ports.random.token(6)}`;
  const log = ports.log.child({ master });
  const entrance = door(log, ports.clock);
  const lastReports = new LastReports();
  let listener: ((agent: string, report: Report) => void) | undefined;

  const hearing = reports({ ...ports, subjects: options.subjects, door: entrance }, (agent, report) => {
    lastReports.heard(ports.clock.now().mono, agent, report);
    listener?.(agent, report);
  });
  const lease = ports.lease("master", master);
  const stand = standFor(
    lease,
    log,
    async (term) => {
      const world = { ports: { ...ports, log }, options, master, lease, door: entrance, crashed };
      const emit = await beginTerm(world, term, lastReports);
      if (emit === undefined) return;
      listener = (agent, report) => emit({ type: "agentReported", agent, report });
      term.onEnd(() => (listener = undefined));
    },
    crashed,
  );
  return async () => {
    hearing.unsubscribe();
    entrance.close();
    await stand();
  };
}

interface TermWorld {
  readonly ports: MasterPorts;
  readonly options: MasterOptions;
  readonly master: string;
  readonly lease: Lease;
  readonly door: Door;
  readonly crashed: (cause: unknown) => void;
}

/** Undefined when the term was over before it had begun. */
async function beginTerm(
  { ports, options, master, lease, door, crashed }: TermWorld,
  term: Term,
  lastReports: LastReports,
): Promise<((event: MasterEvent) => void) | undefined> {
  const { bus, clock, log, random, store } = ports;
  const { subjects, replicas, settings, watch = (machine) => machine } = options;
  const { epoch, mayAct } = term;
  if (!(await streamsMade(ports, options, term))) return undefined;
  const vault = await Vault.open({
    store,
    bucket: subjects.bucket("master"),
    replicas,
    epoch,
    writer: random.token(12),
    clock,
    log,
    mayAct,
    heard: (later) => lease.heard(later),
  });
  if (vault === undefined || term.isOver()) return undefined;
  const registry = registryOf(vault.loaded);
  for (const { key, faults } of registry.unreadable)
    log.error("a record of the registry cannot be read and is left alone", { key, faults });

  const asks = new Map<Ask, Message>();
  let lastAsk = 0;
  const world = {
    ...ports,
    epoch,
    master,
    subjects,
    vault,
    asks,
    resign: term.resign.bind(term),
    hear: (later: number) => lease.heard(later),
  };
  const pumping = pump<MasterEvent, MasterEffect>({
    machine: watch(new MasterMachine(clock.now(), { epoch, master, settings, registry, lastReports })),
    clock,
    mayAct,
    perform: (effect, emit) => perform(world, effect, emit),
    ended: (why) => {
      if (why === "deposed") return term.resign("the lease ran out");
      term.resign("a bug");
      crashed(why.crash);
    },
  });
  term.onEnd(() => pumping.stop());
  const keep = (message: Message): Ask => {
    asks.set(++lastAsk, message);
    return lastAsk;
  };
  const answering = doorAnswers({ bus, subjects, door }, () => ({
    here: undecodedAt(door),
    agents: lastReports.undecoded(),
  }));
  term.onEnd(() => answering.unsubscribe());
  term.onEnd(inbound({ bus, clock, subjects, door, keep, emit: pumping.emit }));
  term.onEnd(makeBuckets({ bus, store, subjects, replicas, log }));
  pumping.emit({ type: "termBegan" });
  return pumping.emit;
}

const dayMs = 24 * 3600 * 1000;
const mib = 1024 * 1024;

/** Updates that nobody has acknowledged, and what happened: both for a week, both bounded. Tries until the store answers. */
async function streamsMade(
  { streams, clock, log }: MasterPorts,
  { subjects, replicas }: MasterOptions,
  { mayAct }: Term,
): Promise<boolean> {
  for (; mayAct(); await delay(clock, retryMs)) {
    try {
      await streams.ensure({
        name: subjects.statusStream,
        subjects: [subjects.statusAll],
        kind: "queue",
        maxAgeMs: 7 * dayMs,
        maxBytes: 256 * mib,
        replicas,
      });
      await streams.ensure({
        name: subjects.eventStream,
        subjects: [subjects.eventAll],
        kind: "log",
        maxAgeMs: 7 * dayMs,
        maxBytes: 64 * mib,
        replicas,
      });
      return true;
    } catch (cause) {
      log.warn("the streams cannot be made yet, trying again", { cause: String(cause) });
    }
  }
  return false;
}

const retryMs = 500;
