import {
  Drain,
  DrainReply,
  LeaderAnnouncement,
  RemoveFramework,
  Rescind,
  RescindReply,
} from "#protocol/agent.js";
import { codec } from "#protocol/codec.js";
import { refusal } from "#protocol/errors.js";
import { EventBatch } from "#protocol/event.js";
import { FrameworkEvent } from "#protocol/framework.js";
import type { Offer, SealedOffer } from "#protocol/offer.js";
import type { Subjects } from "#protocol/subjects.js";
import { unreachable } from "#libs/core/assert.js";
import type { Vault, WriteOutcome } from "#libs/machine/vault.js";
import type { Bus, Message } from "#libs/ports/bus.js";
import type { Log } from "#libs/ports/log.js";
import type { Sealer } from "#libs/ports/seal.js";
import type { Streams } from "#libs/ports/stream.js";
import type { Ask, MasterEffect, MasterEvent } from "./events.js";

const announcement = codec(LeaderAnnouncement);
const rescindMessage = codec(Rescind);
const rescindReply = codec(RescindReply);
const drainMessage = codec(Drain);
const drainReply = codec(DrainReply);
const removal = codec(RemoveFramework);
const frameworkEvent = codec(FrameworkEvent);
const eventBatch = codec(EventBatch);
const utf8 = new TextEncoder();

/** A framework or an agent that does not answer for so long has not heard us. */
const answerMs = 5_000;

/** What a NATS server takes unless configured otherwise. */
const answerMaxBytes = 1024 * 1024;

export interface PerformWorld {
  readonly epoch: number;
  readonly master: string;
  readonly bus: Bus;
  readonly streams: Streams;
  readonly sealer: Sealer;
  readonly subjects: Subjects;
  readonly log: Log;
  readonly vault: Pick<Vault, "put" | "remove">;
  /** Requests that wait for their answers. */
  readonly asks: Map<Ask, Message>;
  /** Somebody else leads, or may. */
  readonly resign: (reason: string) => void;
  readonly hear: (epoch: number) => void;
}

/** Carries out what the master decided. Whatever fails outside comes back as an event, or is asked for again by the machine. */
export function perform(world: PerformWorld, effect: MasterEffect, emit: (event: MasterEvent) => void): void {
  const { bus, subjects, log, streams } = world;
  switch (effect.type) {
    case "answer":
      return answer(world, effect);
    case "announce":
      return announce(world, effect);
    case "sendOffers":
      return void sendOffers(world, effect, emit);
    case "tellFramework":
      return void tellFramework(world, effect);
    case "rescind":
      return void rescind(world, effect, emit);
    case "orderDrain":
      return void orderDrain(world, effect, emit);
    case "removeFromAgent":
      return void bus.request(
        subjects.removeFramework(effect.agent),
        removal.encode(effect.removal),
        answerMs,
      );
    case "prepareFramework":
      return void prepareFramework(world, effect, emit);
    case "dropConsumer":
      return void streams
        .removeConsumer(subjects.statusStream, subjects.statusConsumer(effect.framework))
        .catch((cause: unknown) => log.warn("a consumer could not be removed", { cause: String(cause) }));
    case "store":
      return void store(world, effect, emit);
    case "forget":
      return void forget(world, effect, emit);
    case "hearEpoch":
      return world.hear(effect.epoch);
    case "publishEvent": {
      const { event } = effect;
      log.info(`${event.kind} ${event.about} ${event.type}: ${event.message}`);
      return bus.publish(subjects.event(event.kind, event.about), eventBatch.encode({ events: [event] }));
    }
    case "log":
      return log[effect.level](effect.message, effect.fields);
    default:
      return unreachable(effect);
  }
}

type EffectOf<T extends MasterEffect["type"]> = Extract<MasterEffect, { readonly type: T }>;
type Emit = (event: MasterEvent) => void;

function announce({ bus, subjects, epoch, master }: PerformWorld, { spreadMs }: EffectOf<"announce">): void {
  const message = { epoch, master, ...(spreadMs !== undefined && { spreadMs }) };
  bus.publish(subjects.leader, announcement.encode(message));
}

function answer({ asks, log }: PerformWorld, { ask, body }: EffectOf<"answer">): void {
  const message = asks.get(ask);
  asks.delete(ask);
  const bytes = utf8.encode(JSON.stringify(body));
  if (bytes.length <= answerMaxBytes) return message?.respond(bytes);
  log.error("an answer is too large for the bus", { subject: message?.subject, bytes: bytes.length });
  const error = refusal("internal", `the answer has ${bytes.length} bytes, the bus takes ${answerMaxBytes}`);
  message?.respond(utf8.encode(JSON.stringify({ ok: false, error })));
}

async function sendOffers(
  world: PerformWorld,
  { framework, session, offers }: EffectOf<"sendOffers">,
  emit: Emit,
): Promise<void> {
  const { bus, subjects, sealer, epoch } = world;
  const message = { type: "offers" as const, epoch, offers: offers.map((offer) => sealed(sealer, offer)) };
  const subject = subjects.frameworkEvent(framework, session);
  const answer = await bus.request(subject, frameworkEvent.encode(message), answerMs);
  if (answer.ok) return;
  const names = offers.map(({ agent, number }) => ({ agent, number }));
  emit({ type: "offersUndelivered", framework, session, offers: names, why: answer.error });
}

function sealed(sealer: Sealer, offer: Offer): SealedOffer {
  const body = JSON.stringify(offer);
  return { body, seal: sealer.seal(sealer.agentKey(offer.agent), body) };
}

/** A hint: what it says is asked for again when it is lost. */
async function tellFramework(
  { bus, subjects, log }: PerformWorld,
  { framework, session, event }: EffectOf<"tellFramework">,
): Promise<void> {
  const subject = subjects.frameworkEvent(framework, session);
  const answer = await bus.request(subject, frameworkEvent.encode(event), answerMs);
  if (!answer.ok)
    log.debug("a framework was not reached", { framework, said: event.type, why: answer.error });
}

async function rescind(
  { bus, subjects }: PerformWorld,
  { agent, rescind: asked }: EffectOf<"rescind">,
  emit: Emit,
): Promise<void> {
  const failed = (why: string, epoch?: number) =>
    emit({
      type: "rescindFailed",
      agent,
      rescind: asked,
      why,
      ...(epoch === undefined ? {} : { epoch }),
    });
  const answer = await bus.request(subjects.rescind(agent), rescindMessage.encode(asked), answerMs);
  if (!answer.ok) return failed(answer.error);
  const reply = rescindReply.decode(answer.value);
  if (!reply.ok) return failed(`its answer does not decode: ${JSON.stringify(reply.error.faults[0])}`);
  if (!reply.value.ok) return failed(reply.value.error.message, reply.value.error.epoch);
  emit({ type: "rescindAnswered", agent, rescind: asked, report: reply.value.report });
}

async function orderDrain(
  { bus, subjects }: PerformWorld,
  { agent, drain }: EffectOf<"orderDrain">,
  emit: Emit,
): Promise<void> {
  const failed = (why: string, epoch?: number) =>
    emit({ type: "drainFailed", agent, drain, why, ...(epoch !== undefined && { epoch }) });
  const answer = await bus.request(subjects.drain(agent), drainMessage.encode(drain), answerMs);
  if (!answer.ok) return failed(answer.error);
  const reply = drainReply.decode(answer.value);
  if (!reply.ok) return failed(`its answer does not decode: ${JSON.stringify(reply.error.faults[0])}`);
  if (!reply.value.ok) return failed(reply.value.error.message, reply.value.error.epoch);
  emit({ type: "drainAnswered", agent, drain });
}

async function store(
  world: PerformWorld,
  { key, value, done }: EffectOf<"store">,
  emit: Emit,
): Promise<void> {
  if (isStored(world, await world.vault.put(key, value)) && done !== undefined) emit(done);
}

async function forget(world: PerformWorld, { key, done }: EffectOf<"forget">, emit: Emit): Promise<void> {
  if (isStored(world, await world.vault.remove(key)) && done !== undefined) emit(done);
}

async function prepareFramework(
  world: PerformWorld,
  { framework, record, done }: EffectOf<"prepareFramework">,
  emit: Emit,
): Promise<void> {
  const { vault, streams, subjects } = world;
  if (record !== undefined && !isStored(world, await vault.put(record.key, record.value))) return;
  try {
    const consumer = subjects.statusConsumer(framework);
    await streams.ensureConsumer(subjects.statusStream, consumer, subjects.statusOf(framework));
    emit(done);
  } catch (cause) {
    emit({ ...done, failure: `its consumer of updates could not be made: ${String(cause)}` });
  }
}

function isStored({ resign }: PerformWorld, outcome: WriteOutcome): boolean {
  if (outcome === "deposed") resign("somebody else has written to the registry");
  return outcome === "stored";
}
