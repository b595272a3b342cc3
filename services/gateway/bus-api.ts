import type { Static, TSchema } from "typebox";
import { type ApiCall, ApiReply } from "#protocol/api.js";
import { type Codec, codec } from "#protocol/codec.js";
import type { Refusal } from "#protocol/errors.js";
import type { Result } from "#protocol/result.js";
import type { Subjects } from "#protocol/subjects.js";
import type { Bus, BusFailure } from "#libs/ports/bus.js";
import { type Clock, delay } from "#libs/ports/clock.js";
import { invalid, Refused } from "./answer.js";

/** Calls the leaders of the services. */
export interface BusApi {
  /** @throws Refused with the service's own refusal, or with `unavailable` or `timeout` */
  call<Q extends TSchema, A extends TSchema>(
    call: ApiCall<Q, A>,
    request: Static<Q>,
    options?: CallOptions,
  ): Promise<Static<A>>;
}

export interface CallOptions {
  /** While nobody leads, or who leads does not answer, the call is tried again for so long; 8000 unless given. */
  readonly leaderWaitMs?: number;
}

/**
 * A change of leader takes about a lease. While nobody leads, a call is tried again: it was not handled. While a leader hangs, or when
 * it stops leading with the call in hand, one that may be repeated is: the next leader answers it, and the former does nothing any
 * more when it goes on.
 */
const leaderWaitUsualMs = 8000;
const retryMs = 200;
const timeoutMs = 5000;
const repeatMs = 2000;
/** A connection that breaks is mostly there again at once: calls that may be repeated wait for it so long. */
const reconnectWaitMs = 3000;

export function busApi(bus: Bus, subjects: Subjects, clock: Clock): BusApi {
  const replies = new Map<TSchema, Codec<unknown>>();
  const replyOf = (answer: TSchema): Codec<unknown> => {
    const known = replies.get(answer) ?? codec(ApiReply(answer));
    replies.set(answer, known);
    return known;
  };
  const requests = new Map<TSchema, Codec<unknown>>();
  const requestOf = (request: TSchema): Codec<unknown> => {
    const known = requests.get(request) ?? codec(request);
    requests.set(request, known);
    return known;
  };

  return {
    async call(
      { service, name, request: shape, answer, isRepeatable = false },
      request,
      { leaderWaitMs = leaderWaitUsualMs } = {},
    ) {
      // Ids of paths come here as they were sent: who sent them is told what an id looks like.
      const checked = requestOf(shape).check(request);
      if (!checked.ok) throw invalid(checked.error.faults);
      const subject = subjects.api(service, name);
      const bytes = new TextEncoder().encode(JSON.stringify(request));
      const { mono: askedAt } = clock.now();
      const patienceMs: Record<BusFailure, number> = {
        "no-responders": leaderWaitMs,
        timeout: isRepeatable ? leaderWaitMs : 0,
        disconnected: isRepeatable ? Math.min(reconnectWaitMs, leaderWaitMs) : 0,
        "too-large": 0,
      };
      for (;;) {
        const replied = await bus.request(subject, bytes, isRepeatable ? repeatMs : timeoutMs);
        const reply = replied.ok
          ? replyIn(replyOf(answer).decode(replied.value), service, name)
          : { ok: false as const, error: failure(replied.error, service) };
        if (reply.ok) return reply.value as never;
        const why = replied.ok ? cutShort(reply.error) : replied.error;
        if (why === undefined || clock.now().mono - askedAt >= patienceMs[why])
          throw new Refused(reply.error);
        await delay(clock, retryMs);
      }
    },
  };
}

type Reply = Result<unknown, Refusal>;

function replyIn(decoded: ReturnType<Codec<unknown>["decode"]>, service: string, name: string): Reply {
  if (decoded.ok) return decoded.value as Reply;
  const [fault] = decoded.error.faults;
  const message =
    `the answer of ${service}.${name} is not what it should be: ` +
    `${fault?.path} expected ${fault?.expected}, found ${fault?.found}`;
  throw new Refused({ code: "internal", message }, 502);
}

/** Who led stopped leading with the call in hand: as unknown as if no answer had come. */
const cutShort = ({ code }: Refusal): BusFailure | undefined => (code === "timeout" ? "timeout" : undefined);

function failure(why: BusFailure, service: string): Refusal {
  switch (why) {
    case "no-responders":
      return {
        code: "unavailable",
        message: `nobody leads ${service} now: is the service running? Try again in a few seconds`,
      };
    case "timeout":
      return {
        code: "timeout",
        message: `${service} does not answer: it may or may not have been done; look before trying again`,
      };
    case "disconnected":
      return {
        code: "unavailable",
        message: "the gateway has no connection to NATS; it tries again by itself",
      };
    case "too-large":
      return { code: "invalid", message: "the request is larger than a message may be (256 KB)" };
  }
}
