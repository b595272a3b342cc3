import { codec } from "#protocol/codec.js";
import { Report } from "#protocol/agent.js";
import { Subjects, wildcardOf } from "#protocol/subjects.js";
import { door, type Door } from "#libs/machine/door.js";
import { standFor, type Term } from "#libs/machine/leader.js";
import { pump } from "#libs/machine/pump.js";
import { Vault } from "#libs/machine/vault.js";
import { type Clock, delay } from "#libs/ports/clock.js";
import type { Bus } from "#libs/ports/bus.js";
import type { Lease } from "#libs/ports/lease.js";
import type { Log } from "#libs/ports/log.js";
import type { Random } from "#libs/ports/random.js";
import type { Sealer } from "#libs/ports/seal.js";
import type { Store } from "#libs/ports/store.js";
import type { StreamConfig, Streams } from "#libs/ports/stream.js";
import type { MasterEvent } from "./events.js";
import { Asks, openInbound } from "./inbound.js";
import { MasterMachine } from "./machine.js";
import { perform } from "./perform.js";
import { registryOf } from "./registry.js";
import type { MasterSettings } from "./settings.js";

/** The ports that a master needs. */
export interface MasterPorts {
  readonly bus: Bus;
  readonly streams: Streams;
  readonly store: Store;
  readonly lease: (name: string, holder: string) => Lease;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly sealer: Sealer;
}

export interface MasterConfig {
  readonly cluster: string;
  /** Who we are, for people: a name of the process. */
  readonly master: string;
  readonly replicas: number;
  readonly settings: MasterSettings;
}

/** Ends the present term, if any, and stands no more. */
export type StopMaster = () => Promise<void>;

const report = codec(Report);
const dayMs = 24 * 3600 * 1000;
const retryMs = 500;

/** Stands for the lead and runs one term after the other; hears the agents' reports all the time. `crashed`: a bug threw. */
export function runMaster(
  ports: MasterPorts,
  config: MasterConfig,
  crashed: (cause: unknown) => void,
): StopMaster {
  const { bus, clock, log } = ports;
  const subjects = new Subjects(config.cluster);
  const lease = ports.lease("master", config.master);
  const entrance = door(log, clock);
  const reports = new Reports();
  const hearing = bus.messages(subjects.reportAll).subscribe((message) => {
    const agent = wildcardOf(subjects.reportAll, message.subject);
    const content = agent === undefined ? undefined : entrance.decode(report, message);
    if (agent !== undefined && content !== undefined) reports.heard(agent, content);
  });
  const stop = standFor(
    lease,
    log,
    (term) => runTerm(ports, config, subjects, lease, entrance, reports, term, crashed),
    crashed,
  );
  return async () => {
    await stop();
    hearing.unsubscribe();
    entrance.close();
  };
}

/** The last report of each agent: what makes a standby warm. */
class Reports {
  readonly last = new Map<string, Report>();
  /** Of the present term. */
  emit: ((event: MasterEvent) => void) | undefined;

  heard(agent: string, content: Report): void {
    this.last.set(agent, content);
    this.emit?.({ type: "agentReported", agent, report: content });
  }
}

async function runTerm(
  ports: MasterPorts,
  config: MasterConfig,
  subjects: Subjects,
  lease: Lease,
  entrance: Door,
  reports: Reports,
  term: Term,
  crashed: (cause: unknown) => void,
): Promise<void> {
  const { bus, streams, store, clock, random, log, sealer } = ports;
  const { master, replicas, settings } = config;
  const { epoch, mayAct } = term;
  await ensureStreams(ports, subjects, replicas, mayAct);
  const bucket = subjects.bucket("master");
  const vault = await Vault.open({
    store,
    bucket,
    replicas,
    epoch,
    writer: random.token(12),
    clock,
    log,
    mayAct,
  });
  if (vault === undefined || term.isOver()) return;
  const registry = registryOf(vault.loaded);
  for (const { key, faults } of registry.unreadable)
    log.warn("an entry of the registry is none of ours: it is left alone", { key, faults });

  const asks = new Asks();
  const office = { bus, streams, sealer, lease, log, subjects, vault, term, asks, master, replicas };
  const running = pump({
    machine: new MasterMachine(clock.now(), { epoch, master, settings, registry, lastReports: reports.last }),
    clock,
    mayAct,
    perform: (effect, emit: (event: MasterEvent) => void) => perform(office, effect, emit),
    ended: (why) => (why === "deposed" ? term.resign("the lease ran out") : crashed(why.crash)),
  });
  term.onEnd(running.stop);
  running.emit({ type: "termBegan" });
  term.onEnd(openInbound({ bus, subjects, door: entrance, asks, emit: running.emit }));
  reports.emit = running.emit;
  term.onEnd(() => {
    reports.emit = undefined;
  });
}

/** Updates wait a week for their framework, events are kept a week; both have a bound in bytes besides. */
async function ensureStreams(
  { streams, clock, log }: MasterPorts,
  subjects: Subjects,
  replicas: number,
  mayAct: () => boolean,
): Promise<void> {
  const configs: StreamConfig[] = [
    {
      name: subjects.statusStream,
      subjects: [subjects.statusAll],
      kind: "queue",
      maxAgeMs: 7 * dayMs,
      maxBytes: 2 ** 30,
      replicas,
    },
    {
      name: subjects.eventStream,
      subjects: [subjects.eventAll],
      kind: "log",
      maxAgeMs: 7 * dayMs,
      maxBytes: 64 * 2 ** 20,
      replicas,
    },
  ];
  for (const config of configs)
    for (; mayAct(); await delay(clock, retryMs)) {
      try {
        await streams.ensure(config);
        break;
      } catch (cause) {
        log.warn("a stream cannot be made, trying again", { stream: config.name, cause: String(cause) });
      }
    }
}
