import { ContainerModule } from "inversify";
import { Subjects } from "#protocol/subjects.js";
import { provide } from "#libs/ports/provide.js";
import { ports, token } from "#libs/ports/tokens.js";
import { runMaster, type WatchMachine } from "./service.js";
import { defaultSettings, type MasterSettings } from "./settings.js";

/** Starts a master; `crashed` is called when a bug threw. Returns how to stop it. */
export type StartMaster = (crashed: (cause: unknown) => void) => () => Promise<void>;
export const master = token<StartMaster>("master");

export interface MasterModuleOptions {
  readonly cluster: string;
  readonly replicas?: number;
  readonly name?: string | undefined;
  readonly settings?: Partial<MasterSettings>;
  readonly watch?: WatchMachine;
}

/** A master over whatever world is bound. */
export const masterModule = ({
  cluster,
  replicas = 1,
  name,
  settings,
  watch,
}: MasterModuleOptions): ContainerModule =>
  new ContainerModule((options) => {
    provide(
      options,
      master,
      [
        ports.bus,
        ports.streams,
        ports.store,
        ports.sealer,
        ports.clock,
        ports.random,
        ports.log,
        ports.lease,
      ],
      (bus, streams, store, sealer, clock, random, log, lease) => (crashed) =>
        runMaster(
          { bus, streams, store, sealer, clock, random, log, lease },
          {
            subjects: new Subjects(cluster),
            name,
            replicas,
            settings: { ...defaultSettings, ...settings },
            watch,
          },
          crashed,
        ),
    );
  });
