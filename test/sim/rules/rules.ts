import { Register, type RescindReply } from "#protocol/agent.js";
import { codec } from "#protocol/codec.js";
import { decodeId } from "#protocol/ids.js";
import type { Accept, Kill } from "#protocol/launch.js";
import { StatusBatch } from "#protocol/status.js";
import { type Subjects, wildcardOf } from "#protocol/subjects.js";
import type { TaskSpec, TaskUpdate } from "#protocol/task.js";
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
 * inside the leading master. R1 resources · R2 offers · R3 here · R4, R5 updates · R6 leaders · R7 losses · R8 ends.
 */
export class Rules {
  readonly #world: SimWorld;
  readonly #subjects: Subjects;
  readonly #breaches: string[] = [];
  /** R3 A task id starts at most once, on whatever host. */
  readonly #startedOn = new Map<string, string>();
  readonly #resources: ResourcesRule;
  readonly #offers: OffersRule;
  readonly #updates: UpdatesRule;
  readonly #leaders: LeadersRule;
  readonly #losses: LossesRule;
  readonly #ends: EndsRule;
  /** What each disk holds. */
  readonly #disks = new Map<string, JournalRecord[]>();

  constructor({ world, subjects, agents, settings }: RulesOptions) {
    const breach = (what: string) => this.breach(what);
    const { agentTimeoutMs, removalShare } = { ...defaultSettings, ...settings };
    this.#world = world;
    this.#subjects = subjects;
    this.#resources = new ResourcesRule(breach);
    this.#offers = new OffersRule(breach);
    this.#updates = new UpdatesRule(breach);
    this.#leaders = new LeadersRule(breach);
    this.#ends = new EndsRule(breach);
    const mostPerMinute = Math.max(1, Math.floor(agents * removalShare));
    this.#losses = new LossesRule({ breach, now: () => world.schedule.now, agentTimeoutMs, mostPerMinute });
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
      this.#startsOnce(id, spec);
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
      this.#offers.lost(
        id,
        records.findLast((record) => record.type === "cut"),
      );
    };
  }

  /** An operator wants the tasks of an agent to end. */
  drained(agent: string): void {
    this.#ends.drained(agent);
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
    const { subject, bytes, reply, from = "server" } = parcel;
    if (subject.startsWith("_INBOX.")) {
      if (this.#leaders.isAnswer(subject)) this.#obeyed(subject, bytes);
      return;
    }
    if (subject === this.#subjects.leader) return this.#leaders.speaks(from, epochOf(bytes));
    const [, , kind, id, sender, framework, verb] = subject.split(".");
    if (kind === "master" && id === "agent" && framework === "register")
      return this.#registers(decodeId(sender!)!, bytes);
    if (kind === "framework") return this.#leaders.speaks(from, epochOf(bytes));
    if (kind !== "agent") return;
    if (sender === "master") {
      this.#leaders.speaks(from, epochOf(bytes), framework === "rescind" ? reply : undefined);
      if (framework === "remove") this.#ends.frameworkRemoved();
    } else if (sender === "framework" && id !== undefined && framework !== undefined) {
      if (verb === "accept") this.#offers.asked(decodeId(framework)!, read<Accept>(bytes));
      if (verb === "kill") this.#ends.killAsked(read<Kill>(bytes).task);
    }
  }

  #registers(agent: string, bytes: Uint8Array): void {
    const register = registrations.decode(bytes);
    if (register.ok) this.#offers.registers(agent, register.value.report.generation);
  }

  #obeyed(subject: string, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const answer = read<RescindReply>(bytes);
    if (answer.ok) this.#leaders.obeyed(subject, answer.report.agent, answer.report.epoch);
  }

  #updated(bytes: Uint8Array): void {
    const batch = batches.decode(bytes);
    if (batch.ok) this.#updates.came(batch.value);
    else this.breach(`an update does not decode: ${JSON.stringify(batch.error.faults)}`);
  }

  #recorded(agent: string, record: JournalRecord): void {
    if (record.type === "cut") this.#offers.cut(agent, record);
    if (record.type === "accepted") this.#offers.accepted(agent, record);
  }

  #startsOnce(host: string, { id }: TaskSpec): void {
    const before = this.#startedOn.get(id);
    if (before !== undefined) this.breach(`R3: task ${id} starts on ${host}, and had started on ${before}`);
    this.#startedOn.set(id, host);
  }
}

type Watched = Pick<AgentHost, "id" | "totals" | "tasks" | "disk">;

const decoder = new TextDecoder();
const read = <T>(bytes: Uint8Array): T => JSON.parse(decoder.decode(bytes)) as T;
const epochOf = (bytes: Uint8Array): number => read<{ readonly epoch: number }>(bytes).epoch;
