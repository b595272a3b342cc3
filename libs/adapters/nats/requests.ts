import { randomFillSync } from "node:crypto";
import type { Msg, MsgHdrs } from "nats";
import type { BusFailure } from "#libs/ports/bus.js";
import { fail, ok, type Result } from "#protocol/result.js";
import type { NatsLink } from "./connection.js";

/** In the header of an answer that could not be sent as it was. */
export const failureHeader = "Emporion-Failure";

type Answer = Result<Msg, BusFailure>;

export interface RequestsOptions {
  /** When the connection breaks, give up at once what is under way, as `timeout`: its answers will not come. Else wait for its time. */
  readonly giveUpWhenDisconnected: boolean;
}

/**
 * Requests, and publishes that a stream acknowledges, with one subscription for all answers: each has a name of its own in the last
 * token of its reply subject, by chance, so that who is asked one thing cannot answer another. Several times as fast as the
 * client's own with many in flight.
 */
export class Requests {
  readonly #link: NatsLink;
  readonly #replyTo: string;
  readonly #waiting = new Map<string, (answer: Answer) => void>();
  readonly #chance = new Chance();
  #subscribed = false;

  constructor(link: NatsLink, { giveUpWhenDisconnected }: RequestsOptions) {
    this.#link = link;
    this.#replyTo = link.inbox();
    if (giveUpWhenDisconnected)
      link.connection.subscribe(({ state }) => {
        if (state === "disconnected") for (const settle of this.#waiting.values()) settle(fail("timeout"));
      });
  }

  send(subject: string, bytes: Uint8Array, timeoutMs: number, headers?: MsgHdrs): Promise<Answer> {
    this.#subscribe();
    const name = this.#chance.next();
    const reply = `${this.#replyTo}.${name}`;
    const failure = this.#link.publish(
      subject,
      bytes,
      headers === undefined ? { reply } : { reply, headers },
    );
    if (failure !== undefined) return Promise.resolve(fail(failure));
    return new Promise((resolve) => {
      const timer = setTimeout(() => settle(fail("timeout")), timeoutMs);
      const settle = (answer: Answer) => {
        clearTimeout(timer);
        this.#waiting.delete(name);
        resolve(answer);
      };
      this.#waiting.set(name, settle);
    });
  }

  #subscribe(): void {
    if (this.#subscribed) return;
    this.#subscribed = true;
    const nameAt = this.#replyTo.length + 1;
    this.#link.subscribe(`${this.#replyTo}.*`, (message) => {
      this.#waiting.get(message.subject.slice(nameAt))?.(answerOf(message));
    });
  }
}

/** Names that nobody can guess and that do not come twice: a count, and 96 bits. Bytes are drawn for many at a time. */
class Chance {
  readonly #bytes = Buffer.alloc(12 * 512);
  #at = this.#bytes.length;
  #count = 0;

  next(): string {
    if (this.#at === this.#bytes.length) {
      randomFillSync(this.#bytes);
      this.#at = 0;
    }
    const from = this.#at;
    this.#at += 12;
    return `${(++this.#count).toString(36)}-${this.#bytes.toString("base64url", from, this.#at)}`;
  }
}

function answerOf(message: Msg): Answer {
  if (isNoResponders(message)) return fail("no-responders");
  if (message.headers?.get(failureHeader) === "too-large") return fail("too-large");
  return ok(message);
}

export const isNoResponders = (message: Msg): boolean =>
  message.data.length === 0 && message.headers?.code === 503;
