import { ContainerModule } from "inversify";
import type { Subjects } from "#protocol/subjects.js";
import { provide } from "#libs/ports/provide.js";
import { ports, token } from "#libs/ports/tokens.js";
import { agentTasks } from "./agent-tasks.js";
import { busApi } from "./bus-api.js";
import type { Parts } from "./parts.js";

export const gatewayParts = token<Parts>("gateway.parts");

export const gatewayModule = (subjects: Subjects): ContainerModule =>
  new ContainerModule((options) => {
    provide(
      options,
      gatewayParts,
      [ports.bus, ports.streams, ports.clock, ports.log],
      (bus, streams, clock, log) => ({
        bus,
        streams,
        clock,
        log,
        subjects,
        api: busApi(bus, subjects, clock),
        tasks: agentTasks(bus, subjects),
      }),
    );
  });
