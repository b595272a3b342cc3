import { SystemClock } from "#libs/adapters/clock.js";
import type { Bus } from "#libs/ports/bus.js";
import { type Clock, delay } from "#libs/ports/clock.js";
import type { Store } from "#libs/ports/store.js";
import type { Streams } from "#libs/ports/stream.js";
import type { SimNode } from "#libs/sim/node.js";
import { SimWorld } from "#libs/sim/world.js";
import { eventually } from "#test/support/eventually.js";
import { type Connected, connected } from "#test/support/link.js";
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
  const clock = new SystemClock();
  const links = new Map<Node, Connected["link"]>();
  return {
    async node(name) {
      const { link, bus, streams, store } = await connected(server.url, name);
      const node = { bus, streams, store, clock };
      links.set(node, link);
      return node;
    },
    die: async (node) => links.get(node)?.drop(),
    until: eventually,
    done: (promise) => promise,
    // Not by a bare timer: Node may fire it up to a millisecond early.
    pass: (ms) => delay(clock, ms),
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
