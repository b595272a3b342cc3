import { type Observable, Subscription } from "rxjs";
import { Register } from "#protocol/agent.js";
import { masterApi } from "#protocol/api.js";
import { type Codec, codec } from "#protocol/codec.js";
import { AskAgents, Decline, Renew, Revive, Subscribe, Suppress } from "#protocol/framework.js";
import { type MasterVerb, type Subjects, wildcardOf } from "#protocol/subjects.js";
import type { Door } from "#libs/machine/door.js";
import type { Bus, Message } from "#libs/ports/bus.js";
import type { MasterCall } from "./calls.js";
import type { Ask, FrameworkMessage, MasterEvent } from "./events.js";

const register = codec(Register);
const verbs = {
  subscribe: codec(Subscribe),
  renew: codec(Renew),
  decline: codec(Decline),
  revive: codec(Revive),
  suppress: codec(Suppress),
  agents: codec(AskAgents),
} satisfies Record<MasterVerb, Codec<unknown>>;
const calls = Object.values(masterApi).map(({ name, request }) => ({ name, form: codec(request) }));

/** Requests that wait for their answers. */
export class Asks {
  readonly #waiting = new Map<Ask, Message>();
  #last = 0;

  wait(message: Message): Ask {
    this.#waiting.set(++this.#last, message);
    return this.#last;
  }

  answer(ask: Ask, body: object): void {
    this.#waiting.get(ask)?.respond(new TextEncoder().encode(JSON.stringify(body)));
    this.#waiting.delete(ask);
  }
}

export interface InboundOptions {
  readonly bus: Bus;
  readonly subjects: Subjects;
  readonly door: Door;
  readonly asks: Asks;
  readonly emit: (event: MasterEvent) => void;
}

/**
 * From messages to the events of the leader, until the returned function is called. Reports are not among them: standbys
 * hear these too. Who sent a message is read from its subject, which the NATS server vouches for.
 */
export function openInbound({ bus, subjects, door, asks, emit }: InboundOptions): () => void {
  const all = new Subscription();
  const on = <T>(source: Observable<T>, handle: (value: T) => void) => all.add(source.subscribe(handle));
  const hearFrom = <T>(
    pattern: string,
    form: Codec<T>,
    handle: (ask: Ask, sender: string, content: T) => void,
  ) =>
    on(bus.messages(pattern), (message) => {
      const sender = wildcardOf(pattern, message.subject);
      const content = sender === undefined ? undefined : door.decode(form, message);
      if (sender !== undefined && content !== undefined) handle(asks.wait(message), sender, content);
    });
  const hearVerb = <V extends MasterVerb>(
    verb: V,
    event: (ask: Ask, framework: string, message: ContentOf<V>) => FrameworkMessage,
  ) =>
    hearFrom(subjects.masterAll(verb), verbs[verb] as Codec<ContentOf<V>>, (ask, framework, message) =>
      emit(event(ask, framework, message)),
    );

  on(bus.connection, ({ state }) => emit({ type: "connectionChanged", connected: state === "connected" }));
  hearFrom(subjects.registerAll, register, (ask, agent, content) =>
    emit({ type: "agentRegistering", ask, agent, register: content }),
  );
  hearVerb("subscribe", (ask, framework, subscribe) => ({
    type: "frameworkSubscribing",
    ask,
    framework,
    subscribe,
  }));
  hearVerb("renew", (ask, framework, message) => ({ type: "sessionRenewed", ask, framework, message }));
  hearVerb("decline", (ask, framework, message) => ({ type: "offersDeclined", ask, framework, message }));
  hearVerb("revive", (ask, framework, message) => ({ type: "offersRevived", ask, framework, message }));
  hearVerb("suppress", (ask, framework, message) => ({ type: "offersSuppressed", ask, framework, message }));
  hearVerb("agents", (ask, framework, message) => ({ type: "agentsAsked", ask, framework, message }));
  for (const { name, form } of calls)
    on(bus.messages(subjects.api("master", name)), (message) => {
      const request = door.decode(form, message);
      if (request !== undefined)
        emit({ type: "callAsked", ask: asks.wait(message), call: { name, request } as MasterCall });
    });
  return () => all.unsubscribe();
}

interface Contents {
  readonly subscribe: Subscribe;
  readonly renew: Renew;
  readonly decline: Decline;
  readonly revive: Revive;
  readonly suppress: Suppress;
  readonly agents: AskAgents;
}
type ContentOf<V extends MasterVerb> = Contents[V];
