import { type Codec, codec } from "#protocol/codec.js";
import { refusal } from "#protocol/errors.js";
import { assert } from "#libs/core/assert.js";
import { door } from "#libs/machine/door.js";
import { undecodedAnswers } from "#libs/machine/undecoded.js";
import type { Message } from "#libs/ports/bus.js";
import type { Answer, ApiCalls, Called, FrameworkPorts, ServedApi } from "./service.js";

/** NATS takes 1 MB unless configured otherwise. */
const answerBytesMost = 1_000_000;

/**
 * Serves the calls on the bus: each that decodes becomes a `called` event, each that does not is refused with all its
 * faults. Only the leader does this, so callers reach one that may decide.
 */
export function serveApi<Calls extends ApiCalls>(
  {
    bus,
    clock,
    log,
    subjects,
    door: entrance = door(log, clock),
  }: Pick<FrameworkPorts, "bus" | "clock" | "log" | "subjects" | "door">,
  calls: Calls,
  emit: (event: Called<Calls>) => void,
): ServedApi {
  const waiting = new Map<number, Message>();
  let tickets = 0;

  const come = (call: string, requests: Codec<unknown>, message: Message) => {
    const request = entrance.decode(requests, message);
    if (request === undefined) return;
    const ticket = ++tickets;
    waiting.set(ticket, message);
    emit({ type: "called", call, request, ticket } as Called<Calls>);
  };
  const subscriptions = Object.entries(calls).map(([name, call]) => {
    const requests = codec(call.request);
    return bus
      .messages(subjects.api(call.service, call.name))
      .subscribe((message) => come(name, requests, message));
  });
  for (const service of new Set(Object.values(calls).map((call) => call.service)))
    subscriptions.push(undecodedAnswers({ bus, subjects, door: entrance, service }));

  return {
    answer({ ticket, reply }: Answer) {
      const message = waiting.get(ticket);
      assert(message !== undefined, `call ${ticket} was answered already, or never came`);
      waiting.delete(ticket);
      const bytes = encode(reply);
      message.respond(bytes.length <= answerBytesMost ? bytes : tooLarge(bytes.length));
    },
    close() {
      for (const subscription of subscriptions) subscription.unsubscribe();
      for (const message of waiting.values()) message.respond(cutShort);
      waiting.clear();
      entrance.close();
    },
  };
}

function encode(reply: Answer["reply"]): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(reply));
}

const cutShort = encode({
  ok: false,
  error: refusal("timeout", "another copy leads now: whether this was done shows when you look"),
});

const tooLarge = (bytes: number): Uint8Array =>
  encode({
    ok: false,
    error: refusal(
      "internal",
      `the answer has ${bytes} bytes, the bus takes ${answerBytesMost}: ask for less`,
    ),
  });
