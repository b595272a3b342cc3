import { codec } from "#protocol/codec.js";
import { LeaderAnnouncement } from "#protocol/agent.js";
import { FrameworkEvent as LeaderMessage } from "#protocol/framework.js";
import { Offer, type SealedOffer } from "#protocol/offer.js";
import { StatusBatch } from "#protocol/status.js";
import { wildcardOf } from "#protocol/subjects.js";
import { type Door, door } from "#libs/machine/door.js";
import type { Message } from "#libs/ports/bus.js";
import type { Delivery } from "#libs/ports/stream.js";
import type { FrameworkEvent, HeldOffer, LeaderWord } from "./events.js";
import type { PerformContext } from "./perform.js";
import type { FrameworkPorts } from "./service.js";

const announcements = codec(LeaderAnnouncement);
const leaderMessages = codec(LeaderMessage);
const offers = codec(Offer);
const batches = codec(StatusBatch);

type Listening = Pick<PerformContext, "id" | "tickets" | "deliveries"> & {
  readonly ports: Pick<FrameworkPorts, "bus" | "clock" | "log" | "streams" | "subjects" | "door">;
};

/** Hands what comes from the bus to a FrameworkMachine, until the returned function is called. */
export function listen(context: Listening, emit: (event: FrameworkEvent) => void): () => void {
  const { id, ports } = context;
  const { bus, clock, log, streams, subjects, door: entrance = door(log, clock) } = ports;
  let tickets = 0;

  const subscriptions = [
    bus.messages(subjects.leader).subscribe((message) => {
      const announced = entrance.decode(announcements, message);
      if (announced !== undefined) emit({ type: "leaderAnnounced", epoch: announced.epoch });
    }),
    bus
      .messages(subjects.frameworkEventAll(id))
      .subscribe((message) => fromLeader(context, entrance, message, () => ++tickets, emit)),
    streams
      .consume(subjects.statusStream, subjects.statusConsumer(id))
      .subscribe((delivery) => fromStream(context, entrance, delivery, emit)),
    bus.connection.subscribe(connections(context, emit)),
  ];
  return () => {
    for (const subscription of subscriptions) subscription.unsubscribe();
    entrance.close();
  };
}

/** There is nobody to answer. */
const nobody = () => {};

function fromLeader(
  { id, ports, tickets: waiting }: Listening,
  entrance: Door,
  message: Message,
  nextTicket: () => number,
  emit: (event: FrameworkEvent) => void,
): void {
  const session = wildcardOf(ports.subjects.frameworkEventAll(id), message.subject);
  const said = entrance.decode(leaderMessages, message);
  if (session === undefined || said === undefined) return;
  const ticket = nextTicket();
  waiting.set(ticket, message);
  emit({ type: "leaderSaid", ticket, session, word: wordOf(said, entrance, message) });
}

function wordOf(said: LeaderMessage, entrance: Door, message: Message): LeaderWord {
  if (said.type !== "offers") return said;
  return { type: "offers", offers: said.offers.flatMap((sealed) => opened(sealed, entrance, message) ?? []) };
}

function opened(sealed: SealedOffer, entrance: Door, { subject }: Message): HeldOffer | undefined {
  const bytes = new TextEncoder().encode(sealed.body);
  const offer = entrance.decode(offers, { subject, bytes, respond: nobody });
  return offer === undefined ? undefined : { offer, sealed };
}

/** The agent of an update is the sender, whatever the batch says. */
function fromStream(
  { id, ports, deliveries }: Listening,
  entrance: Door,
  delivery: Delivery,
  emit: (event: FrameworkEvent) => void,
): void {
  const { subject, bytes, sequence } = delivery;
  const agent = wildcardOf(ports.subjects.statusOf(id), subject);
  const batch = entrance.decode(batches, { subject, bytes, respond: nobody });
  if (agent === undefined || batch === undefined) return delivery.acknowledge();
  deliveries.set(sequence, delivery);
  emit({ type: "updated", delivery: sequence, agent, updates: batch.updates });
}

/** With each connection the stream may be another one, and what was published meanwhile is lost. */
function connections({ ports }: Listening, emit: (event: FrameworkEvent) => void) {
  const { streams, subjects, log } = ports;
  let isFirst = true;
  return ({ state }: { readonly state: "connected" | "disconnected" }) => {
    if (state !== "connected") return;
    if (!isFirst) emit({ type: "reconnected" });
    isFirst = false;
    streams.madeAt(subjects.statusStream).then(
      (madeAt) => madeAt !== undefined && emit({ type: "streamSeen", madeAt }),
      (cause: unknown) => log.warn("the stream of updates cannot be looked at", { cause: String(cause) }),
    );
  };
}
