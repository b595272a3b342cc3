import { type JetStreamManager, type MsgHdrs, type NatsConnection, NatsError } from "nats";
import type { BusFailure } from "#libs/ports/bus.js";
import { setTimeout as sleep } from "node:timers/promises";
import { fail, ok, type Result } from "#protocol/result.js";
import type { NatsLink } from "./connection.js";
import { Requests } from "./requests.js";

/** What JetStream said: the numbers are its `err_code`s. */
export interface ApiFault {
  readonly code: number;
  readonly description: string;
}

/** The fault of this number, for what callers treat differently. */
export const faults = {
  streamNotFound: 10059,
  consumerNotFound: 10014,
  consumerExists: 10148,
  messageNotFound: 10037,
  noMessageWithSequence: 10043,
  wrongLastSequence: 10071,
  streamNameInUse: 10058,
} as const;

/** Requests to JetStream: its API, and publishes that a stream acknowledges. */
export class JetStream {
  readonly link: NatsLink;
  readonly #requests: Requests;
  /** Of the present connection, by how long they wait for an answer. */
  #managers: { readonly nc: NatsConnection; readonly of: Map<number, JetStreamManager> } | undefined;

  constructor(link: NatsLink) {
    this.link = link;
    this.#requests = new Requests(link, { giveUpWhenDisconnected: true });
  }

  /** A request whose answer is JSON, with `error` when it was refused. */
  async ask<T>(
    subject: string,
    body: Uint8Array,
    timeoutMs: number,
    headers?: MsgHdrs,
  ): Promise<Result<T, BusFailure | ApiFault>> {
    const answer = await this.#requests.send(subject, body, timeoutMs, headers);
    if (!answer.ok) return answer;
    const value = JSON.parse(answer.value.string()) as T & {
      error?: { err_code?: number; description: string };
    };
    return value.error === undefined
      ? ok(value)
      : fail({ code: value.error.err_code ?? 0, description: value.error.description });
  }

  call<T>(verb: string, body: object, timeoutMs = apiTimeoutMs): Promise<Result<T, BusFailure | ApiFault>> {
    return this.ask<T>(`$JS.API.${verb}`, new TextEncoder().encode(JSON.stringify(body)), timeoutMs);
  }

  /**
   * For what is set up: tries again for 10 s while there is no connection or JetStream does not answer, as in its first moments.
   * Throws after that, and at once for what JetStream refuses. The first tries wait for a short time only: one that went to a server
   * which has just died is never answered, and the next one goes to another.
   */
  async manage<T>(work: (manager: JetStreamManager) => Promise<T>): Promise<T> {
    const giveUpAt = performance.now() + manageMostMs;
    for (let tries = 0; ; await sleep(250)) {
      try {
        if (!this.link.isConnected) throw new Error("disconnected from NATS");
        return await work(await this.#managerNow(tryMs[tries++] ?? apiTimeoutMs));
      } catch (cause) {
        if (performance.now() > giveUpAt || this.link.isClosed || faultOf(cause) !== undefined) throw cause;
      }
    }
  }

  async #managerNow(timeout: number): Promise<JetStreamManager> {
    const { nc } = this.link;
    if (this.#managers?.nc !== nc) this.#managers = { nc, of: new Map() };
    const { of } = this.#managers;
    const manager = of.get(timeout) ?? (await nc.jetstreamManager({ checkAPI: false, timeout }));
    of.set(timeout, manager);
    return manager;
  }
}

/** Of the first tries. */
const tryMs = [1500, 3000];
const apiTimeoutMs = 5000;
const manageMostMs = 10_000;

/** The number of JetStream's own fault; undefined when it did not answer at all. */
export function faultOf(cause: unknown): number | undefined {
  return cause instanceof NatsError ? cause.api_error?.err_code : undefined;
}

/** Like `work`, but undefined for something that is not there. */
export async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (cause) {
    const fault = faultOf(cause);
    if (fault === faults.streamNotFound || fault === faults.consumerNotFound) return undefined;
    throw cause;
  }
}
