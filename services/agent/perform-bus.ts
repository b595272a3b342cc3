import { filter, map, toArray } from "rxjs";
import { Register, RegisterReply, registerPatienceMs, Report, WhoIsReply } from "#protocol/agent.js";
import { codec } from "#protocol/codec.js";
import { EventBatch } from "#protocol/event.js";
import { StatusBatch, statusMessageId } from "#protocol/status.js";
import type { Subjects } from "#protocol/subjects.js";
import type { Bus } from "#libs/ports/bus.js";
import type { Clock } from "#libs/ports/clock.js";
import type { Streams } from "#libs/ports/stream.js";
import type { AgentEffect, AgentEvent } from "./events.js";
import type { Replies } from "./replies.js";

export interface BusWorld {
  readonly agent: string;
  readonly subjects: Subjects;
  readonly bus: Bus;
  readonly streams: Streams;
  readonly clock: Clock;
  readonly replies: Replies;
  /** From now on whoever asks for our id finds us. */
  readonly beFound: () => void;
}

export type BusEffect = Extract<
  AgentEffect,
  {
    readonly type:
      | "answer"
      | "staySilent"
      | "findOthers"
      | "beFound"
      | "register"
      | "report"
      | "publishBatch"
      | "tellEvents"
      | "reachCluster";
  }
>;

type Emit = (event: AgentEvent) => void;
type Effect<T> = Extract<BusEffect, { readonly type: T }>;

const register = codec(Register);
const registerReply = codec(RegisterReply);
const report = codec(Report);
const whoIsReply = codec(WhoIsReply);
const statusBatch = codec(StatusBatch);
const eventBatch = codec(EventBatch);

const othersMs = 500;
const nothing = new Uint8Array();

export function performOnBus(world: BusWorld, effect: BusEffect, emit: Emit): void {
  const { agent, subjects, bus, replies } = world;
  switch (effect.type) {
    case "answer":
      return replies.answer(effect.reply, effect.answer);
    case "staySilent":
      return replies.drop(effect.reply);
    case "findOthers":
      return findOthers(world, emit);
    case "beFound":
      return world.beFound();
    case "register":
      return void sendRegistration(world, effect, emit);
    case "report":
      return bus.publish(subjects.report(agent), report.encode(effect.report));
    case "publishBatch":
      return void publishBatch(world, effect, emit);
    case "tellEvents":
      // Not waited for: what happened is a hint, what is true can be asked for.
      return bus.publish(
        subjects.event(effect.kind, agent),
        eventBatch.encode({ events: [...effect.events] }),
      );
    case "reachCluster":
      return void reachCluster(world, emit);
  }
}

function findOthers({ agent, subjects, bus }: BusWorld, emit: Emit): void {
  bus
    .requestMany(subjects.whoIs(agent), nothing, { timeoutMs: othersMs })
    .pipe(
      map((bytes) => whoIsReply.decode(bytes)),
      filter((decoded) => decoded.ok),
      map(({ value }) => value),
      toArray(),
    )
    .subscribe({
      next: (others) => emit({ type: "othersFound", others }),
      error: () => emit({ type: "othersFound", others: [] }),
    });
}

async function sendRegistration(
  { agent, subjects, bus }: BusWorld,
  { attempt, message }: Effect<"register">,
  emit: Emit,
): Promise<void> {
  const answered = await bus.request(subjects.register(agent), register.encode(message), registerPatienceMs);
  if (!answered.ok)
    return emit({ type: "registrationFailed", attempt, unseen: answered.error !== "timeout" });
  const decoded = registerReply.decode(answered.value);
  if (!decoded.ok) return emit({ type: "registrationFailed", attempt, unseen: false });
  const reply = decoded.value;
  if (!reply.ok) return emit({ type: "registrationRefused", attempt, error: reply.error });
  const { ok: _, ...registered } = reply;
  emit({ type: "registered", attempt, ...registered });
}

async function publishBatch(
  { agent, subjects, streams }: BusWorld,
  { batch }: Effect<"publishBatch">,
  emit: Emit,
): Promise<void> {
  const { framework, batch: number } = batch;
  const stored = await streams.append(
    subjects.status(framework, agent),
    statusBatch.encode(batch),
    statusMessageId(batch),
  );
  if (stored.ok) emit({ type: "batchStored", framework, batch: number });
  else emit({ type: "batchFailed", framework, batch: number, failure: stored.error });
}

async function reachCluster({ subjects, streams, clock }: BusWorld, emit: Emit): Promise<void> {
  const sentAt = clock.now().mono;
  try {
    if ((await streams.madeAt(subjects.statusStream)) !== undefined) emit({ type: "clusterReached", sentAt });
  } catch {
    // No answer is the answer.
  }
}
