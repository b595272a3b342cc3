import { RescindReply } from "#protocol/agent.js";
import { codec } from "#protocol/codec.js";
import { Acknowledged, FrameworkEvent } from "#protocol/framework.js";
import type { SealedOffer, Session } from "#protocol/offer.js";
import type { Subjects } from "#protocol/subjects.js";
import { unreachable } from "#libs/core/assert.js";
import type { Term } from "#libs/machine/leader.js";
import type { Vault } from "#libs/machine/vault.js";
import type { Bus } from "#libs/ports/bus.js";
import type { Lease } from "#libs/ports/lease.js";
import type { Log } from "#libs/ports/log.js";
import type { Sealer } from "#libs/ports/seal.js";
import type { Streams } from "#libs/ports/stream.js";
import type { MasterEffect, MasterEvent } from "./events.js";
import type { Asks } from "./inbound.js";

const frameworkEvent = codec(FrameworkEvent);
const acknowledged = codec(Acknowledged);
const rescindReply = codec(RescindReply);

/** How long an agent or a framework has to answer us. */
const answerMs = 2000;

/** What the effects of one term work with. */
export interface Office {
  readonly bus: Bus;
  readonly streams: Streams;
  readonly sealer: Sealer;
  readonly lease: Lease;
  readonly log: Log;
  readonly subjects: Subjects;
  readonly vault: Vault;
  readonly term: Term;
  readonly asks: Asks;
  /** Who leads: for people. */
  readonly master: string;
  readonly replicas: number;
}

type Emit = (event: MasterEvent) => void;
type EffectOf<T extends MasterEffect["type"]> = Extract<MasterEffect, { readonly type: T }>;

/** Carries out one effect. What is expected to fail comes back as an event. */
export function perform(office: Office, effect: MasterEffect, emit: Emit): void {
  const { bus, subjects, log, asks, lease, term, master } = office;
  switch (effect.type) {
    case "answer":
      return asks.answer(effect.ask, effect.body);
    case "announce":
      return bus.publish(subjects.leader, encoded({ epoch: term.epoch, master }));
    case "sendOffers":
      return void sendOffers(office, effect, emit);
    case "tellFramework":
      return void tellFramework(office, effect.framework, effect.session, effect.event);
    case "rescind":
      return void rescind(office, effect, emit);
    case "removeFromAgent":
      return void bus.request(subjects.removeFramework(effect.agent), encoded(effect.removal), answerMs);
    case "prepareFramework":
      return void prepareFramework(office, effect, emit);
    case "dropConsumer":
      return void dropConsumer(office, effect.framework);
    case "store":
      return void store(office, effect, emit);
    case "forget":
      return void forget(office, effect.key);
    case "hearEpoch":
      return lease.heard(effect.epoch);
    case "publishEvent":
      return bus.publish(subjects.event(effect.event.kind, effect.event.about), encoded(effect.event));
    case "log":
      return log[effect.level](effect.message, effect.fields);
    default:
      return unreachable(effect);
  }
}

async function sendOffers(
  office: Office,
  { framework, session, offers }: EffectOf<"sendOffers">,
  emit: Emit,
): Promise<void> {
  const { sealer, term } = office;
  const sealed = offers.map((offer): SealedOffer => {
    const body = JSON.stringify(offer);
    return { body, seal: sealer.seal(sealer.agentKey(offer.agent), body) };
  });
  const why = await tellFramework(office, framework, session, {
    type: "offers",
    epoch: term.epoch,
    offers: sealed,
  });
  if (why === undefined) return;
  const names = offers.map(({ agent, number }) => ({ agent, number }));
  emit({ type: "offersUndelivered", framework, session, offers: names, why });
}

/** Why the session did not take it; undefined when it did. */
async function tellFramework(
  { bus, subjects }: Office,
  framework: string,
  session: Session,
  event: FrameworkEvent,
): Promise<string | undefined> {
  const answer = await bus.request(
    subjects.frameworkEvent(framework, session),
    frameworkEvent.encode(event),
    answerMs,
  );
  if (!answer.ok) return answer.error;
  const reply = acknowledged.decode(answer.value);
  if (!reply.ok) return "the answer is none";
  return reply.value.ok ? undefined : reply.value.error.message;
}

async function rescind(
  { bus, subjects }: Office,
  { agent, rescind }: EffectOf<"rescind">,
  emit: Emit,
): Promise<void> {
  const answer = await bus.request(subjects.rescind(agent), encoded(rescind), answerMs);
  if (!answer.ok) return emit({ type: "rescindFailed", agent, rescind, why: answer.error });
  const reply = rescindReply.decode(answer.value);
  if (!reply.ok) return emit({ type: "rescindFailed", agent, rescind, why: "the answer is none" });
  if (reply.value.ok) return emit({ type: "rescindAnswered", agent, rescind, report: reply.value.report });
  const { message, epoch } = reply.value.error;
  emit({ type: "rescindFailed", agent, rescind, why: message, ...(epoch !== undefined && { epoch }) });
}

async function prepareFramework(
  office: Office,
  { framework, record, done }: EffectOf<"prepareFramework">,
  emit: Emit,
): Promise<void> {
  const { streams, subjects, log } = office;
  if (record !== undefined && !(await stored(office, record.key, record.value))) return;
  try {
    await streams.ensureConsumer(
      subjects.statusStream,
      subjects.statusConsumer(framework),
      subjects.statusOf(framework),
    );
    emit(done);
  } catch (cause) {
    log.warn("a framework's consumer of status updates cannot be made", { framework, cause: String(cause) });
    const failure = `its consumer of status updates cannot be made: ${(cause as Error).message}`;
    if (done.type === "frameworkPrepared") emit({ ...done, failure });
  }
}

async function dropConsumer({ streams, subjects, log }: Office, framework: string): Promise<void> {
  try {
    await streams.removeConsumer(subjects.statusStream, subjects.statusConsumer(framework));
  } catch (cause) {
    log.warn("a framework's consumer of status updates cannot be removed", {
      framework,
      cause: String(cause),
    });
  }
}

async function store(office: Office, { key, value, done }: EffectOf<"store">, emit: Emit): Promise<void> {
  if ((await stored(office, key, value)) && done !== undefined) emit(done);
}

/** False: somebody else has written, and our term is over. */
async function stored({ vault, term }: Office, key: string, value: object): Promise<boolean> {
  if ((await vault.put(key, value)) === "stored") return true;
  term.resign("somebody else writes the registry");
  return false;
}

async function forget({ vault, term }: Office, key: string): Promise<void> {
  if ((await vault.remove(key)) === "deposed") term.resign("somebody else writes the registry");
}

const encoded = (message: object): Uint8Array => new TextEncoder().encode(JSON.stringify(message));
