import { ContainerModule } from "inversify";
import { Subjects } from "#protocol/subjects.js";
import type { Stop } from "#libs/framework/runtime.js";
import type { ServiceOptions } from "#libs/framework/service.js";
import { provide } from "#libs/ports/provide.js";
import { ports, token } from "#libs/ports/tokens.js";
import { runJobs } from "./service.js";
import type { JobsSettings } from "./settings.js";

/** Starts jobs; `crashed` is called when a bug threw. */
export type StartJobs = (crashed: (cause: unknown) => void) => Stop;
export const jobs = token<StartJobs>("jobs");

export type JobsOptions = Pick<JobsSettings, "cluster" | "framework" | "role" | "replicas"> &
  Pick<ServiceOptions, "watch">;

export const jobsModule = ({ cluster, framework, role, replicas, watch }: JobsOptions): ContainerModule =>
  new ContainerModule((options) => {
    provide(
      options,
      jobs,
      [ports.bus, ports.streams, ports.store, ports.clock, ports.random, ports.log, ports.lease],
      (bus, streams, store, clock, random, log, lease) => (crashed) =>
        runJobs(
          { bus, streams, store, clock, random, log, lease, subjects: new Subjects(cluster) },
          { id: framework, role, replicas, watch },
          crashed,
        ),
    );
  });
