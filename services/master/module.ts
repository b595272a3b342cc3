import { ContainerModule } from "inversify";
import { provide } from "#libs/ports/provide.js";
import { ports, token } from "#libs/ports/tokens.js";
import { type MasterConfig, runMaster, type StopMaster } from "./service.js";

/** Starts the master; `crashed` is called when a bug threw. */
export type StartMaster = (crashed: (cause: unknown) => void) => StopMaster;
export const master = token<StartMaster>("master");

/** The master over whatever world is bound: a real one or a simulated one. */
export const masterModule = (config: MasterConfig): ContainerModule =>
  new ContainerModule((options) => {
    provide(
      options,
      master,
      [
        ports.bus,
        ports.streams,
        ports.store,
        ports.lease,
        ports.clock,
        ports.random,
        ports.log,
        ports.sealer,
      ],
      (bus, streams, store, lease, clock, random, log, sealer) => (crashed) =>
        runMaster({ bus, streams, store, lease, clock, random, log, sealer }, config, crashed),
    );
  });
