import { codec } from "#protocol/codec.js";
import { EventBatch } from "#protocol/event.js";
import { unreachable } from "#libs/core/assert.js";
import { door } from "#libs/machine/door.js";
import type { WriteOutcome } from "#libs/machine/vault.js";
import type { OwnEffect, Stored } from "./own.js";
import { type Stop, runService } from "./runtime.js";
import { serveApi } from "./serve.js";
import type {
  ApiCalls,
  Called,
  FrameworkPorts,
  ServedApi,
  Service,
  ServiceOptions,
  ServiceTerm,
} from "./service.js";

/** A service with records and an API of its own, as one line of wiring. `makeMachine` is called for each term. */
export function runOwnService<Calls extends ApiCalls>(
  world: FrameworkPorts,
  options: ServiceOptions & { readonly calls: Calls },
  makeMachine: (term: ServiceTerm) => Service<Called<Calls> | Stored, OwnEffect>["machine"],
  crashed: (cause: unknown) => void,
): Stop {
  // One for all that comes in, in all terms, so that what does not decode is counted together.
  const ports = { ...world, door: door(world.log, world.clock) };
  return runService<Called<Calls> | Stored, OwnEffect>(
    ports,
    options,
    (term) => {
      let api: ServedApi | undefined;
      return {
        machine: makeMachine(term),
        perform: (effect, emit) => perform(effect, emit, { ports, term, api }),
        listen(emit) {
          api = serveApi(ports, options.calls, emit);
          return () => api?.close();
        },
      };
    },
    crashed,
  );
}

interface Context {
  readonly ports: Pick<FrameworkPorts, "bus" | "subjects">;
  readonly term: Pick<ServiceTerm, "vault" | "log">;
  readonly api: ServedApi | undefined;
}

const eventBatch = codec(EventBatch);

/** A write that does not count any more ends the term: nobody waits for it then. */
function perform(
  effect: OwnEffect,
  emit: (event: Stored) => void,
  { ports: { bus, subjects }, term: { vault, log }, api }: Context,
): void {
  switch (effect.type) {
    case "store":
      return void whenStored(vault.put(effect.key, effect.value), () =>
        emit({ type: "stored", write: effect.write }),
      );
    case "remove":
      return void whenStored(vault.remove(effect.key), () => emit({ type: "stored", write: effect.write }));
    case "answer":
      return api?.answer(effect);
    case "announce": {
      const { kind, about } = effect.event;
      return bus.publish(subjects.event(kind, about), eventBatch.encode({ events: [effect.event] }));
    }
    case "say":
      return log.warn(effect.message, effect.fields);
    default:
      return unreachable(effect);
  }
}

async function whenStored(writing: Promise<WriteOutcome>, stored: () => void): Promise<void> {
  if ((await writing) === "stored") stored();
}
