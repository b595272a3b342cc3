import type { Log } from "#libs/ports/log.js";
import { type BusEffect, type BusWorld, performOnBus } from "./perform-bus.js";
import { type HostEffect, type HostWorld, performOnHost } from "./perform-host.js";
import type { AgentEffect, AgentEvent } from "./events.js";

export interface World extends BusWorld, HostWorld {
  readonly log: Log;
  /** The process is to end: with a fault, or as it was asked to. */
  readonly stop: (fault: string | undefined) => void;
}

/** Carries out what the agent decided. Whatever fails outside comes back as an event. */
export function perform(world: World, effect: AgentEffect, emit: (event: AgentEvent) => void): void {
  if (effect.type === "note") world.log[effect.level](effect.message, effect.fields);
  else if (effect.type === "stop") world.stop(effect.fault);
  else if (isOnBus(effect)) performOnBus(world, effect, emit);
  else performOnHost(world, effect, emit);
}

const busEffects: Readonly<Record<BusEffect["type"], true>> = {
  answer: true,
  staySilent: true,
  findOthers: true,
  beFound: true,
  register: true,
  report: true,
  publishBatch: true,
  tellEvents: true,
  reachCluster: true,
};

const isOnBus = (effect: BusEffect | HostEffect): effect is BusEffect => effect.type in busEffects;
