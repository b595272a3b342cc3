import { BehaviorSubject } from "rxjs";
import type { Connection } from "#libs/ports/bus.js";
import type { SeededRandom } from "./random.js";
import type { Schedule } from "./schedule.js";

export interface LinkOptions {
  /** Of each message, each way: least and most, ms. Order is kept each way. */
  readonly latencyMs: readonly [number, number];
  /** Share of the messages, each way, that vanish: 0 to 1. A real connection loses only with its end. */
  readonly lossRate: number;
  /** Share of the messages, each way, that arrive twice: 0 to 1. Of published messages and deliveries only. */
  readonly doubleRate: number;
  /** Share of the answers (to a store, of a stream, to a delivery) that vanish on top of it: what was asked was done. 0 to 1. */
  readonly answerLossRate: number;
  /** What the node takes for each message before it takes the next, ms: a slow consumer. The server ends a connection that is far behind. */
  readonly takingMs: number;
  /** Like a cluster of servers: messages of one sender keep their order, those of several overtake each other. */
  readonly lanes: boolean;
  /** How long it takes to notice that the other side is silent: least and most, ms. */
  readonly noticeMs: readonly [number, number];
  /** How long after the way is free again a new connection stands: least and most, ms. */
  readonly reconnectMs: readonly [number, number];
}

/** As of a client that pings every 5 s and gives up after two pings. */
export const usualLink: LinkOptions = {
  latencyMs: [0.1, 0.6],
  lossRate: 0,
  doubleRate: 0,
  answerLossRate: 0,
  takingMs: 0,
  lanes: false,
  noticeMs: [10_000, 15_000],
  reconnectMs: [10, 260],
};

/** From the node to the server, and back. */
export type Way = "up" | "down";

/**
 * What chance may do to it: a `message` is lost or doubled, a `call` and its `answer` are lost, and `control` (who subscribes, an
 * ordered reading that closes its own gaps) arrives as long as the connection stands.
 */
export type Freight = "message" | "call" | "answer" | "control";

const bothWays: readonly Way[] = ["up", "down"];
/** A server gives up a client that has not taken for so long what was written to it (nats-server: write_deadline). */
const behindMostMs = 10_000;
const serverLane = "";

/**
 * The connection of a node to the server. While it is parted, one way or both, what goes that way waits, as in the buffers of a TCP
 * connection; when that is noticed the connection ends and what waited is lost. A new one is made as soon as both ways are free and
 * the server is up.
 */
export class Link {
  readonly connection: BehaviorSubject<Connection>;
  readonly #schedule: Schedule;
  readonly #random: SeededRandom;
  readonly #hooks: LinkHooks;
  #lastUp = 0;
  /** By lane. */
  readonly #lastDown = new Map<string, number>();
  #options: LinkOptions;
  /** Counts connections: what was sent over an earlier one does not arrive. */
  #session = 0;
  /** The one in which the node was cut off from us for good. */
  #lastSession: number | undefined;
  readonly #parted = new Set<Way>();
  #isPaused = false;
  #serverUp: boolean;
  #closed = false;
  #held: (() => void)[] = [];

  constructor(
    schedule: Schedule,
    random: SeededRandom,
    hooks: LinkHooks,
    options: LinkOptions,
    serverUp: boolean,
  ) {
    this.#schedule = schedule;
    this.#random = random;
    this.#hooks = hooks;
    this.#options = options;
    this.#serverUp = serverUp;
    this.connection = new BehaviorSubject<Connection>(serverUp ? connected : disconnected);
  }

  get isConnected(): boolean {
    return !this.#closed && this.connection.value.state === "connected";
  }

  get isParted(): boolean {
    return this.#parted.size > 0;
  }

  /** Changes how the link behaves from now on. */
  set(options: Partial<LinkOptions>): void {
    this.#options = { ...this.#options, ...options };
  }

  /** To the server; false when there is no connection. */
  up(arrive: () => void, freight: Freight = "message"): boolean {
    if (!this.isConnected) return false;
    this.#send("up", freight, arrive);
    return true;
  }

  /** To the node. Nothing when the connection is gone. `sender`: whose order it keeps; the server's unless given. */
  down(arrive: () => void, freight: Freight = "message", sender?: string): void {
    if (this.isConnected) this.#send("down", freight, arrive, sender);
  }

  /** Nothing gets through: both ways unless one is given. */
  part(way?: Way): void {
    const ways = way === undefined ? bothWays : [way];
    if (ways.every((each) => this.#parted.has(each))) return;
    for (const each of ways) this.#parted.add(each);
    const session = this.#session;
    this.#schedule.after(this.#between(this.#options.noticeMs), () => {
      if (this.isParted && session === this.#session) this.#lose();
    });
  }

  heal(): void {
    if (!this.isParted) return;
    this.#parted.clear();
    if (this.isConnected) this.#release();
    else this.#connectSoon();
  }

  /** The node takes nothing, for it stands still; what comes waits. */
  set isPaused(isPaused: boolean) {
    this.#isPaused = isPaused;
    if (!isPaused) this.#release();
  }

  /** What still cannot get through waits on. */
  #release(): void {
    for (const land of this.#held.splice(0)) land();
  }

  serverDied(): void {
    this.#serverUp = false;
    const session = this.#session;
    this.#schedule.after(this.#between(this.#options.latencyMs), () => {
      if (session === this.#session) this.#lose();
    });
  }

  serverReturned(): void {
    this.#serverUp = true;
    this.#connectSoon();
  }

  /** The node ends it in good order: what it sent before still arrives. */
  close(): void {
    const isSent = this.up(() => this.cut(), "control");
    this.#closed = true;
    if (!isSent) this.cut();
  }

  /** The node is gone for good and hears no more. What it sent before still arrives, then the server is told. */
  cut(): void {
    this.#closed = true;
    this.#lastSession = this.#session++;
    const told = Math.max(this.#lastUp, this.#schedule.now + this.#between(this.#options.latencyMs));
    this.#schedule.at(told, () => this.#hooks.lost());
  }

  #send(way: Way, freight: Freight, arrive: () => void, sender?: string): void {
    const { lossRate, answerLossRate, doubleRate, lanes } = this.#options;
    if (freight !== "control" && this.#random.happens(lossRate)) return;
    if (freight === "answer" && this.#random.happens(answerLossRate)) return;
    const lane = lanes && sender !== undefined ? sender : serverLane;
    this.#carry(way, lane, arrive);
    if (freight === "message" && this.#random.happens(doubleRate)) this.#carry(way, lane, arrive);
  }

  #carry(way: Way, lane: string, arrive: () => void): void {
    const session = this.#session;
    const land = () => {
      const isAlive = session === this.#session || (way === "up" && session === this.#lastSession);
      if (!isAlive || (way === "up" && !this.#serverUp)) return;
      if (this.#parted.has(way) || (way === "down" && this.#isPaused)) this.#held.push(land);
      else arrive();
    };
    this.#schedule.at(way === "up" ? this.#arrivalUp() : this.#arrivalDown(lane), land);
  }

  #arrivalUp(): number {
    const soonest = this.#schedule.now + this.#between(this.#options.latencyMs);
    return (this.#lastUp = Math.max(this.#lastUp, soonest));
  }

  #arrivalDown(lane: string): number {
    const { now } = this.#schedule;
    const soonest = now + this.#between(this.#options.latencyMs);
    const arrival = Math.max(this.#lastDown.get(lane) ?? 0, soonest) + this.#options.takingMs;
    this.#lastDown.set(lane, arrival);
    if (arrival - now > behindMostMs) this.#cutOffAsSlow();
    return arrival;
  }

  #cutOffAsSlow(): void {
    const session = this.#session;
    this.#schedule.after(0, () => {
      if (session === this.#session) this.#lose();
    });
  }

  #lose(): void {
    this.#session++;
    this.#held = [];
    this.#lastDown.clear();
    const was = this.isConnected;
    this.#hooks.lost();
    if (was) this.connection.next(disconnected);
    this.#connectSoon();
  }

  #connectSoon(): void {
    const session = this.#session;
    this.#schedule.after(this.#between(this.#options.reconnectMs), () => {
      const hindered = this.#closed || this.isParted || !this.#serverUp || this.isConnected;
      if (hindered || session !== this.#session) return;
      this.#session++;
      this.connection.next(connected);
    });
  }

  #between([least, most]: readonly [number, number]): number {
    return this.#random.between(least, most);
  }
}

export interface LinkHooks {
  /** The server forgets the connection. */
  readonly lost: () => void;
}

const connected: Connection = { state: "connected", server: "sim" };
const disconnected: Connection = { state: "disconnected" };
