import { ContainerModule } from "inversify";
import { provide } from "#libs/ports/provide.js";
import { ports, token } from "#libs/ports/tokens.js";
import { type AgentConfig, runAgent, type StopAgent } from "./service.js";

/** Starts the agent; `crashed` is called when a bug threw, or when it cannot go on. */
export type StartAgent = (crashed: (cause: unknown) => void) => Promise<StopAgent>;
export const agent = token<StartAgent>("agent");

/** The agent over whatever world is bound: the host's own or a simulated one. */
export const agentModule = (config: AgentConfig): ContainerModule =>
  new ContainerModule((options) => {
    provide(
      options,
      agent,
      [
        ports.bus,
        ports.streams,
        ports.journal,
        ports.executors,
        ports.sandboxes,
        ports.host,
        ports.probe,
        ports.catalog,
        ports.clock,
        ports.log,
        ports.sealer,
        ports.random,
      ],
      (bus, streams, journal, executors, sandboxes, host, probe, catalog, clock, log, sealer, random) =>
        (crashed) =>
          runAgent(
            {
              bus,
              streams,
              journal,
              executors,
              sandboxes,
              host,
              probe,
              catalog,
              clock,
              log,
              sealer,
              random,
            },
            config,
            crashed,
          ),
    );
  });
