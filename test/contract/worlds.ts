import { setTimeout as sleep } from "node:timers/promises";
import { SystemClock } from "#libs/adapters/clock.js";
import { silentLog } from "#libs/adapters/log.js";
import { NatsBus } from "#libs/adapters/nats/bus.js";
import { NatsLink } from "#libs/adapters/nats/connection.js";
import { JetStream } from "#libs/adapters/nats/jetstream.js";
import { Requests } from "#libs/adapters/nats/requests.js";
import { NatsStore } from "#libs/adapters/nats/store.js";
import { NatsStreams } from "#libs/adapters/nats/streams.js";
import type { Bus } from "#libs/ports/bus.js";
import type { Clock } from "#libs/ports/clock.js";
import type { Store } from "#libs/ports/store.js";
import type { Streams } from "#libs/ports/stream.js";
import type { SimNode } from "#libs/sim/node.js";
import { SimWorld } from "#libs/sim/world.js";
import { eventually } from "#test/support/eventually.js";
import { startNats } from "#test/support/nats.js";

/** One process of a world. */
export interface Node {
  readonly bus: Bus;
  readonly streams: Streams;
  readonly store: Store;
  readonly clock: Clock;
}

/** What a contract is tried against: the real servers, or the simulated ones. */
export interface World {
  /** A process of its own, connected. */
  node(name: string): Promise<Node>;
  until<T>(what: string, condition: () => T | undefined | false, limitMs?: number): Promise<T>;
  /** Waits for the promise; in a simulated world by letting its time pass. */
  done<T>(promise: Promise<T>): Promise<T>;
  /** Lets so much of the world's time pass. */
  pass(ms: number): Promise<void>;
  /** The process dies: nothing is heard of it any more. */
  die(node: Node): Promise<void>;
  /** The server dies without notice; what is durable stays. */
  serverDies(): Promise<void>;
  serverReturns(): Promise<void>;
  end(): Promise<void>;
}

export interface WorldKind {
  readonly name: string;
  readonly open: () => Promise<World>;
}

async function realWorld(): Promise<World> {
  const server = await startNats();
  const links = new Map<Node, NatsLink>();
  return {
    async node(name) {
      const link = await NatsLink.open({
        url: server.url,
        name,
        inboxPrefix: `_INBOX.${name}`,
        log: silentLog,
      });
      const js = new JetStream(link);
      const requests = new Requests(link, { giveUpWhenDisconnected: false });
      const node = {
        bus: new NatsBus(link, requests),
        streams: new NatsStreams(js),
        store: new NatsStore(js),
        clock: new SystemClock(),
      };
      links.set(node, link);
      return node;
    },
    die: async (node) => links.get(node)?.nc.close(),
    until: eventually,
    done: (promise) => promise,
    pass: (ms) => sleep(ms),
    serverDies: () => server.kill(),
    serverReturns: () => server.restart(),
    async end() {
      await Promise.all([...links.values()].map((link) => link.close()));
      await server.stop();
    },
  };
}

function simulatedWorld(): Promise<World> {
  const world = new SimWorld({ seed: "contract" });
  return Promise.resolve({
    node: (name) => Promise.resolve(world.node(name)),
    die: (node) => Promise.resolve((node as SimNode).crash()),
    until: (what, condition, limitMs) => world.runUntil(what, condition, limitMs),
    done: (promise) => world.settled(promise),
    pass: (ms) => world.runFor(ms),
    serverDies: () => Promise.resolve(world.serverDies()),
    serverReturns: () => Promise.resolve(world.serverReturns()),
    end: () => Promise.resolve(),
  });
}

/** Every world that a contract holds in. */
export const worlds: readonly WorldKind[] = [
  { name: "NATS", open: realWorld },
  { name: "the simulation", open: simulatedWorld },
];
