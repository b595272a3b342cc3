import { Type } from "typebox";
import type { Bus } from "#libs/ports/bus.js";
import type { Clock } from "#libs/ports/clock.js";
import type { Lease } from "#libs/ports/lease.js";
import type { Log } from "#libs/ports/log.js";
import type { Random } from "#libs/ports/random.js";
import type { Store } from "#libs/ports/store.js";
import type { Streams } from "#libs/ports/stream.js";
import { ports } from "#libs/ports/tokens.js";
import { commonSettings } from "#libs/adapters/config.js";
import { runService } from "#libs/adapters/main.js";
import { Subjects } from "#protocol/subjects.js";
import { type FrameworkContext, runFramework } from "./runtime.js";
import type { Scheduler } from "./scheduler.js";

export interface FrameworkOptions {
  /** Names the framework, its bucket and its lease: copies with one id are hot standbys. `[A-Za-z0-9_.-]`, at most 64. */
  readonly id: string;
  /** Under which it shares the cluster. */
  readonly role: string;
  /** For people; the id unless given. */
  readonly name?: string;
  /** Away for so long (counted while a master leads), its tasks are ended. Never unless given; at least 1000. */
  readonly failoverTimeoutMs?: number;
}

/**
 * The whole life of a framework's process: settings from the environment (NATS_URL, EMPORION_NATS_CREDS_FILE, EMPORION_CLUSTER, …), one
 * term after the other, and an end in good order on SIGTERM and SIGINT, after which its tasks go on. `begin` makes the
 * scheduler of a term: it starts empty and is told of every task that is known.
 */
export async function startFramework(
  options: FrameworkOptions,
  begin: (context: FrameworkContext) => Scheduler,
): Promise<void> {
  await runService({
    name: options.id,
    settings: Type.Object(commonSettings),
    principal: () => ({ kind: "framework", id: options.id }),
    start: ({ settings, container, crashed }) =>
      runFramework(
        {
          bus: container.get<Bus>(ports.bus),
          streams: container.get<Streams>(ports.streams),
          store: container.get<Store>(ports.store),
          clock: container.get<Clock>(ports.clock),
          random: container.get<Random>(ports.random),
          log: container.get<Log>(ports.log),
          lease: container.get<(name: string, holder: string) => Lease>(ports.lease),
          subjects: new Subjects(settings.cluster),
        },
        { ...options, replicas: settings.replicas },
        begin,
        crashed,
      ),
  });
}
