import { Observable } from "rxjs";
import type { BusFailure } from "#libs/ports/bus.js";
import type { Cancel } from "#libs/ports/clock.js";
import type { Delivery, StoredMessage, StreamConfig, Streams } from "#libs/ports/stream.js";
import { fail, ok, type Result } from "#protocol/result.js";
import type { Calls } from "./calls.js";
import type { Freight } from "./link.js";
import type { SimNode } from "./node.js";
import { payloadMax, type SimServer } from "./server.js";
import { excerpt, fingerprint } from "./trace.js";

const appendTimeoutMs = 5000;
const retryMs = 250;

/** Durable streams as one node sees them. */
export class SimStreams implements Streams {
  readonly #node: SimNode;
  readonly #calls: Calls;

  constructor(node: SimNode, calls: Calls) {
    this.#node = node;
    this.#calls = calls;
  }

  async ensure(config: StreamConfig): Promise<void> {
    await this.#calls.manage(`makes stream ${config.name}`, ({ streams }) => ok(streams.ensure(config)));
  }

  async append(
    subject: string,
    bytes: Uint8Array,
    messageId: string,
  ): Promise<Result<{ readonly sequence: number }, BusFailure>> {
    if (bytes.length > payloadMax) return fail("too-large");
    const what = `appends ${subject} ${messageId} ${fingerprint(bytes)}`;
    const stored = await this.#calls.call(what, appendTimeoutMs, ({ streams }) =>
      streams.append(subject, bytes, messageId),
    );
    if (!stored.ok) return stored;
    if (stored.value === undefined) return fail("no-responders");
    return stored.value === "full" ? fail("timeout") : ok({ sequence: stored.value });
  }

  async ensureConsumer(stream: string, consumer: string, filter: string): Promise<void> {
    await this.#calls.manage(`makes consumer ${stream}/${consumer}`, ({ streams }) => {
      const found = streams.named(stream);
      return found === undefined ? fail("no such stream") : ok(found.ensureConsumer(consumer, filter));
    });
  }

  async removeConsumer(stream: string, consumer: string): Promise<void> {
    await this.#calls.manage(`removes consumer ${stream}/${consumer}`, ({ streams }) =>
      ok(streams.named(stream)?.removeConsumer(consumer)),
    );
  }

  consume(stream: string, consumer: string): Observable<Delivery> {
    return new Observable((receiver) =>
      this.#follow(`${stream}/${consumer}`, "message", ({ streams }, deliver) => {
        const found = streams.named(stream)?.consumer(consumer);
        return found?.attach((message) =>
          deliver(message, () => {
            const acknowledge = () =>
              void this.#node.link.up(
                () =>
                  this.#node.world.server.streams
                    .named(stream)
                    ?.consumer(consumer)
                    ?.acknowledge(message.sequence),
                "answer",
              );
            receiver.next({ ...message, acknowledge });
          }),
        );
      }),
    );
  }

  read(
    stream: string,
    { after, filter = ">" }: { readonly after?: number; readonly filter?: string },
  ): Observable<StoredMessage> {
    let last = after;
    let madeAt: number | undefined;
    return new Observable((receiver) =>
      this.#follow(stream, "control", ({ streams }, deliver) => {
        const found = streams.named(stream);
        if (found === undefined) return undefined;
        // A stream that was made anew counts from 1 again: nothing of it has been read.
        if (madeAt !== undefined && madeAt !== found.madeAt) last = 0;
        madeAt = found.madeAt;
        last = Math.min(last ?? found.last, found.last);
        return found.read(last, filter, (message) =>
          deliver(message, () => {
            last = message.sequence;
            receiver.next({
              subject: message.subject,
              bytes: message.bytes,
              sequence: message.sequence,
            });
          }),
        );
      }),
    );
  }

  madeAt(stream: string): Promise<number | undefined> {
    return this.#calls.manage(`looks at stream ${stream}`, ({ streams }) =>
      ok(streams.named(stream)?.madeAt),
    );
  }

  /** Attaches at the server, again after each reconnect, and every 250 ms while what it wants to read is not there. */
  #follow(what: string, freight: Freight, attach: Attach): Cancel {
    const { link, world, clock, name } = this.#node;
    let session = 0;
    let cancel: Cancel | undefined;
    let retry: Cancel | undefined;

    const begin = () => {
      const mine = ++session;
      cancel?.();
      retry?.();
      link.up(() => {
        if (mine !== session) return;
        const deliver: Deliver = ({ subject, bytes, sequence }, call) =>
          link.down(
            () => {
              if (mine !== session) return;
              world.trace.add(
                `${world.schedule.now} ${name} ← ${subject} #${sequence} ${fingerprint(bytes)}`,
                () => excerpt(bytes),
              );
              call();
            },
            freight,
            what,
          );
        const attached = attach(world.server, deliver);
        if (attached !== undefined) cancel = this.#node.keepAtServer(attached);
        else
          link.down(() => {
            if (mine === session) retry = clock.after(retryMs, begin);
          }, "control");
      }, "control");
    };
    const subscription = link.connection.subscribe(({ state }) => {
      if (state === "connected") begin();
    });
    return () => {
      session++;
      subscription.unsubscribe();
      retry?.();
      world.trace.add(`${world.schedule.now} ${name} stops reading ${what}`);
      const stop = cancel;
      link.up(() => stop?.(), "control");
    };
  }
}

type Deliver = (message: StoredMessage, call: () => void) => void;
/** Undefined: it is not there. */
type Attach = (server: SimServer, deliver: Deliver) => Cancel | undefined;
