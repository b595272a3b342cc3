import { type Msg, nanos } from "nats";
import type { Cancel } from "#libs/ports/clock.js";
import type { NatsLink } from "./connection.js";

export interface PullOptions {
  readonly link: NatsLink;
  readonly stream: string;
  readonly consumer: string;
  readonly message: (message: Pulled) => void;
  /** The consumer is not there, or nothing was heard of it, heartbeats included. Not called for a lost connection. */
  readonly missing: () => void;
}

export interface Pulled {
  readonly subject: string;
  readonly bytes: Uint8Array;
  readonly sequence: number;
  /** Of this delivery in its consumer: 1, 2, … */
  readonly delivery: number;
  /** How many messages the consumer has yet to deliver. */
  readonly left: number;
  header(name: string): string | undefined;
  acknowledge(): void;
}

/** How many messages are asked for at a time; at half of it more are asked for. */
const batch = 512;
/** Shorter than a lease: what a leader that hangs has asked for is over before the next one leads, and takes nothing away from it. */
const expiresMs = 3000;
/** The server takes half of it at most. */
const heartbeatMs = 1500;
/** Without a sign of life for so long the pull is given up. */
const quietMs = 3 * heartbeatMs + 500;

/**
 * One session of pulling from a consumer: keeps between half a batch and a whole one asked for. It ends with `missing`, or when it is
 * cancelled; after a reconnect a new one is needed, since what the old one asked for may come to nobody.
 */
export function pull({ link, stream, consumer, message, missing }: PullOptions): Cancel {
  const inbox = link.inbox();
  const asked: { readonly reply: string; left: number }[] = [];
  let count = 0;
  let heardAt = performance.now();
  let ended = false;

  const end = () => {
    ended = true;
    unsubscribe();
    clearInterval(watch);
  };
  const miss = () => {
    if (ended) return;
    end();
    missing();
  };
  const ask = () => {
    const left = asked.reduce((sum, each) => sum + each.left, 0);
    if (ended || left > batch / 2) return;
    const reply = `${inbox}.${++count}`;
    if (link.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`, request, { reply }) === undefined)
      asked.push({ reply, left: batch });
  };
  const status = (code: number, reply: string) => {
    if (code === 100) return;
    const at = asked.findIndex((each) => each.reply === reply);
    if (at >= 0) asked.splice(at, 1);
    // 408: the time of this pull is over. Everything else says that the consumer, or its server, is gone.
    if (code === 408) ask();
    else miss();
  };
  const unsubscribe = link.subscribe(`${inbox}.*`, (raw) => {
    heardAt = performance.now();
    if (raw.subject.startsWith(inbox)) return status(raw.headers?.code ?? 0, raw.subject);
    const first = asked[0];
    if (first !== undefined && --first.left <= 0) asked.shift();
    message(pulled(link, raw));
    ask();
  });
  const watch = setInterval(() => {
    if (link.isConnected && performance.now() - heardAt > quietMs) miss();
  }, heartbeatMs);
  ask();
  return () => {
    if (!ended) end();
  };
}

const request = new TextEncoder().encode(
  JSON.stringify({ batch, expires: nanos(expiresMs), idle_heartbeat: nanos(heartbeatMs) }),
);

const ack = new TextEncoder().encode("+ACK");

/** Reply subjects: `$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<times>.<sequence>.<delivery>.<time>.<left>[.<random>]`. */
function pulled(link: NatsLink, raw: Msg): Pulled {
  const reply = raw.reply ?? "";
  const tokens = reply.split(".");
  const first = tokens.length > 9 ? 4 : 2;
  return {
    subject: raw.subject,
    bytes: raw.data,
    sequence: Number(tokens[first + 3]),
    delivery: Number(tokens[first + 4]),
    left: Number(tokens[first + 6]),
    header: (name) => raw.headers?.get(name) || undefined,
    acknowledge: () => void link.publish(reply, ack),
  };
}
