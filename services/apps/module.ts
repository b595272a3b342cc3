import { ContainerModule } from "inversify";
import { Subjects } from "#protocol/subjects.js";
import type { Stop } from "#libs/framework/runtime.js";
import type { ServiceOptions } from "#libs/framework/service.js";
import { provide } from "#libs/ports/provide.js";
import { ports, token } from "#libs/ports/tokens.js";
import { runApps } from "./service.js";
import type { AppsSettings } from "./settings.js";

/** Starts apps; `crashed` is called when a bug threw. */
export type StartApps = (crashed: (cause: unknown) => void) => Stop;
export const apps = token<StartApps>("apps");

export type AppsOptions = Pick<AppsSettings, "cluster" | "framework" | "role" | "replicas"> &
  Pick<ServiceOptions, "watch">;

export const appsModule = ({ cluster, framework, role, replicas, watch }: AppsOptions): ContainerModule =>
  new ContainerModule((options) => {
    provide(
      options,
      apps,
      [ports.bus, ports.streams, ports.store, ports.clock, ports.random, ports.log, ports.lease],
      (bus, streams, store, clock, random, log, lease) => (crashed) =>
        runApps(
          { bus, streams, store, clock, random, log, lease, subjects: new Subjects(cluster) },
          { id: framework, role, replicas, watch },
          crashed,
        ),
    );
  });
