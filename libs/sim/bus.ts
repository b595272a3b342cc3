import { Observable } from "rxjs";
import type { Bus, BusFailure, Connection, Message } from "#libs/ports/bus.js";
import type { Cancel } from "#libs/ports/clock.js";
import { fail, ok, type Result } from "#protocol/result.js";
import type { SimNode } from "./node.js";
import { type Parcel, payloadMax } from "./server.js";
import { excerpt, fingerprint } from "./trace.js";

interface Subscription {
  readonly subject: string;
  readonly deliver: (parcel: Parcel) => void;
  /** Of what the server keeps for it. */
  cancel?: Cancel;
  isOpen: boolean;
}

/** The bus as one node sees it. */
export class SimBus implements Bus {
  readonly connection: Observable<Connection>;
  readonly #node: SimNode;
  readonly #inbox: string;
  readonly #subscriptions = new Set<Subscription>();
  readonly #waiting = new Map<string, (parcel: Parcel) => void>();
  #count = 0;

  constructor(node: SimNode, inbox: string) {
    this.#node = node;
    this.#inbox = inbox;
    this.connection = node.link.connection;
    this.#subscribe(`${inbox}.*`, (parcel) => this.#waiting.get(parcel.subject)?.(parcel));
    // After a reconnect the server has forgotten everything.
    this.connection.subscribe(({ state }) => {
      if (state === "connected") for (const subscription of this.#subscriptions) this.#send(subscription);
    });
  }

  publish(subject: string, bytes: Uint8Array): void {
    if (this.#post({ subject, bytes }) === "too-large")
      this.#node.log.error("dropped a message that is too large", { subject, bytes: bytes.length });
  }

  request(subject: string, bytes: Uint8Array, timeoutMs: number): Promise<Result<Uint8Array, BusFailure>> {
    return new Promise((resolve) => {
      const reply = this.#reply();
      const failure = this.#post({ subject, bytes, reply });
      if (failure !== undefined) return void this.#node.clock.after(0, () => resolve(fail(failure)));
      const settle = (result: Result<Uint8Array, BusFailure>) => {
        cancel();
        this.#waiting.delete(reply);
        resolve(result);
      };
      const cancel = this.#node.clock.after(timeoutMs, () => settle(fail("timeout")));
      this.#waiting.set(reply, (parcel) =>
        settle(parcel.failure === undefined ? ok(parcel.bytes) : fail(parcel.failure)),
      );
    });
  }

  requestMany(
    subject: string,
    bytes: Uint8Array,
    { timeoutMs, most = Number.POSITIVE_INFINITY }: { readonly timeoutMs: number; readonly most?: number },
  ): Observable<Uint8Array> {
    return new Observable((receiver) => {
      const reply = this.#reply();
      let count = 0;
      const end = () => receiver.complete();
      this.#waiting.set(reply, (parcel) => {
        if (parcel.failure === "no-responders") return end();
        if (parcel.failure !== undefined) return;
        receiver.next(parcel.bytes);
        if (++count >= most) end();
      });
      receiver.add(this.#node.clock.after(timeoutMs, end));
      receiver.add(() => void this.#waiting.delete(reply));
      if (this.#post({ subject, bytes, reply }) !== undefined) end();
    });
  }

  messages(subject: string): Observable<Message> {
    return new Observable((receiver) =>
      this.#subscribe(subject, (parcel) =>
        receiver.next({
          subject: parcel.subject,
          bytes: parcel.bytes,
          respond: (answer) => this.#respond(parcel, answer),
        }),
      ),
    );
  }

  close(): Promise<void> {
    this.#node.link.close();
    return Promise.resolve();
  }

  #reply(): string {
    return `${this.#inbox}.${++this.#count}`;
  }

  #respond({ subject, reply }: Parcel, bytes: Uint8Array): void {
    if (reply === undefined) return;
    if (this.#post({ subject: reply, bytes }) !== "too-large") return;
    this.#node.log.error("an answer is too large", { subject, bytes: bytes.length });
    this.#post({ subject: reply, bytes: new Uint8Array(), failure: "too-large" });
  }

  /** Why it was not sent. */
  #post(parcel: Parcel): BusFailure | undefined {
    if (parcel.bytes.length > payloadMax) return "too-large";
    const { link, world, name: from } = this.#node;
    return link.up(() => world.server.publish({ ...parcel, from })) ? undefined : "disconnected";
  }

  #subscribe(subject: string, deliver: (parcel: Parcel) => void): Cancel {
    const subscription: Subscription = { subject, deliver, isOpen: true };
    this.#subscriptions.add(subscription);
    this.#send(subscription);
    return () => {
      subscription.isOpen = false;
      this.#subscriptions.delete(subscription);
      this.#node.link.up(() => subscription.cancel?.(), "control");
    };
  }

  #send(subscription: Subscription): void {
    const { link, world, name } = this.#node;
    const arrived = (parcel: Parcel) => {
      if (!subscription.isOpen) return;
      const { subject, bytes, failure } = parcel;
      world.trace.add(
        `${world.schedule.now} ${name} ← ${subject} ${fingerprint(bytes)}`,
        () => failure ?? excerpt(bytes),
      );
      subscription.deliver(parcel);
    };
    link.up(() => {
      subscription.cancel?.();
      subscription.cancel = this.#node.keepAtServer(
        world.server.subscribe(subscription.subject, (parcel) =>
          link.down(() => arrived(parcel), "message", parcel.from),
        ),
      );
    }, "control");
  }
}
