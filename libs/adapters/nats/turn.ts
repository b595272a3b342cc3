import type { MsgHdrs } from "nats";

export interface Outgoing {
  readonly subject: string;
  readonly bytes: Uint8Array;
  readonly reply?: string;
  readonly headers?: MsgHdrs;
}

/**
 * What is published in one turn of the event loop, so that the server gets it in one write. The client by itself writes as soon as
 * the present callback ends: under load, where a chunk of messages is handled by many callbacks, nearly every message alone.
 */
export class Turn {
  readonly #send: (message: Outgoing) => void;
  #messages: Outgoing[] = [];

  constructor(send: (message: Outgoing) => void) {
    this.#send = send;
  }

  add(message: Outgoing): void {
    if (this.#messages.length === 0) setImmediate(() => this.end());
    this.#messages.push(message);
  }

  /** Sends what there is, at once. */
  end(): void {
    const messages = this.#messages;
    this.#messages = [];
    for (const message of messages) this.#send(message);
  }
}
