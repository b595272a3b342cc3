import type { Observable, Subscription } from "rxjs";
import { Register, registerPatienceMs, Report } from "#protocol/agent.js";
import { masterApi, type Undecoded } from "#protocol/api.js";
import { type Codec, codec } from "#protocol/codec.js";
import { AskAgents, Decline, Renew, Revive, Subscribe, Suppress } from "#protocol/framework.js";
import { type Subjects, wildcardOf } from "#protocol/subjects.js";
import type { Door } from "#libs/machine/door.js";
import { paced } from "#libs/machine/paced.js";
import { undecodedAnswers } from "#libs/machine/undecoded.js";
import type { Bus, Message } from "#libs/ports/bus.js";
import type { Clock } from "#libs/ports/clock.js";
import type { MasterCall } from "./calls.js";
import type { Ask, MasterEvent } from "./events.js";

const register = codec(Register);
const report = codec(Report);
const subscribe = codec(Subscribe);
const renew = codec(Renew);
const decline = codec(Decline);
const revive = codec(Revive);
const suppress = codec(Suppress);
const askAgents = codec(AskAgents);
const calls = Object.values(masterApi).map(({ name, request }) => ({ name, request: codec(request) }));

export interface InboundOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly subjects: Subjects;
  readonly door: Door;
  /** Keeps the request until it is answered. */
  readonly keep: (message: Message) => Ask;
  readonly emit: (event: MasterEvent) => void;
}

/** The reports of agents, which standbys hear too. */
export const reports = (
  { bus, subjects, door }: Pick<InboundOptions, "bus" | "subjects" | "door">,
  heard: (agent: string, report: Report) => void,
): Subscription =>
  listen(bus.messages(subjects.reportAll), subjects.reportAll, door, report, (agent, message) =>
    heard(agent, message),
  );

/** Answers what came and did not decode, until it is unsubscribed. Only the leader does. */
export const doorAnswers = (
  { bus, subjects, door }: Pick<InboundOptions, "bus" | "subjects" | "door">,
  counted: () => Undecoded,
): Subscription => undecodedAnswers({ bus, subjects, door, service: "master", counted });

/** What only the leader answers, as events, until the returned function is called. */
export function inbound({ bus, clock, subjects, door, keep, emit }: InboundOptions): () => void {
  const asks = <T>(
    pattern: string,
    message: Codec<T>,
    event: (from: string, message: T, ask: Ask) => MasterEvent,
    messages = bus.messages(pattern),
  ) => listen(messages, pattern, door, message, (from, body, raw) => emit(event(from, body, keep(raw))));
  // All agents register when a leader begins: the lease has to be renewed meanwhile.
  const registrations = bus
    .messages(subjects.registerAll)
    .pipe(paced({ clock, keyOf: ({ subject }) => subject, patienceMs: registerPatienceMs }));
  const { masterAll } = subjects;
  const subscriptions = [
    asks(
      subjects.registerAll,
      register,
      (agent, register, ask) => ({ type: "agentRegistering", ask, agent, register }),
      registrations,
    ),
    asks(masterAll("subscribe"), subscribe, (framework, subscribe, ask) => ({
      type: "frameworkSubscribing",
      ask,
      framework,
      subscribe,
    })),
    asks(masterAll("renew"), renew, (framework, message, ask) => ({
      type: "sessionRenewed",
      ask,
      framework,
      message,
    })),
    asks(masterAll("decline"), decline, (framework, message, ask) => ({
      type: "offersDeclined",
      ask,
      framework,
      message,
    })),
    asks(masterAll("revive"), revive, (framework, message, ask) => ({
      type: "offersRevived",
      ask,
      framework,
      message,
    })),
    asks(masterAll("suppress"), suppress, (framework, message, ask) => ({
      type: "offersSuppressed",
      ask,
      framework,
      message,
    })),
    asks(masterAll("agents"), askAgents, (framework, message, ask) => ({
      type: "agentsAsked",
      ask,
      framework,
      message,
    })),
    ...calls.map(({ name, request }) =>
      bus.messages(subjects.api("master", name)).subscribe((message) => {
        const asked = door.decode(request, message);
        if (asked === undefined) return;
        emit({ type: "callAsked", ask: keep(message), call: { name, request: asked } as MasterCall });
      }),
    ),
    bus.connection.subscribe(({ state }) =>
      emit({ type: "connectionChanged", connected: state === "connected" }),
    ),
  ];
  return () => {
    for (const subscription of subscriptions) subscription.unsubscribe();
  };
}

/** The sender is the one that the subject names: the server has let it publish there. */
function listen<T>(
  messages: Observable<Message>,
  pattern: string,
  door: Door,
  body: Codec<T>,
  heard: (from: string, body: T, message: Message) => void,
): Subscription {
  return messages.subscribe((message) => {
    const from = wildcardOf(pattern, message.subject);
    const decoded = door.decode(body, message);
    if (from !== undefined && decoded !== undefined) heard(from, decoded, message);
  });
}
