import { ContainerModule } from "inversify";
import { provide } from "#libs/ports/provide.js";
import { ports } from "#libs/ports/tokens.js";
import type { SimNode } from "./node.js";

/** Binds what `libs/adapters/world.ts` binds, for one simulated process. */
export const simModule = (node: SimNode): ContainerModule =>
  new ContainerModule((options) => {
    provide(options, ports.bus, [], () => node.bus);
    provide(options, ports.streams, [], () => node.streams);
    provide(options, ports.store, [], () => node.store);
    provide(options, ports.clock, [], () => node.clock);
    provide(options, ports.random, [], () => node.random);
    provide(options, ports.log, [], () => node.log);
    provide(options, ports.sealer, [], () => node.sealer);
    provide(options, ports.lease, [], () => node.lease);
  });
