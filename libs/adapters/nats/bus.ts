import { headers, type Msg } from "nats";
import { Observable } from "rxjs";
import type { Bus, BusFailure, Connection, Message } from "#libs/ports/bus.js";
import { ok, type Result } from "#protocol/result.js";
import type { NatsLink } from "./connection.js";
import { failureHeader, isNoResponders, type Requests } from "./requests.js";

/** The bus over core NATS. */
export class NatsBus implements Bus {
  readonly connection: Observable<Connection>;
  readonly #link: NatsLink;
  readonly #requests: Requests;

  constructor(link: NatsLink, requests: Requests) {
    this.#link = link;
    this.#requests = requests;
    this.connection = link.connection;
  }

  publish(subject: string, bytes: Uint8Array): void {
    const failure = this.#link.publish(subject, bytes);
    if (failure === "too-large")
      this.#link.log.error("dropped a message that is too large", {
        subject,
        bytes: bytes.length,
        most: this.#link.payloadMax,
      });
  }

  async request(
    subject: string,
    bytes: Uint8Array,
    timeoutMs: number,
  ): Promise<Result<Uint8Array, BusFailure>> {
    const answer = await this.#requests.send(subject, bytes, timeoutMs);
    return answer.ok ? ok(answer.value.data) : answer;
  }

  requestMany(
    subject: string,
    bytes: Uint8Array,
    { timeoutMs, most = Number.POSITIVE_INFINITY }: { readonly timeoutMs: number; readonly most?: number },
  ): Observable<Uint8Array> {
    return new Observable((receiver) => {
      const reply = this.#link.inbox();
      let count = 0;
      const end = () => receiver.complete();
      const timer = setTimeout(end, timeoutMs);
      const unsubscribe = this.#link.subscribe(reply, (message) => {
        if (isNoResponders(message)) return end();
        if (message.headers?.has(failureHeader)) return;
        receiver.next(message.data);
        if (++count >= most) end();
      });
      receiver.add(() => {
        clearTimeout(timer);
        unsubscribe();
      });
      if (this.#link.publish(subject, bytes, { reply }) !== undefined) end();
    });
  }

  messages(subject: string): Observable<Message> {
    return new Observable((receiver) =>
      this.#link.subscribe(subject, (message) => {
        if (isFromStream(message))
          return this.#link.log.warn("dropped what a stream delivered", { subject: message.subject });
        receiver.next(new NatsMessage(this.#link, message));
      }),
    );
  }

  close(): Promise<void> {
    return this.#link.close();
  }
}

/**
 * A stream delivers what it holds to whatever subject it is asked to, by whoever may read it, and the server does not look
 * whether he may speak there. What it delivers can be told by where it wants the acknowledgement.
 */
const isFromStream = ({ reply = "" }: Msg): boolean => reply.startsWith("$JS.ACK.");

class NatsMessage implements Message {
  readonly subject: string;
  readonly bytes: Uint8Array;
  readonly #link: NatsLink;
  readonly #reply: string | undefined;

  constructor(link: NatsLink, message: Msg) {
    this.#link = link;
    // Who asks can name any subject; we answer to inboxes, and so say nothing in our own name to anybody else.
    this.#reply = message.reply?.startsWith("_INBOX.") === true ? message.reply : undefined;
    this.subject = message.subject;
    this.bytes = message.data;
  }

  respond(bytes: Uint8Array): void {
    if (!this.#reply) return;
    if (this.#link.publish(this.#reply, bytes) !== "too-large") return;
    this.#link.log.error("an answer is too large", {
      subject: this.subject,
      bytes: bytes.length,
      most: this.#link.payloadMax,
    });
    const why = headers();
    why.set(failureHeader, "too-large");
    this.#link.publish(this.#reply, new Uint8Array(), { headers: why });
  }
}
