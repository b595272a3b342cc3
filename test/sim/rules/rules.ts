import { Register, type RemoveFramework, type RescindReply } from "#protocol/agent.js";
import { masterApi } from "#protocol/api.js";
import { codec } from "#protocol/codec.js";
import { decodeId } from "#protocol/ids.js";
import type { Accept, AcceptReply, Kill, Reconcile, ReconcileReply } from "#protocol/launch.js";
import type { Session } from "#protocol/offer.js";
import { StatusBatch } from "#protocol/status.js";
import { type Subjects, wildcardOf } from "#protocol/subjects.js";
import type { TaskUpdate } from "#protocol/task.js";
import type { WatchFramework } from "#libs/framework/service.js";
import type { Machine } from "#libs/machine/machine.js";
import type { SimNode } from "#libs/sim/node.js";
import type { Parcel } from "#libs/sim/server.js";
import type { SimWorld } from "#libs/sim/world.js";
import type { JournalRecord } from "#services/agent/records.js";
import type { MasterEffect, MasterEvent } from "#services/master/events.js";
import type { MasterMachine } from "#services/master/machine.js";
import { defaultSettings, type MasterSettings } from "#services/master/settings.js";
import type { AgentHost } from "../agent-host.js";
import { EndsRule } from "./ends.js";
import { FrameworksRule } from "./frameworks.js";
import { LaunchesRule } from "./launches.js";
import { LeadersRule } from "./leaders.js";
import { LossesRule } from "./losses.js";
import { OffersRule } from "./offers.js";
import { ResourcesRule } from "./resources.js";
import { UpdatesRule } from "./updates.js";

const batches = codec(StatusBatch);
const registrations = codec(Register);

export interface RulesOptions {
  readonly world: SimWorld;
  readonly subjects: Subjects;
  /** How many agents there are. */
  readonly agents: number;
  readonly settings?: Partial<MasterSettings>;
}

/**
 * Watches a run for the rules that always hold, from where nobody can deceive it: at the hosts and their disks, at the server, and
 * inside the leading master and the frameworks. R1 resources · R2 offers · R3 launches · R4, R5 updates · R6 leaders · R7 losses · R8 ends.
 */
export class Rules {
  readonly #world: SimWorld;
  readonly #subjects: Subjects;
  readonly #breaches: string[] = [];
  readonly #launches: LaunchesRule;
  readonly #frameworks: FrameworksRule;
  readonly #resources: ResourcesRule;
  readonly #offers: OffersRule;
  readonly #updates: UpdatesRule;
  readonly #leaders: LeadersRule;
  readonly #losses: LossesRule;
  readonly #ends: EndsRule;
  /** What each disk holds. */
  readonly #disks = new Map<string, JournalRecord[]>();
  /** Where an answer goes → what it tells us. */
  readonly #awaited = new Map<string, Answered>();

  constructor({ world, subjects, agents, settings }: RulesOptions) {
    const breach = (what: string) => this.breach(what);
    const { agentTimeoutMs, removalShare } = { ...defaultSettings, ...settings };
    this.#world = world;
    this.#subjects = subjects;
    this.#resources = new ResourcesRule(breach);
    this.#offers = new OffersRule(breach);
    this.#updates = new UpdatesRule(breach);
    this.#leaders = new LeadersRule(breach);
    this.#launches = new LaunchesRule(breach);
    this.#frameworks = new FrameworksRule(breach);
    const now = () => world.schedule.now;
    const clocksWereSet = () => world.clocksWereSet;
    this.#ends = new EndsRule({ breach, now, wallAtStart: world.wallAtStart, clocksWereSet });
    const mostPerMinute = Math.max(1, Math.floor(agents * removalShare));
    this.#losses = new LossesRule({ breach, now, agentTimeoutMs, mostPerMinute });
    world.server.came = (parcel) => this.#overhears(parcel);
    world.server.streams.came = (subject, bytes) => {
      if (wildcardOf(subjects.statusAll, subject) !== undefined) this.#updated(bytes);
    };
  }

  get areBroken(): boolean {
    return this.#breaches.length > 0;
  }

  assertKept(): void {
    if (this.areBroken) throw new Error(`rules were broken:\n- ${this.#breaches.join("\n- ")}`);
  }

  breach(what: string): void {
    this.#breaches.push(`at ${this.#world.schedule.now.toFixed(1)} ms: ${what}`);
  }

  /** A host, from its first start on. */
  watch({ id, totals, tasks, disk }: Watched): void {
    tasks.starting = (spec) => {
      this.#launches.starts(id, spec.id);
      this.#resources.starting(id, totals, tasks.runningSpecs(), spec);
    };
    tasks.signalling = (task) => this.#ends.signalled(id, task);
    this.#disks.set(id, []);
    disk.wrote = (texts, all) => {
      const records = texts.map((text) => JSON.parse(text) as JournalRecord);
      if (all) return void this.#disks.set(id, records);
      this.#disks.get(id)!.push(...records);
      for (const record of records) this.#recorded(id, record);
    };
    disk.lost = (count) => {
      const records = this.#disks.get(id)!;
      records.length -= count;
      const cut = records.findLast((record) => record.type === "cut");
      this.#offers.lost(id, cut);
      this.#leaders.knows(id, cut?.epoch ?? 0);
    };
  }

  /** A machine of a leading master on this node: looked at after each of its events, and when a turn of them settles. */
  watchMaster(node: SimNode): (machine: MasterMachine) => Machine<MasterEvent, MasterEffect> {
    const { connection, lost, clockSet } = this.#losses.watch(node.name);
    node.clockSet = clockSet;
    node.link.connection.subscribe(({ state }) => connection(state === "connected"));
    return (watched) => {
      const looked = (effects: readonly MasterEffect[]) => {
        for (const agent of watched.agents) this.#resources.booked(node.name, agent);
        for (const effect of effects)
          if (effect.type === "publishEvent" && effect.event.type === "unreachable") lost(effect.event.about);
        return effects;
      };
      const machine: Machine<MasterEvent, MasterEffect> = watched;
      return {
        nextDeadline: () => machine.nextDeadline(),
        handle: (at, event) => looked(machine.handle(at, event)),
        ...(machine.settle && { settle: (at) => looked(machine.settle!(at)) }),
      };
    };
  }

  /** The machines of a framework's process: looked at after each of their events. */
  watchFramework(process: string): WatchFramework {
    return this.#frameworks.watch(process);
  }

  /** The last state that the stream has got of a task. */
  stateOf(task: string): TaskUpdate["state"] | undefined {
    return this.#updates.stateOf(task);
  }

  /** What the disk of an agent holds. */
  recordsOf(agent: string): readonly JournalRecord[] {
    return this.#disks.get(agent)!;
  }

  /** R5: what an agent's disk has, and the stream never got. */
  untold(agent: string): TaskUpdate[] {
    return this.#disks
      .get(agent)!
      .flatMap((record) => (record.type === "updated" ? [record.update] : []))
      .filter((update) => !this.#updates.hasCome(update));
  }

  /** Every message that the server gets. */
  #overhears(parcel: Parcel): void {
    const { subject, bytes, failure, from = "server" } = parcel;
    if (subject.startsWith("_INBOX.")) {
      if (bytes.length > 0 && failure === undefined) this.#awaited.get(subject)?.(bytes, from);
      return;
    }
    if (subject === this.#subjects.leader) return void this.#leaders.speaks(from, epochOf(bytes));
    const [, , kind, id, sender, framework, verb] = subject.split(".");
    if (kind === "master" && id === "agent" && framework === "register")
      return this.#registers(decodeId(sender!)!, bytes);
    if (kind === "master" && id === "framework") return this.#asksLeader(parcel, framework!);
    if (kind === "framework") return this.#leaderSays(parcel);
    if (kind === "api") return this.#operatorAsks(parcel);
    if (kind !== "agent") return;
    if (sender === "master") this.#orders(parcel, decodeId(id!)!, framework!);
    else if (sender === "framework" && verb !== undefined)
      this.#asksAgent(parcel, { agent: decodeId(id!)!, framework: decodeId(framework!)!, verb });
  }

  #await(reply: string | undefined, answered: Answered): void {
    if (reply !== undefined) this.#awaited.set(reply, answered);
  }

  #operatorAsks({ subject, bytes }: Parcel): void {
    const { drainAgent } = masterApi;
    if (subject !== this.#subjects.api(drainAgent.service, drainAgent.name)) return;
    const { agent, deadlineMs } = read<{ readonly agent: string; readonly deadlineMs?: number }>(bytes);
    if (deadlineMs !== undefined) this.#ends.drainAsked(agent);
  }

  #orders({ bytes, reply, from = "server" }: Parcel, agent: string, verb: string): void {
    const word = this.#leaders.speaks(from, epochOf(bytes), agent);
    if (verb === "remove") this.#ends.frameworkRemoved(agent, read<RemoveFramework>(bytes).framework);
    this.#await(reply, (answer) => {
      const { ok, report } = read<Order>(answer);
      if (ok) this.#leaders.obeyed(agent, word, report?.epoch);
    });
  }

  /** Only what is taken is answered. Who is superseded says so whatever the epoch. */
  #leaderSays({ bytes, reply, from = "server" }: Parcel): void {
    const { epoch, type } = read<{ readonly epoch: number; readonly type: string }>(bytes);
    const word = this.#leaders.speaks(from, epoch);
    if (type !== "superseded") this.#await(reply, (_, process) => this.#leaders.taken(process, word));
  }

  #asksLeader({ bytes, reply, from = "server" }: Parcel, verb: string): void {
    if (verb !== "bucket") this.#speaksFor(from, reply, read<{ readonly session?: Session }>(bytes).session);
  }

  #speaksFor(process: string, reply: string | undefined, session?: Session): void {
    if (reply !== undefined)
      this.#leaders.answersTo(process, reply.slice(0, reply.lastIndexOf(".")), session?.epoch);
  }

  #asksAgent({ bytes, reply, from = "server" }: Parcel, { agent, framework, verb }: Asked): void {
    const asked = read<Accept | Kill | Reconcile>(bytes);
    this.#speaksFor(from, reply, asked.session);
    if (verb === "kill") return this.#ends.killAsked(agent, (asked as Kill).task);
    if (verb === "accept") {
      this.#offers.asked(framework, asked as Accept);
      return this.#await(reply, (answer) =>
        this.#launches.answered(agent, framework, read<AcceptReply>(answer)),
      );
    }
    this.#await(reply, (answer) => {
      if (read<ReconcileReply>(answer).ok) this.#offers.reconciled(agent, framework, asked.session);
    });
  }

  #registers(agent: string, bytes: Uint8Array): void {
    const register = registrations.decode(bytes);
    if (register.ok) this.#offers.registers(agent, register.value.report.generation);
  }

  #updated(bytes: Uint8Array): void {
    const batch = batches.decode(bytes);
    if (batch.ok) this.#updates.came(batch.value);
    else this.breach(`an update does not decode: ${JSON.stringify(batch.error.faults)}`);
  }

  #recorded(agent: string, record: JournalRecord): void {
    if (record.type === "cut") {
      this.#offers.cut(agent, record);
      this.#leaders.knows(agent, record.epoch);
    } else if (record.type === "accepted") {
      this.#offers.accepted(agent, record);
      this.#ends.accepted(agent, record);
    } else if (record.type === "drain") this.#ends.drainRecorded(agent, record);
    else if (record.type === "collected") this.#launches.collected(agent, record.tasks);
  }
}

/** An answer comes to the server: what it says, and which node says so. */
type Answered = (answer: Uint8Array, from: string) => void;

interface Asked {
  readonly agent: string;
  readonly framework: string;
  readonly verb: string;
}

/** What agents answer to the orders of a leader. */
type Order = { readonly ok: boolean } & Partial<Extract<RescindReply, { readonly ok: true }>>;

type Watched = Pick<AgentHost, "id" | "totals" | "tasks" | "disk">;

const decoder = new TextDecoder();
const read = <T>(bytes: Uint8Array): T => JSON.parse(decoder.decode(bytes)) as T;
const epochOf = (bytes: Uint8Array): number => read<{ readonly epoch: number }>(bytes).epoch;
