import { LeaderAnnouncement } from "#protocol/agent.js";
import { codec } from "#protocol/codec.js";
import { StatusBatch } from "#protocol/status.js";
import { type Subjects, wildcardOf } from "#protocol/subjects.js";
import type { TaskSpec, TaskUpdate } from "#protocol/task.js";
import { contains, sum } from "#libs/core/resources.js";
import { canFollow } from "#libs/core/task-state.js";
import type { SimWorld } from "#libs/sim/world.js";
import type { AgentHost } from "./agent-host.js";

const batches = codec(StatusBatch);
const announcements = codec(LeaderAnnouncement);

/**
 * Watches a run for the rules that always hold, from where nobody can deceive it: at the hosts and at the server.
 *
 * R1 What runs on a host never takes more than it has. R3 A task id starts at most once, on whatever host. R4 States of a task only
 * move forward, and one number means one update. R6 In an epoch one master speaks.
 */
export class Rules {
  readonly #world: SimWorld;
  readonly #subjects: Subjects;
  readonly #breaches: string[] = [];
  readonly #startedOn = new Map<string, string>();
  readonly #latest = new Map<string, TaskUpdate>();
  readonly #leaders = new Map<number, string>();
  readonly #statusPattern: string;

  constructor(world: SimWorld, subjects: Subjects) {
    this.#world = world;
    this.#subjects = subjects;
    this.#statusPattern = subjects.statusAll;
    world.server.streams.came = (subject, bytes) => {
      if (wildcardOf(this.#statusPattern, subject) !== undefined) this.#updated(bytes);
    };
    this.listenAtServer();
  }

  get areBroken(): boolean {
    return this.#breaches.length > 0;
  }

  assertKept(): void {
    if (!this.areBroken) return;
    throw new Error(`rules were broken:\n- ${this.#breaches.join("\n- ")}`);
  }

  breach(what: string): void {
    this.#breaches.push(`at ${this.#world.schedule.now.toFixed(1)} ms: ${what}`);
  }

  watch(host: Watched): void {
    host.tasks.starting = (spec) => {
      this.#startsOnce(host, spec);
      this.#fits(host, spec);
    };
  }

  /** To be called again when the server has died: it forgets who listens. */
  listenAtServer(): void {
    const { server } = this.#world;
    server.subscribe(this.#subjects.leader, ({ bytes }) => {
      const said = announcements.decode(bytes);
      if (said.ok) this.#leads(said.value.epoch, said.value.master);
    });
  }

  /** The last state that the stream has got of a task. */
  stateOf(task: string): TaskUpdate["state"] | undefined {
    return this.#latest.get(task)?.state;
  }

  #updated(bytes: Uint8Array): void {
    const batch = batches.decode(bytes);
    if (!batch.ok) return this.breach(`an update does not decode: ${JSON.stringify(batch.error.faults)}`);
    for (const update of batch.value.updates) this.#moves(update);
  }

  #startsOnce({ id: host }: Watched, { id }: TaskSpec): void {
    const before = this.#startedOn.get(id);
    if (before !== undefined) this.breach(`R3: task ${id} starts on ${host}, and had started on ${before}`);
    this.#startedOn.set(id, host);
  }

  #fits({ id, totals, tasks }: Watched, spec: TaskSpec): void {
    const taken = [...tasks.runningSpecs(), spec].map(({ resources }) => resources);
    const ports = taken.flatMap((each) => each.ports).flatMap(([first, last]) => range(first, last));
    const text = JSON.stringify(spec.resources);
    if (!contains(totals, sum(taken)))
      this.breach(`R1: task ${spec.id} with ${text} does not fit on ${id} beside ${taken.length - 1} others`);
    if (new Set(ports).size < ports.length)
      this.breach(`R1: task ${spec.id} with ${text} gets a port on ${id} that another has`);
  }

  #moves(update: TaskUpdate): void {
    const { task, number, state } = update;
    const last = this.#latest.get(task);
    if (last !== undefined && number === last.number && state !== last.state)
      this.breach(`R4: update ${number} of task ${task} says ${last.state}, then ${state}`);
    if (last !== undefined && number <= last.number) return;
    if (last !== undefined && state !== last.state && !canFollow(last.state, state))
      this.breach(`R4: task ${task} goes from ${last.state} to ${state}`);
    this.#latest.set(task, update);
  }

  #leads(epoch: number, master: string): void {
    const known = this.#leaders.get(epoch) ?? master;
    if (known !== master) this.breach(`R6: ${known} and ${master} both lead in epoch ${epoch}`);
    this.#leaders.set(epoch, known);
  }
}

type Watched = Pick<AgentHost, "id" | "totals" | "tasks">;

const range = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);
