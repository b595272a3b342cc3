import { appsApi } from "#protocol/app.js";
import { type Stop, runService } from "#libs/framework/runtime.js";
import { serveApi } from "#libs/framework/serve.js";
import type { FrameworkDoes, FrameworkPorts, ServedApi, ServiceOptions } from "#libs/framework/service.js";
import type { AppsEffect, AppsEvent } from "./events.js";
import { AppsMachine } from "./machine.js";
import { performApps } from "./perform.js";

/** Runs `apps`: stands for the lead, and while it leads serves the API and keeps every app running as asked. */
export function runApps(
  ports: FrameworkPorts,
  options: ServiceOptions,
  crashed: (cause: unknown) => void,
): Stop {
  return runService<AppsEvent, Exclude<AppsEffect, FrameworkDoes>>(
    ports,
    options,
    (term) => {
      let api: ServedApi | undefined;
      const answering = { answer: (answer: Parameters<ServedApi["answer"]>[0]) => api?.answer(answer) };
      return {
        machine: new AppsMachine(term),
        perform: (effect, emit) => performApps(effect, emit, { ports, term, api: answering }),
        listen: (emit) => {
          api = serveApi(ports, appsApi, emit);
          return () => api?.close();
        },
      };
    },
    crashed,
  );
}
