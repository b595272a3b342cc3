import { type Codec, codec } from "#protocol/codec.js";
import { type Acknowledged, Revive, Subscribe, type SubscribeReply } from "#protocol/framework.js";
import { Accept, type AcceptReply, Kill, type KillReply, type ReconcileReply } from "#protocol/launch.js";
import type { Offer, Session } from "#protocol/offer.js";
import { type StatusBatch, statusMessageId } from "#protocol/status.js";
import { Subjects, wildcardOf } from "#protocol/subjects.js";
import type { TaskSpec, TaskState, TaskUpdate } from "#protocol/task.js";
import { isTerminal } from "#libs/core/task-state.js";
import { amounts } from "#libs/core/resources.js";
import type { Message } from "#libs/ports/bus.js";
import type { Node } from "./worlds.js";

/**
 * The least of a master and its agents that a framework can talk to over a bus: it offers every agent to whoever wants
 * offers, and its agents run whatever is accepted, without looking at seals.
 */
export class Peers {
  readonly subjects: Subjects;
  readonly accepts: Accept[] = [];
  readonly subscriptions: Subscribe[] = [];
  readonly agents = new Map<string, Map<string, { readonly spec: TaskSpec; latest: TaskUpdate }>>();
  readonly #node: Node;
  #sessions = 0;
  #offers = 0;
  #batches = 0;

  constructor(node: Node, cluster: string, agents: readonly string[]) {
    this.#node = node;
    this.subjects = new Subjects(cluster);
    for (const agent of agents) this.agents.set(agent, new Map());
  }

  async start(): Promise<void> {
    const { bus, streams } = this.#node;
    const { subjects } = this;
    const limits = { maxAgeMs: 3_600_000, maxBytes: 10_000_000, replicas: 1 };
    const status = { name: subjects.statusStream, subjects: [subjects.statusAll], kind: "queue" as const };
    await streams.ensure({ ...status, ...limits });
    bus.messages(subjects.masterAll("subscribe")).subscribe((message) => void this.#subscribe(message));
    for (const verb of ["renew", "decline", "suppress"] as const)
      bus.messages(subjects.masterAll(verb)).subscribe((message) => answer(message, acknowledged));
    bus.messages(subjects.masterAll("revive")).subscribe((message) => {
      const { session } = decoded(codec(Revive), message);
      answer(message, acknowledged);
      this.#offer(wildcardOf(subjects.masterAll("revive"), message.subject)!, session);
    });
    for (const agent of this.agents.keys()) this.#serve(agent);
  }

  /** A step of a task's life on its agent, told through the stream. */
  async step(agent: string, task: string, state: TaskState): Promise<void> {
    const there = this.agents.get(agent)!.get(task)!;
    there.latest = { task, number: there.latest.number + 1, state, at: 1 };
    const framework = "test";
    const batch: StatusBatch = {
      agent,
      framework,
      generation: 1,
      batch: ++this.#batches,
      updates: [there.latest],
    };
    const { streams } = this.#node;
    await streams.append(this.subjects.status(framework, agent), bytesOf(batch), statusMessageId(batch));
  }

  /** Tasks that run, as `agent/task`. */
  running(): string[] {
    return [...this.agents].flatMap(([agent, tasks]) =>
      [...tasks.values()]
        .filter(({ latest }) => latest.state === "running")
        .map(({ spec }) => `${agent}/${spec.id}`),
    );
  }

  async #subscribe(message: Message): Promise<void> {
    const subscribe = decoded(codec(Subscribe), message);
    const { framework, needs, suppressed } = subscribe;
    this.subscriptions.push(subscribe);
    const { subjects } = this;
    await this.#node.streams.ensureConsumer(
      subjects.statusStream,
      subjects.statusConsumer(framework),
      subjects.statusOf(framework),
    );
    const session = { epoch: 1, counter: ++this.#sessions };
    const agents = [...this.agents.keys()].map((agent) => ({ agent, state: "registered" as const }));
    answer(message, { ok: true, session, agents, renewMs: 500 } satisfies SubscribeReply);
    if (!suppressed && needs.length > 0) this.#offer(framework, session);
  }

  #offer(framework: string, session: Session): void {
    const offers = [...this.agents.keys()].map((agent) => {
      const offer: Offer = {
        agent,
        generation: 1,
        epoch: 1,
        number: ++this.#offers,
        floor: 1,
        replaces: [],
        framework,
        session,
        role: "role",
        resources: amounts({ cpus: 4, mem: 1024, ports: [[31000, 31009]] }),
        host: "127.0.0.1",
        attributes: { rack: agent },
        executors: [],
      };
      return { body: JSON.stringify(offer), seal: "0".repeat(64) };
    });
    const event = { type: "offers", epoch: 1, offers };
    void this.#node.bus.request(this.subjects.frameworkEvent(framework, session), bytesOf(event), 1000);
  }

  #serve(agent: string): void {
    const { bus } = this.#node;
    const tasks = this.agents.get(agent)!;
    const on = (verb: "accept" | "kill" | "reconcile", handle: (message: Message) => object) =>
      bus
        .messages(this.subjects.launchAll(agent, verb))
        .subscribe((message) => answer(message, handle(message)));
    on("accept", (message): AcceptReply => {
      const accept = decoded(codec(Accept), message);
      this.accepts.push(accept);
      for (const spec of accept.tasks) {
        const latest: TaskUpdate = { task: spec.id, number: 0, state: "staging", at: 1 };
        tasks.set(spec.id, { spec, latest });
        void this.step(agent, spec.id, "running");
      }
      const answers = accept.tasks.map(({ id: task }) => ({ task, ok: true as const }));
      return { agent, generation: 1, answers };
    });
    on("kill", (message): KillReply => {
      const { task } = decoded(codec(Kill), message);
      const there = tasks.get(task);
      if (there !== undefined && !isTerminal(there.latest.state)) void this.step(agent, task, "killed");
      return { ok: true, known: there !== undefined };
    });
    on("reconcile", (): ReconcileReply => {
      const known = [...tasks.values()].map(({ spec, latest }) => ({
        agent,
        framework: "test",
        role: "role",
        host: "127.0.0.1",
        spec,
        latest,
      }));
      return { ok: true, generation: 1, tasks: known, more: false };
    });
  }
}

const acknowledged: Acknowledged = { ok: true };

const bytesOf = (message: object): Uint8Array => new TextEncoder().encode(JSON.stringify(message));
const answer = (message: Message, reply: object): void => message.respond(bytesOf(reply));

function decoded<T>(messages: Codec<T>, { bytes }: Message): T {
  const result = messages.decode(bytes);
  if (!result.ok) throw new Error(`a message does not decode: ${JSON.stringify(result.error)}`);
  return result.value;
}
