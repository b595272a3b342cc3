import type { Subscription } from "rxjs";
import { ApiReply, doorApis, Undecoded } from "#protocol/api.js";
import { codec } from "#protocol/codec.js";
import type { Subjects } from "#protocol/subjects.js";
import type { Bus } from "#libs/ports/bus.js";
import { type Door, undecodedAt } from "./door.js";

export interface UndecodedOptions {
  readonly bus: Pick<Bus, "messages">;
  readonly subjects: Subjects;
  readonly door: Door;
  readonly service: keyof typeof doorApis;
  /** What did not decode at this door unless given. */
  readonly counted?: () => Undecoded;
}

const reply = codec(ApiReply(Undecoded));

/** Answers how much came and did not decode, until it is unsubscribed. Only the leader of the service does. */
export function undecodedAnswers({
  bus,
  subjects,
  door,
  service,
  counted = () => ({ here: undecodedAt(door) }),
}: UndecodedOptions): Subscription {
  const { name, request } = doorApis[service].undecoded;
  const requests = codec(request);
  return bus.messages(subjects.api(service, name)).subscribe((message) => {
    if (door.decode(requests, message) === undefined) return;
    message.respond(reply.encode({ ok: true, value: counted() }));
  });
}
