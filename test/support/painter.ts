import { Type } from "typebox";
import { commonSettings } from "#libs/adapters/config.js";
import { runService } from "#libs/adapters/main.js";
import type { Bus } from "#libs/ports/bus.js";
import { ports } from "#libs/ports/tokens.js";

/** A service that does next to nothing: what test/unit/adapters/main.test.ts runs. */
await runService({
  name: "painter",
  settings: Type.Object({
    ...commonSettings,
    mishap: Type.Enum(["none", "throw-late", "reject-late", "stop-hangs"], {
      env: "PAINTER_MISHAP",
      default: "none",
    }),
  }),
  stopMostMs: 300,
  start({ settings, container, log }) {
    const bus = container.get<Bus>(ports.bus);
    bus.messages("paint").subscribe((message) => message.respond(message.bytes));
    if (settings.mishap === "throw-late") setTimeout(() => fail(), 10);
    if (settings.mishap === "reject-late") void Promise.reject(new Error("a bug"));
    return async () => {
      log.info("cleaning the brushes");
      bus.publish("painted", new TextEncoder().encode("bye"));
      if (settings.mishap === "stop-hangs") await new Promise(() => undefined);
    };
  },
});

function fail(): never {
  throw new Error("a bug");
}
