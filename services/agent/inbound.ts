import { type Observable, Subscription } from "rxjs";
import { Type } from "typebox";
import { type Codec, codec } from "#protocol/codec.js";
import { Drain, LeaderAnnouncement, RemoveFramework, Rescind } from "#protocol/agent.js";
import { refusal, type Refusal } from "#protocol/errors.js";
import { TaskId } from "#protocol/ids.js";
import { Accept, type AcceptReply, Kill, Reconcile } from "#protocol/launch.js";
import { Offer, type SealedOffer } from "#protocol/offer.js";
import { SandboxRequest, TasksQuery } from "#protocol/sandbox.js";
import { type Subjects, wildcardOf } from "#protocol/subjects.js";
import type { Door } from "#libs/machine/door.js";
import type { Bus, Message } from "#libs/ports/bus.js";
import type { Random } from "#libs/ports/random.js";
import type { Sealer } from "#libs/ports/seal.js";
import type { AgentEvent, OfferAsSent } from "./events.js";
import type { Replies } from "./replies.js";

const accept = codec(Accept);
const offer = codec(Offer);
const kill = codec(Kill);
const reconcile = codec(Reconcile);
const rescind = codec(Rescind);
const removeFramework = codec(RemoveFramework);
const drain = codec(Drain);
const announcement = codec(LeaderAnnouncement);
const tasksQuery = codec(TasksQuery);
const sandboxRequest = codec(SandboxRequest);
const namedTasks = codec(Type.Object({ tasks: Type.Array(Type.Object({ id: TaskId })) }));

export interface InboundOptions {
  readonly agent: string;
  readonly subjects: Subjects;
  readonly bus: Bus;
  readonly door: Door;
  readonly sealer: Sealer;
  /** Of this agent: offers are sealed with it. */
  readonly key: string;
  readonly random: Random;
  readonly replies: Replies;
  readonly emit: (event: AgentEvent) => void;
}

/** From messages to events. Who sent one is read from its subject, which the NATS server vouches for. */
export class Inbound {
  readonly #options: InboundOptions;
  readonly #all = new Subscription();

  constructor(options: InboundOptions) {
    this.#options = options;
  }

  /** From now on the agent hears of its connection and of leaders. */
  open(): void {
    const { subjects, bus, emit, random } = this.#options;
    this.#on(bus.connection, ({ state }) =>
      emit(
        state === "connected" ? { type: "connected", fraction: random.fraction() } : { type: "disconnected" },
      ),
    );
    this.#hear(subjects.leader, announcement, (_, announced) =>
      emit({ type: "leaderAnnounced", ...announced, fraction: random.fraction() }),
    );
  }

  /** From now on it answers. Not before it is known to be the only one of its id: nobody could tell its answers from the other's. */
  beFound(): void {
    const { agent, subjects, bus, emit, replies } = this.#options;
    this.#on(bus.messages(subjects.whoIs(agent)), (message) =>
      emit({ type: "whoAsked", reply: replies.wait(message) }),
    );
    this.#hear(subjects.rescind(agent), rescind, (message, order) =>
      emit({ type: "rescindAsked", reply: replies.wait(message), ...order }),
    );
    this.#hear(subjects.removeFramework(agent), removeFramework, (message, order) =>
      emit({ type: "removeAsked", reply: replies.wait(message), ...order }),
    );
    this.#hear(subjects.drain(agent), drain, (message, order) =>
      emit({ type: "drainAsked", reply: replies.wait(message), ...order }),
    );
    this.#hear(subjects.tasksQuery, tasksQuery, (message, query) =>
      emit({ type: "tasksAsked", reply: replies.wait(message), query }),
    );
    this.#hearFrom(subjects.sandboxAll(agent), sandboxRequest, (message, sender, request) =>
      emit({ type: "sandboxAsked", reply: replies.wait(message), sender, request }),
    );
    this.#answerFrameworks();
  }

  close(): void {
    this.#all.unsubscribe();
  }

  #answerFrameworks(): void {
    const { agent, subjects, emit, replies } = this.#options;
    this.#hearFrom(
      subjects.launchAll(agent, "accept"),
      accept,
      (message, framework, { session, offer: sealed, tasks, filterMs }) =>
        emit({
          type: "acceptAsked",
          reply: replies.wait(message),
          framework,
          session,
          offer: this.#opened(sealed),
          tasks,
          filterMs,
        }),
      (message) => refusedAccept(agent, message),
    );
    this.#hearFrom(subjects.launchAll(agent, "kill"), kill, (message, framework, order) =>
      emit({ type: "killAsked", reply: replies.wait(message), framework, ...order }),
    );
    this.#hearFrom(subjects.launchAll(agent, "reconcile"), reconcile, (message, framework, order) =>
      emit({ type: "reconcileAsked", reply: replies.wait(message), framework, ...order }),
    );
  }

  /** The content only of what bears our seal. */
  #opened({ body, seal }: SealedOffer): OfferAsSent {
    const { sealer, key, agent } = this.#options;
    if (!sealer.matches(key, body, seal))
      return { holds: false, error: refusal("seal-broken", `the offer does not bear the seal of ${agent}`) };
    const decoded = offer.decode(new TextEncoder().encode(body));
    return decoded.ok
      ? { holds: true, offer: decoded.value }
      : {
          holds: false,
          error: refusal(
            "invalid",
            "the offer is sealed, but not of a form known here",
            decoded.error.faults,
          ),
        };
  }

  #hear<T>(subject: string, form: Codec<T>, handle: (message: Message, content: T) => void): void {
    const { bus, door } = this.#options;
    this.#on(bus.messages(subject), (message) => {
      const content = door.decode(form, message);
      if (content !== undefined) handle(message, content);
    });
  }

  #hearFrom<T>(
    pattern: string,
    form: Codec<T>,
    handle: (message: Message, sender: string, content: T) => void,
    refuse?: (message: Message) => (error: Refusal) => Uint8Array,
  ): void {
    const { bus, door } = this.#options;
    this.#on(bus.messages(pattern), (message) => {
      const sender = wildcardOf(pattern, message.subject);
      if (sender === undefined) return;
      const content = door.decode(form, message, refuse?.(message));
      if (content !== undefined) handle(message, sender, content);
    });
  }

  #on<T>(source: Observable<T>, handle: (value: T) => void): void {
    this.#all.add(source.subscribe(handle));
  }
}

/** An accept that does not decode is refused whole; each task whose id can still be read gets its answer. */
function refusedAccept(agent: string, { bytes }: Message): (error: Refusal) => Uint8Array {
  return (error) => {
    const named = namedTasks.decode(bytes);
    const answers = named.ok
      ? named.value.tasks.map(({ id }) => ({ task: id, ok: false as const, error }))
      : [];
    const reply: AcceptReply & { readonly error: Refusal } = { agent, generation: 0, answers, error };
    return new TextEncoder().encode(JSON.stringify(reply));
  };
}
