import { type Static, Type } from "typebox";
import { type Codec, codec } from "#protocol/codec.js";
import { Refusal, refusal } from "#protocol/errors.js";
import { Acknowledged, AskAgentsReply, RenewReply, SubscribeReply } from "#protocol/framework.js";
import { AcceptReply, KillReply, ReconcileReply } from "#protocol/launch.js";
import { fail, ok, type Result } from "#protocol/result.js";
import type { MasterVerb } from "#protocol/subjects.js";
import { unreachable } from "#libs/core/assert.js";
import type { BusFailure, Message } from "#libs/ports/bus.js";
import type { Delivery } from "#libs/ports/stream.js";
import type { FrameworkEffect } from "./effects.js";
import type { FrameworkEvent, NoAnswer } from "./events.js";
import type { FrameworkPorts, TermVault } from "./service.js";

/** What the performing of one term's effects needs. */
export interface PerformContext {
  readonly id: string;
  readonly ports: Pick<FrameworkPorts, "bus" | "log" | "subjects">;
  readonly vault: TermVault;
  /** Words of the leader that wait for an answer, and messages of the stream that are not acknowledged. Filled by `listen`. */
  readonly tickets: Map<number, Message>;
  readonly deliveries: Map<number, Delivery>;
  resign(reason: string, epoch: number | undefined): void;
}

type Emit = (event: FrameworkEvent) => void;

const leaderTimeoutMs = 3000;
const agentTimeoutMs = 5000;

const Refused = Type.Object({ ok: Type.Literal(false), error: Refusal });
const codecs = {
  accept: codec(Type.Union([AcceptReply, Refused])),
  acknowledged: codec(Acknowledged),
  agents: codec(AskAgentsReply),
  kill: codec(KillReply),
  reconcile: codec(ReconcileReply),
  renew: codec(RenewReply),
  subscribe: codec(SubscribeReply),
};

/** Carries out one effect of a FrameworkMachine. */
export function performFramework(effect: FrameworkEffect, emit: Emit, context: PerformContext): void {
  const { id, ports, vault, tickets, deliveries } = context;
  const { subjects, log } = ports;
  switch (effect.type) {
    case "subscribe": {
      const subject = subjects.master(id, "subscribe");
      return ask(context, subject, effect.message, codecs.subscribe, leaderTimeoutMs, (answer) =>
        emit({ type: "subscribeAnswered", attempt: effect.attempt, answer: unsized(answer) }),
      );
    }
    case "renew": {
      const { session } = effect;
      const subject = subjects.master(id, "renew");
      return ask(context, subject, { session }, codecs.renew, leaderTimeoutMs, (answer) => {
        const told = granted(answer);
        emit({ type: "renewAnswered", session, answer: told.ok ? ok(told.value.changes) : told });
      });
    }
    case "decline": {
      const { session, offers, filterMs } = effect;
      return tell(context, "decline", { session, offers, filterMs }, (answer) =>
        emit({ type: "declineAnswered", session, offers, answer }),
      );
    }
    case "revive": {
      const { session, needs } = effect;
      return tell(context, "revive", { session, needs }, (answer) =>
        emit({ type: "demandAnswered", session, answer }),
      );
    }
    case "suppress": {
      const { session } = effect;
      return tell(context, "suppress", { session }, (answer) =>
        emit({ type: "demandAnswered", session, answer }),
      );
    }
    case "askAgents": {
      const { session, agents: asked } = effect;
      const subject = subjects.master(id, "agents");
      return ask(context, subject, { session, agents: asked }, codecs.agents, leaderTimeoutMs, (answer) => {
        const told = granted(answer);
        emit({ type: "agentsAnswered", session, asked, answer: told.ok ? ok(told.value) : told });
      });
    }
    case "askAgentsAfter": {
      const { session, after } = effect;
      const subject = subjects.master(id, "agents");
      const message = { session, agents: [], after };
      return ask(context, subject, message, codecs.agents, leaderTimeoutMs, (answer) => {
        const told = granted(answer);
        const page = told.ok ? ok({ ...told.value, more: told.value.more === true }) : told;
        emit({ type: "agentsAfterAnswered", session, answer: page });
      });
    }
    case "storeLaunch":
      return void vault
        .put(effect.launch, effect.record)
        .then((outcome) => outcome === "stored" && emit({ type: "launchStored", launch: effect.launch }));
    case "removeLaunch":
      return void vault.remove(effect.launch);
    case "accept": {
      const { launch, agent, message, timeoutMs } = effect;
      const subject = subjects.launch(agent, id, "accept");
      return ask(context, subject, message, codecs.accept, timeoutMs, (answer) =>
        emit({ type: "acceptAnswered", launch, answer: acceptAnswer(answer) }),
      );
    }
    case "kill": {
      const { agent, message } = effect;
      const { task, session } = message;
      const subject = subjects.launch(agent, id, "kill");
      return ask(context, subject, message, codecs.kill, agentTimeoutMs, (answer) =>
        emit({ type: "killAnswered", task, session, answer: unsized(answer) }),
      );
    }
    case "reconcile": {
      const { agent, round, message } = effect;
      const subject = subjects.launch(agent, id, "reconcile");
      return ask(context, subject, message, codecs.reconcile, agentTimeoutMs, (answer) =>
        emit({ type: "reconcileAnswered", agent, round, answer: unsized(answer) }),
      );
    }
    case "answerLeader":
      // What is not taken stays unanswered: the leader rescinds it.
      if (effect.taken) tickets.get(effect.ticket)?.respond(taken);
      tickets.delete(effect.ticket);
      return;
    case "acknowledge":
      for (const number of effect.deliveries) {
        deliveries.get(number)?.acknowledge();
        deliveries.delete(number);
      }
      return;
    case "resign":
      return context.resign(effect.reason, effect.epoch);
    case "say":
      return log[effect.level](effect.message, effect.fields);
    default:
      return unreachable(effect);
  }
}

const taken = codecs.acknowledged.encode({ ok: true });
type Failure = NoAnswer | "too-large";

function tell(
  context: PerformContext,
  verb: MasterVerb,
  message: object,
  answered: (answer: Result<void, Refusal | NoAnswer>) => void,
): void {
  const subject = context.ports.subjects.master(context.id, verb);
  ask(context, subject, message, codecs.acknowledged, leaderTimeoutMs, (answer) => {
    const told = granted(answer);
    answered(told.ok ? ok(undefined) : told);
  });
}

function ask<Reply>(
  { ports: { bus, log } }: PerformContext,
  subject: string,
  message: object,
  replies: Codec<Reply>,
  timeoutMs: number,
  answered: (answer: Result<Reply, Failure>) => void,
): void {
  const bytes = new TextEncoder().encode(JSON.stringify(message));
  void bus.request(subject, bytes, timeoutMs).then((reply) => {
    if (!reply.ok) return answered(fail(failures[reply.error]));
    const decoded = replies.decode(reply.value);
    if (decoded.ok) return answered(decoded);
    log.warn("an answer does not decode", { subject, fault: decoded.error.faults[0] });
    return answered(fail("unknown"));
  });
}

const failures: Record<BusFailure, Failure> = {
  "no-responders": "absent",
  timeout: "unknown",
  disconnected: "unknown",
  "too-large": "too-large",
};

/** Only an accept grows with what it carries; of the others none comes near the limit. */
const unsized = <T>(answer: Result<T, Failure>): Result<T, NoAnswer> =>
  answer.ok ? answer : fail(answer.error === "too-large" ? "unknown" : answer.error);

type Refusable = { readonly ok: true } | { readonly ok: false; readonly error: Refusal };

/** A refusal is a failure like any other. */
function granted<R extends Refusable>(
  answer: Result<R, Failure>,
): Result<Extract<R, { readonly ok: true }>, Refusal | NoAnswer> {
  const told = unsized(answer);
  if (!told.ok) return told;
  const { value } = told;
  return value.ok ? ok(value as Extract<R, { readonly ok: true }>) : fail(value.error);
}

type AcceptAnswer = Extract<FrameworkEvent, { type: "acceptAnswered" }>["answer"];

function acceptAnswer(answer: Result<AcceptReply | Static<typeof Refused>, Failure>): AcceptAnswer {
  if (!answer.ok)
    return fail(
      answer.error === "too-large"
        ? refusal("invalid", "the accept is larger than the bus takes: give the tasks less data")
        : answer.error,
    );
  return "ok" in answer.value ? fail(answer.value.error) : ok(answer.value);
}
