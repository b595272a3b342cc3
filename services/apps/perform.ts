import { codec } from "#protocol/codec.js";
import { ClusterEvent } from "#protocol/event.js";
import { unreachable } from "#libs/core/assert.js";
import type { FrameworkDoes, FrameworkPorts, ServedApi, ServiceTerm } from "#libs/framework/service.js";
import type { WriteOutcome } from "#libs/machine/vault.js";
import type { AppsEffect, AppsEvent } from "./events.js";

const events = codec(ClusterEvent);

export interface PerformContext {
  readonly ports: Pick<FrameworkPorts, "bus" | "subjects">;
  readonly term: Pick<ServiceTerm, "vault" | "log">;
  readonly api: Pick<ServedApi, "answer">;
}

/** Carries out an effect of the AppsMachine. A write that does not count any more ends the term: nobody waits for it then. */
export function performApps(
  effect: Exclude<AppsEffect, FrameworkDoes>,
  emit: (event: AppsEvent) => void,
  { ports: { bus, subjects }, term: { vault, log }, api }: PerformContext,
): void {
  switch (effect.type) {
    case "store":
      return void whenStored(vault.put(effect.key, effect.value), () =>
        emit({ type: "stored", write: effect.write }),
      );
    case "remove":
      return void whenStored(vault.remove(effect.key), () => emit({ type: "stored", write: effect.write }));
    case "answer":
      return api.answer(effect);
    case "announce": {
      const { kind, about } = effect.event;
      return bus.publish(subjects.event(kind, about), events.encode(effect.event));
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
