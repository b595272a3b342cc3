import { KvLease } from "#libs/machine/kv-lease.js";
import type { Cancel } from "#libs/ports/clock.js";
import type { Lease } from "#libs/ports/lease.js";
import { SimBus } from "./bus.js";
import { Calls } from "./calls.js";
import { SimClock } from "./clock.js";
import { Link, type LinkOptions, usualLink, type Way } from "./link.js";
import { SimLog } from "./log.js";
import type { SeededRandom } from "./random.js";
import { SimSealer } from "./sealer.js";
import { SimStore } from "./store.js";
import { SimStreams } from "./streams.js";
import type { SimWorld } from "./world.js";

export interface NodeOptions {
  readonly link?: Partial<LinkOptions>;
  /** How much its wall clock is ahead of the world's, ms. */
  readonly wallSkewMs?: number;
  /**
   * How long a turn of its event loop lasts: least and most, ms; no time at all unless given. What waits for its end (`clock.after(0)`)
   * comes that much later, so that several events fall into one turn, and a death between an event and what its turn would have settled.
   */
  readonly turnMs?: readonly [number, number] | undefined;
  /** 5000 unless given. */
  readonly leaseMs?: number;
}

/**
 * One process: its own ports, over its own connection. It can die alone (`crash`), be cut off alone (`part`, `heal`), and come back
 * as a new process of the same name (`world.node(name)` after its death).
 */
export class SimNode {
  readonly name: string;
  readonly clock: SimClock;
  readonly random: SeededRandom;
  readonly log: SimLog;
  readonly sealer = new SimSealer();
  readonly bus: SimBus;
  readonly streams: SimStreams;
  readonly store: SimStore;
  readonly link: Link;
  /** For checks: told when somebody sets its wall clock. */
  clockSet: () => void = () => {};
  readonly world: SimWorld;
  /** What the server keeps for the connection. */
  readonly #atServer = new Set<Cancel>();
  readonly #leaseMs: number;
  #isAlive = true;

  /** @param incarnation how many processes of this name there were, this one included */
  constructor(world: SimWorld, name: string, incarnation: number, options: NodeOptions) {
    const { schedule, trace } = world;
    this.world = world;
    this.name = name;
    this.#leaseMs = options.leaseMs ?? 5000;
    this.random = world.random.fork(`node/${name}/${incarnation}`);
    const { turnMs } = options;
    const turns = this.random.fork("turns");
    this.clock = new SimClock(schedule, {
      ...(turnMs && { turnMs: () => turns.between(...turnMs) }),
      monoAtStart: Math.floor(this.random.between(1_000, 1_000_000)),
      wallAtStart: world.wallAtStart + (options.wallSkewMs ?? 0),
      fired: () => trace.add(`${schedule.now} ${name} timer`),
      wallSet: () => {
        world.clocksWereSet = true;
        this.clockSet();
      },
    });
    this.log = new SimLog(({ level, message, fields }) =>
      trace.add(`${schedule.now} ${name} ${level}: ${message} ${asText(fields)}`),
    );
    const hooks = { lost: () => this.#forgottenByServer() };
    const linkOptions = { ...usualLink, ...options.link };
    this.link = new Link(schedule, this.random.fork("link"), hooks, linkOptions, world.isServerUp);
    const calls = new Calls(this);
    this.bus = new SimBus(this, `_INBOX.${name}.${incarnation}`);
    this.streams = new SimStreams(this, calls);
    this.store = new SimStore(calls);
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  readonly lease = (name: string, holder: string): Lease =>
    new KvLease({
      store: this.store,
      clock: this.clock,
      log: this.log,
      bucket: "leases",
      replicas: 1,
      leaseMs: this.#leaseMs,
      name,
      holder,
    });

  /** kill -9: nothing of it runs any more, what waits for it waits for ever, and the server is told by its kernel. */
  crash(): void {
    this.#isAlive = false;
    this.world.trace.add(`${this.world.schedule.now} ${this.name} crashes`);
    this.clock.stop();
    this.link.cut();
  }

  /** SIGSTOP: it does nothing, and its connection stands until somebody notices. For less than `noticeMs`, unless it is cut off for good. */
  pause(): void {
    this.world.trace.add(`${this.world.schedule.now} ${this.name} stands still`);
    this.clock.pause();
    this.link.isPaused = true;
  }

  /** SIGCONT: what is due happens now. */
  resume(): void {
    this.world.trace.add(`${this.world.schedule.now} ${this.name} goes on`);
    this.clock.resume();
    this.link.isPaused = false;
  }

  /** Cuts it off, both ways unless one is given; noticed only after a while. */
  part(way?: Way): void {
    this.world.trace.add(`${this.world.schedule.now} ${this.name} is cut off ${way ?? ""}`);
    this.link.part(way);
  }

  heal(): void {
    this.world.trace.add(`${this.world.schedule.now} ${this.name} is reachable`);
    this.link.heal();
  }

  /** Something that the server does for this connection, until it ends. Returns how to end it earlier. */
  keepAtServer(cancel: Cancel): Cancel {
    this.#atServer.add(cancel);
    return () => {
      cancel();
      this.#atServer.delete(cancel);
    };
  }

  #forgottenByServer(): void {
    for (const cancel of this.#atServer) cancel();
    this.#atServer.clear();
  }
}

function asText(fields: object): string {
  try {
    return JSON.stringify(fields, (_, value: unknown) => (value instanceof Error ? String(value) : value));
  } catch {
    return "…";
  }
}
